"""I2: NET_ADMIN is in the sidecar alone; nothing is privileged, root, or without the kernel's profiles."""

from collections.abc import Iterator
from typing import Final

from components.constants import SIDECAR_CONTAINER
from policies.rules.gateway import is_gateway_pod, is_instance_pod, is_sidecar, is_tailscale_image
from policies.rules.kinds import Container, Pod, Resource, annotation_places
from policies.rules.rule import Finding
from policies.rules.values import Unknown, Value, fields, get, items, obj, present, text

_ONLY_SIDECAR: Final = f"Only the container `{SIDECAR_CONTAINER}` may have it."
_NO_OTHER: Final = f"Remove it. The container `{SIDECAR_CONTAINER}` may add NET_ADMIN; nothing else is ever added."
# SELinux types that confine a container; any other is wider, or of somebody else's.
_SELINUX_TYPES: Final = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
# Sysctls that belong to the pod alone (Pod Security Standards).
_SAFE_SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
    }
    | {
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
    }
    | {"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
)
# Annotations by which a profile was chosen before it had a field, and by which a runtime is given options past the pod's.
_PROFILES: Final = ("seccomp.security.alpha.kubernetes.io/", "container.seccomp.security.alpha.kubernetes.io/")
_APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_RUNTIMES: Final = (
    "io.kubernetes.cri-o.",
    "io.containerd.",
    "io.katacontainers.",
    "dev.gvisor.",
    "run.oci.",
    "devices.",
)
_DEVICE_ANNOTATIONS: Final = ("cdi.k8s.io/", "devices.nri.io", "devices.gadgets.")
# Vendors whose devices compute; any other device of a plugin is one of the node's own.
_COMPUTING: Final = (
    "nvidia.com/",
    "amd.com/",
    "gpu.intel.com/",
    "aws.amazon.com/neuron",
    "google.com/tpu",
    "habana.ai/",
)
_OWN_RESOURCES: Final = ("cpu", "memory", "ephemeral-storage", "hugepages-")
_ROOT_HINT: Final = "Set runAsNonRoot to true and runAsUser to another than 0."


def capabilities(resource: Resource) -> Iterator[Finding]:
    """NET_ADMIN is the only capability ever added, and only to the sidecar."""
    for pod in resource.pods:
        for container in pod.containers:
            keys = ("securityContext", "capabilities", "add")
            for path, capability in items(get(container.spec, *keys), ".".join((container.path, *keys))):
                name = (text(capability) or "").upper().removeprefix("CAP_") if text(capability) is not None else None
                if name == "NET_ADMIN" and container.name is not None and not _may_have_it(container):
                    yield Finding(f"adds NET_ADMIN to {container.title}", path, f"Remove it. {_ONLY_SIDECAR}")
                elif name is not None and name != "NET_ADMIN":
                    yield Finding(f"adds a capability to {container.title}", path, _NO_OTHER)


def _may_have_it(container: Container) -> bool:
    if container.list == "ephemeralContainers":
        return False
    return container.name == SIDECAR_CONTAINER or is_tailscale_image(container.image)


def kept_capabilities(resource: Resource) -> Iterator[Finding]:
    """Each container of a gateway's pod drops what the runtime gives: with NET_RAW, one listens to the token on loopback."""
    for pod in resource.pods:
        if not is_instance_pod(pod) or pod.partial:
            continue
        for container in pod.containers:
            dropped = get(container.spec, "securityContext", "capabilities", "drop")
            if container.partial or isinstance(dropped, Unknown):
                continue
            if "ALL" not in [(text(one) or "ALL").upper() for _, one in items(dropped, "")]:
                at = f"{container.path}.securityContext.capabilities.drop"
                yield Finding(f"keeps capabilities of the runtime in {container.title}", at, "Drop ALL.")


def privileges(resource: Resource) -> Iterator[Finding]:
    """Nothing is privileged, gains privileges, or looks into the node."""
    for pod in resource.pods:
        for key in ("hostPID", "hostIPC"):
            if _is_true(pod.spec.get(key)):
                yield Finding("shares the processes or memory of the node", f"{pod.path}.{key}", "Remove it.")
        if _is_true(get(pod.spec, "securityContext", "windowsOptions", "hostProcess")):
            yield Finding(
                "runs as a process of the node", f"{pod.path}.securityContext.windowsOptions.hostProcess", "Remove it."
            )
        for container in pod.containers:
            yield from _container_privileges(container)


def _is_true(value: Value) -> bool:
    # The API reads no texts here; a client of it may.
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _container_privileges(container: Container) -> Iterator[Finding]:
    context = container.spec.get("securityContext")
    at = f"{container.path}.securityContext"
    if _is_true(get(context, "privileged")):
        yield Finding(f"runs {container.title} privileged: it controls the node", f"{at}.privileged", "Remove it.")
    if _is_true(get(context, "allowPrivilegeEscalation")):
        yield Finding(f"lets {container.title} gain privileges", f"{at}.allowPrivilegeEscalation", "Set it to false.")
    if get(context, "procMount") == "Unmasked":
        yield Finding(f"shows {container.title} the kernel's settings", f"{at}.procMount", "Remove it.")
    if _is_true(get(context, "windowsOptions", "hostProcess")):
        yield Finding(
            f"runs {container.title} as a process of the node", f"{at}.windowsOptions.hostProcess", "Remove it."
        )
    for path, mount in items(container.spec.get("volumeMounts"), f"{container.path}.volumeMounts"):
        if get(mount, "mountPropagation") == "Bidirectional":
            yield Finding(f"lets mounts of {container.title} reach the node", f"{path}.mountPropagation", "Remove it.")


