"""I2: NET_ADMIN and the tun device are in the sidecar alone, and nothing has more than that."""

from collections.abc import Iterator
from typing import Final

from components.constants import SIDECAR_CONTAINER, TUN_DEVICE
from policies.rules.kinds import Container, Pod, Resource, mounts
from policies.rules.rule import Finding
from policies.rules.values import Object, get, items, text

_ONLY_SIDECAR: Final = f"Only the container `{SIDECAR_CONTAINER}` may have it."
_NO_OTHER: Final = f"Remove it. The container `{SIDECAR_CONTAINER}` may add NET_ADMIN; nothing else is ever added."


def capabilities(resource: Resource) -> Iterator[Finding]:
    """NET_ADMIN is the only capability ever added, and only to the sidecar."""
    for pod in resource.pods():
        for container in pod.containers:
            keys = ("securityContext", "capabilities", "add")
            for path, capability in items(get(container.spec, *keys), ".".join((container.path, *keys))):
                name = text(capability)
                if name == "NET_ADMIN" and container.name not in (SIDECAR_CONTAINER, None):
                    yield Finding(f"adds NET_ADMIN to {container.title}", path, f"Remove it. {_ONLY_SIDECAR}")
                elif name is not None and name != "NET_ADMIN":
                    yield Finding(f"adds a capability to {container.title}", path, _NO_OTHER)


def privileges(resource: Resource) -> Iterator[Finding]:
    """Nothing is privileged, gains privileges, or looks into the node."""
    for pod in resource.pods():
        for key in ("hostPID", "hostIPC"):
            if pod.spec.get(key) is True:
                yield Finding("shares the processes or memory of the node", f"{pod.path}.{key}", "Remove it.")
        if get(pod.spec, "securityContext", "windowsOptions", "hostProcess") is True:
            yield Finding(
                "runs as a process of the node", f"{pod.path}.securityContext.windowsOptions.hostProcess", "Remove it."
            )
        for container in pod.containers:
            yield from _container_privileges(container)


def _container_privileges(container: Container) -> Iterator[Finding]:
    context = container.spec.get("securityContext")
    at = f"{container.path}.securityContext"
    if get(context, "privileged") is True:
        yield Finding(f"runs {container.title} privileged: it controls the node", f"{at}.privileged", "Remove it.")
    if get(context, "allowPrivilegeEscalation") is True:
        yield Finding(f"lets {container.title} gain privileges", f"{at}.allowPrivilegeEscalation", "Set it to false.")
    if get(context, "procMount") == "Unmasked":
        yield Finding(f"shows {container.title} the kernel's settings", f"{at}.procMount", "Remove it.")
    if get(context, "windowsOptions", "hostProcess") is True:
        yield Finding(
            f"runs {container.title} as a process of the node", f"{at}.windowsOptions.hostProcess", "Remove it."
        )


def host_paths(resource: Resource) -> Iterator[Finding]:
    """The only file of the node is /dev/net/tun, as a character device, and only the sidecar mounts it."""
    volume_path = get(resource.props, "spec", "hostPath")
    if resource.is_kubernetes and resource.kind == "PersistentVolume" and volume_path is not None:
        yield Finding("makes a directory of the node a volume", resource.at("spec", "hostPath"), "Use a storage class.")
    for pod in resource.pods():
        held: set[str] = set()
        for path, volume in pod.volumes():
            if "hostPath" not in volume:
                continue
            if name := text(volume.get("name")):
                held.add(name)
            yield from _host_path(volume, path)
        yield from _host_path_mounts(pod, held)


def _host_path(volume: Object, path: str) -> Iterator[Finding]:
    host_path, kind = get(volume, "hostPath", "path"), get(volume, "hostPath", "type")
    if isinstance(host_path, str) and host_path != TUN_DEVICE:
        yield Finding(
            f"takes a file or directory of the node other than {TUN_DEVICE}",
            f"{path}.hostPath.path",
            "Use a persistent volume claim, a ConfigMap, a Secret or an emptyDir.",
        )
    elif host_path == TUN_DEVICE and (kind is None or (isinstance(kind, str) and kind != "CharDevice")):
        yield Finding(
            f"takes {TUN_DEVICE} without saying that it is a device",
            f"{path}.hostPath.type",
            "Set it to CharDevice, so that a node without the device says so.",
        )


def _host_path_mounts(pod: Pod, held: set[str]) -> Iterator[Finding]:
    for container in pod.containers:
        for path, name in mounts(container):
            if name in held and container.name not in (SIDECAR_CONTAINER, None):
                yield Finding(f"mounts a file of the node in {container.title}", path, f"Remove it. {_ONLY_SIDECAR}")
