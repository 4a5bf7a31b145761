"""I3: only the sidecar and its init container see what is Tailscale's: state, keys, socket, device."""

import re
from collections.abc import Iterator
from typing import Final

from components.constants import SIDECAR_CONTAINER, TAILNET_VOLUME_PREFIX, TUN_DEVICE, UNSEAL_CONTAINER, VOLUME_TUN
from policies.rules.gateway import is_instance_pod, is_tailnet_side, mount_paths
from policies.rules.kinds import Container, Pod, Resource, mounts, variables
from policies.rules.rule import Finding
from policies.rules.values import Object, Value, get, items, obj, text

# Every other container is held to this rule, not just the one named `gateway`: a new name opens nothing.
_MEND: Final = f"Remove it. Only `{SIDECAR_CONTAINER}` and `{UNSEAL_CONTAINER}` may hold Tailscale's secrets."
# Where a volume names the object it comes from; the same fields occur in the sources of a projected volume.
_SOURCES: Final = {
    "secret": ("secretName", "name"),
    "configMap": ("name",),
    "persistentVolumeClaim": ("claimName",),
}
# Sources that hold nothing that is secret, so that both sides may have them.
_SHAREABLE: Final = ("configMap", "downwardAPI")
_CREDENTIALS: Final = re.compile(
    r"TS_(?:AUTH_?KEY|CLIENT_SECRET|ID_TOKEN|API_KEY|API_CLIENT_SECRET|SOCKET|STATE_DIR|KUBE_SECRET|OAUTH\w*)"
    r"|TAILSCALE_(?:API_KEY|OAUTH_CLIENT_SECRET|AUTH_?KEY|IDENTITY_TOKEN|SOCKET)|TAILNET_(?:AUTH_?KEY|KEK)"
)
# Names of objects that are Tailscale's: this stack's, and what others call theirs.
_SECRET_NAME: Final = re.compile(
    r"(?:^|[-.])(?:tailnet-(?:kek|authkey|oauth|state)|(?:tailscale|ts)-(?:auth|authkey|oauth|state|key|secret|kek)|kek)(?:[-.]|$)"
)
_CLAIM_NAME: Final = re.compile(r"^tailnet-|(?:^|[-.])(?:tailscale|ts-state|tailscaled)(?:[-.]|$)")
# Where tailscaled has its socket and its state, unless told otherwise.
_PLACES: Final = (
    "/var/run/tailscale",
    "/run/tailscale",
    "/var/lib/tailscale",
    "/var/lib/ts-state",
    "/tmp/tailscaled.sock",
)
Source = tuple[str, str]  # (kind as in _SOURCES, name of the object)


def volumes(resource: Resource) -> Iterator[Finding]:
    """No other container mounts a tailnet volume, nor the same object under another volume's name."""
    for pod in resource.pods:
        forbidden = _tailnet_volumes(pod)
        for container in _others(pod):
            for path, name in mounts(container):
                # By name too: a StatefulSet's claim templates are volumes that its pod spec does not list.
                if name in forbidden or _is_tailnet_name(name):
                    yield Finding(f"mounts a volume of Tailscale's in {container.title}", path, _MEND)


def environment(resource: Resource) -> Iterator[Finding]:
    """No other container gets a Tailscale credential as a variable, by name or from a Secret of the tailnet side."""
    for pod in resource.pods:
        forbidden = _tailnet_sources(pod)
        for container in _others(pod):
            for path, source in _env_sources(container):
                if source in forbidden or (source[0] == "secret" and _SECRET_NAME.search(source[1])):
                    yield Finding(f"gives {container.title} an object of Tailscale's as variables", path, _MEND)
            for path, name, value in variables(container):
                if _CREDENTIALS.fullmatch(name) and value != "":
                    yield Finding(f"gives {container.title} a credential of Tailscale's", path, _MEND)
        yield from _kek(pod)


def _kek(pod: Pod) -> Iterator[Finding]:
    """The key-encryption key is for the container that opens the sealed key, as a file: not even the sidecar has it."""
    for container in pod.containers:
        if container.name == UNSEAL_CONTAINER or not is_tailnet_side(container):
            continue
        for path, (kind, name) in _env_sources(container):
            if kind == "secret" and re.search(r"(?:^|-)kek(?:-|$)", name):
                yield Finding(f"gives {container.title} the key-encryption key", path, _MEND)
        for path, name in mounts(container):
            if name == "tailnet-kek":
                yield Finding(f"gives {container.title} the key-encryption key", path, _MEND)


def shared_volumes(resource: Resource) -> Iterator[Finding]:
    """The sidecar shares no volume with another container but ConfigMaps: through one, each writes what the other reads."""
    for pod in resource.pods:
        sharing = [c for c in pod.containers if is_tailnet_side(c) and c.name != UNSEAL_CONTAINER]
        held = {name for container in sharing for _, name in mounts(container)}
        claims = {
            name: source
            for _, volume in pod.volumes()
            if (name := text(volume.get("name")))
            for source in _volume_sources(volume)
        }
        held_claims = {claims[name] for name in held if name in claims and claims[name][0] == "persistentVolumeClaim"}
        harmless = {
            text(volume.get("name")) for _, volume in pod.volumes() if any(kind in volume for kind in _SHAREABLE)
        }
        for container in _others(pod):
            for path, name in mounts(container):
                if (name in held and name not in harmless) or claims.get(name) in held_claims:
                    yield Finding(f"shares a volume with the sidecar in {container.title}", path, _MEND)