def root(resource: Resource) -> Iterator[Finding]:
    """No container but the sidecar runs as root."""
    for pod in resource.pods:
        above = obj(pod.spec.get("securityContext"))
        for container in pod.containers:
            if _may_be_root(container):
                continue
            context = obj(container.spec.get("securityContext"))
            for key, bad in (("runAsUser", 0), ("runAsGroup", 0), ("runAsNonRoot", False)):
                value = context[key] if key in context else above.get(key)
                where = f"{container.path if key in context else pod.path}.securityContext.{key}"
                if value == bad and value is not None and isinstance(value, bool) == isinstance(bad, bool):
                    # Group 0 without user 0 is OpenShift's own way.
                    if key == "runAsGroup" and not is_instance_pod(pod):
                        continue
                    yield Finding(f"runs {container.title} as root", where, _ROOT_HINT)
        for path, group in items(above.get("supplementalGroups"), f"{pod.path}.securityContext.supplementalGroups"):
            if group == 0 and not isinstance(group, bool):
                yield Finding("gives its containers root's group", path, "Remove it.")
        if above.get("fsGroup") == 0 and not isinstance(above.get("fsGroup"), bool):
            yield Finding(
                "gives its volumes to root's group", f"{pod.path}.securityContext.fsGroup", "Use another group."
            )


def _may_be_root(container: Container) -> bool:
    return is_sidecar(container) and (container.image is None or is_tailscale_image(container.image))


def profiles(resource: Resource) -> Iterator[Finding]:
    """Seccomp, AppArmor and SELinux stay on, and no sysctl of the node is set."""
    for pod in resource.pods:
        yield from _profiles(pod.spec.get("securityContext"), f"{pod.path}.securityContext", "its containers")
        for path, sysctl in items(get(pod.spec, "securityContext", "sysctls"), f"{pod.path}.securityContext.sysctls"):
            name = text(get(sysctl, "name"))
            if name is not None and name not in _SAFE_SYSCTLS:
                yield Finding("sets a kernel parameter that is not the pod's alone", path, "Remove it.")
        for container in pod.containers:
            context = container.spec.get("securityContext")
            yield from _profiles(context, f"{container.path}.securityContext", container.title)


def _profiles(context: Value, at: str, whose: str) -> Iterator[Finding]:
    for key in ("seccompProfile", "appArmorProfile"):
        if get(context, key, "type") == "Unconfined":
            yield Finding(f"takes the kernel's profile from {whose}", f"{at}.{key}.type", "Use RuntimeDefault.")
    options = obj(get(context, "seLinuxOptions"))
    kind = options.get("type")
    wide = not isinstance(kind, Unknown) and kind not in _SELINUX_TYPES
    if wide or present(options.get("user")) or present(options.get("role")):
        yield Finding(f"gives {whose} another SELinux context", f"{at}.seLinuxOptions", "Remove it.")


def profile_annotations(resource: Resource) -> Iterator[Finding]:
    """No annotation switches a profile off, or gives a container runtime options past the pod's."""
    if not resource.is_kubernetes:
        return
    for at, values, what in annotation_places(resource):
        if what != "annotations":
            continue
        for key, path, value in fields(values, at):
            off = isinstance(value, str) and value.lower() == "unconfined"
            if off and key.startswith((*_PROFILES, _APPARMOR)):
                yield Finding("takes the kernel's profile from a container", path, "Use RuntimeDefault.")
            elif key.startswith(_RUNTIMES) or any(mark in key for mark in _DEVICE_ANNOTATIONS):
                yield Finding("gives the container runtime options past the pod's", path, "Remove it.")


def devices(resource: Resource) -> Iterator[Finding]:
    """No device of the node comes by a plugin, but those that compute."""
    for pod in resource.pods:
        if present(pod.spec.get("resourceClaims")) and is_instance_pod(pod):
            yield Finding("claims a device of the node", f"{pod.path}.resourceClaims", "Remove it.")
        for container in pod.containers:
            if _may_have_device(container, pod):
                continue
            for part in ("limits", "requests"):
                at = f"{container.path}.resources.{part}"
                for key, path, _ in fields(get(container.spec, "resources", part), at):
                    computes = key.startswith(_COMPUTING) and not is_gateway_pod(pod)
                    if not key.startswith(_OWN_RESOURCES) and "/" in key and not computes:
                        yield Finding(f"gives {container.title} a device of the node", path, "Remove it.")


def _may_have_device(container: Container, pod: Pod) -> bool:
    # A device plugin is how some clusters give the sidecar its tun device (tailscale#10814).
    return is_sidecar(container) and any(c is container for c in pod.containers) and _only_tun(container)


def _only_tun(container: Container) -> bool:
    keys = [key for part in ("limits", "requests") for key in obj(get(container.spec, "resources", part)) if "/" in key]
    return all("tun" in key.rpartition("/")[2].split("-") for key in keys)


def scheduling(resource: Resource) -> Iterator[Finding]:
    """A gateway runs neither as a part of the cluster nor on a control plane by right."""
    for pod in resource.pods:
        if not is_instance_pod(pod):
            continue
        name = text(pod.spec.get("priorityClassName")) or ""
        if name.startswith("system-"):
            yield Finding("runs as a part of the cluster itself", f"{pod.path}.priorityClassName", "Remove it.")