def socket(resource: Resource) -> Iterator[Finding]:
    """No other container has a file at the place of Tailscale's socket or state."""
    for pod in resource.pods:
        if not is_instance_pod(pod):
            continue
        for container in _others(pod):
            for path, _, at in mount_paths(container):
                if at.rstrip("/").startswith(_PLACES):
                    yield Finding(f"reaches Tailscale's socket or state in {container.title}", path, _MEND)
        for container in pod.containers:
            if container.list == "ephemeralContainers" and is_target(pod, container):
                yield Finding(
                    f"enters the sidecar's processes with {container.title}",
                    f"{container.path}.targetContainerName",
                    "Remove it, or name another container.",
                )


def is_target(pod: Pod, container: Container) -> bool:
    """Says whether an ephemeral container enters the processes of the tailnet's side."""
    target = text(container.spec.get("targetContainerName"))
    side = {one.name for one in pod.containers if is_tailnet_side(one)}
    return target is not None and (target in side or target in (SIDECAR_CONTAINER, UNSEAL_CONTAINER))


def processes(resource: Resource) -> Iterator[Finding]:
    """The containers do not share their processes: /proc/PID/root of the sidecar is all that it mounts."""
    for pod in resource.pods:
        if pod.spec.get("shareProcessNamespace") is True:
            yield Finding(
                "lets its containers see each other's processes, and through them each other's files",
                f"{pod.path}.shareProcessNamespace",
                "Remove it.",
            )


def _others(pod: Pod) -> Iterator[Container]:
    """The containers under this rule. One with an unknown name is judged in `up`."""
    return (c for c in pod.containers if c.name is not None and not is_tailnet_side(c))


def _is_tailnet_name(volume: str) -> bool:
    return volume.startswith(TAILNET_VOLUME_PREFIX) or volume == VOLUME_TUN


def is_tailnet_claim(name: str) -> bool:
    return bool(_CLAIM_NAME.search(name))


def is_tailnet_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name))


def _is_tailnet(volume: Object) -> bool:
    sources = tuple(_volume_sources(volume))
    return (
        _is_tailnet_name(text(volume.get("name")) or "")
        or any(kind == "persistentVolumeClaim" and is_tailnet_claim(name) for kind, name in sources)
        or any(kind == "secret" and is_tailnet_secret(name) for kind, name in sources)
        or any(kind == "csi" and (is_tailnet_secret(name) or is_tailnet_claim(name)) for kind, name in sources)
        or any(kind == "clone" and is_tailnet_claim(name) for kind, name in sources)
        or get(volume, "hostPath", "path") == TUN_DEVICE
    )


def _volume_sources(volume: Object) -> Iterator[Source]:
    places: list[Value] = [volume, *(source for _, source in items(get(volume, "projected", "sources"), ""))]
    for place in places:
        for kind, fields in _SOURCES.items():
            for field in fields:
                if name := text(get(place, kind, field)):
                    yield kind, name
    for key in ("secretProviderClass", "secretName", "claimName", "share"):
        if name := text(get(volume, "csi", "volumeAttributes", key)):
            yield "csi", name
    if name := text(get(volume, "csi", "nodePublishSecretRef", "name")):
        yield "secret", name
    for key in ("dataSource", "dataSourceRef"):
        if name := text(get(volume, "ephemeral", "volumeClaimTemplate", "spec", key, "name")):
            yield "clone", name


def _env_sources(container: Container) -> Iterator[tuple[str, Source]]:
    """(path, source) of each Secret or ConfigMap that a container takes variables from."""
    for path, variable in items(container.spec.get("env"), f"{container.path}.env"):
        for field, kind in (("secretKeyRef", "secret"), ("configMapKeyRef", "configMap")):
            if name := text(get(variable, "valueFrom", field, "name")):
                yield f"{path}.valueFrom.{field}", (kind, name)
    for path, origin in items(container.spec.get("envFrom"), f"{container.path}.envFrom"):
        for field, kind in (("secretRef", "secret"), ("configMapRef", "configMap")):
            if name := text(get(origin, field, "name")):
                yield f"{path}.{field}", (kind, name)


def _tailnet_sources(pod: Pod) -> set[Source]:
    """The objects behind the tailnet volumes, and the Secrets that the tailnet side takes variables from."""
    sources = {source for _, volume in pod.volumes() if _is_tailnet(volume) for source in _volume_sources(volume)}
    for container in pod.containers:
        if is_tailnet_side(container):
            sources |= {source for _, source in _env_sources(container) if source[0] == "secret"}
    return sources


def _tailnet_volumes(pod: Pod) -> set[str]:
    forbidden = _tailnet_sources(pod)
    return {
        name
        for _, volume in pod.volumes()
        if (name := text(obj(volume).get("name")))
        and (_is_tailnet(volume) or forbidden.intersection(_volume_sources(volume)))
    }
