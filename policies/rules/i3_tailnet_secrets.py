"""I3: only the sidecar and its init container see what is Tailscale's: state, keys, socket, device."""

from collections.abc import Iterator
from typing import Final

from components.constants import SIDECAR_CONTAINER, TAILNET_VOLUME_PREFIX, TUN_DEVICE, UNSEAL_CONTAINER, VOLUME_TUN
from policies.rules.kinds import Container, Pod, Resource, mounts
from policies.rules.rule import Finding
from policies.rules.values import Object, Value, get, items, obj, text

# Every other container is held to this rule, not just the one named `gateway`: a new name opens nothing.
_TAILNET_SIDE: Final = frozenset({SIDECAR_CONTAINER, UNSEAL_CONTAINER})
_MEND: Final = f"Remove it. Only `{SIDECAR_CONTAINER}` and `{UNSEAL_CONTAINER}` may hold Tailscale's secrets."
# Where a volume names the object it comes from; the same fields occur in the sources of a projected volume.
_SOURCES: Final = {
    "secret": ("secretName", "name"),
    "configMap": ("name",),
    "persistentVolumeClaim": ("claimName",),
}
_CREDENTIALS: Final = frozenset({"TS_AUTHKEY", "TS_AUTH_KEY", "TS_CLIENT_SECRET", "TS_ID_TOKEN"})
Source = tuple[str, str]  # (kind as in _SOURCES, name of the object)


def volumes(resource: Resource) -> Iterator[Finding]:
    """No other container mounts a tailnet volume, nor the same object under another volume's name."""
    for pod in resource.pods():
        forbidden = _tailnet_volumes(pod)
        for container in _others(pod):
            for path, name in mounts(container):
                # By name too: a StatefulSet's claim templates are volumes that its pod spec does not list.
                if name in forbidden or _is_tailnet_name(name):
                    yield Finding(f"mounts a volume of Tailscale's in {container.title}", path, _MEND)


def environment(resource: Resource) -> Iterator[Finding]:
    """No other container gets a Tailscale credential as a variable, by name or from a Secret of the tailnet side."""
    for pod in resource.pods():
        forbidden = _tailnet_sources(pod)
        for container in _others(pod):
            for path, source in _env_sources(container):
                if source in forbidden:
                    yield Finding(f"gives {container.title} an object of Tailscale's as variables", path, _MEND)
            for path, variable in items(container.spec.get("env"), f"{container.path}.env"):
                if text(get(variable, "name")) in _CREDENTIALS:
                    yield Finding(f"gives {container.title} a credential of Tailscale's", path, _MEND)


def processes(resource: Resource) -> Iterator[Finding]:
    """The containers do not share their processes: /proc/PID/root of the sidecar is all that it mounts."""
    for pod in resource.pods():
        if pod.spec.get("shareProcessNamespace") is True:
            yield Finding(
                "lets its containers see each other's processes, and through them each other's files",
                f"{pod.path}.shareProcessNamespace",
                "Remove it.",
            )


def _others(pod: Pod) -> Iterator[Container]:
    """The containers under this rule. One with an unknown name is judged in `up`."""
    return (c for c in pod.containers if c.name is not None and c.name not in _TAILNET_SIDE)


def _is_tailnet_name(volume: str) -> bool:
    return volume.startswith(TAILNET_VOLUME_PREFIX) or volume == VOLUME_TUN


def _is_tailnet(volume: Object) -> bool:
    claim = text(get(volume, "persistentVolumeClaim", "claimName")) or ""
    return (
        _is_tailnet_name(text(volume.get("name")) or "")
        or claim.startswith(TAILNET_VOLUME_PREFIX)
        or get(volume, "hostPath", "path") == TUN_DEVICE
    )


def _volume_sources(volume: Object) -> Iterator[Source]:
    places: list[Value] = [volume, *(source for _, source in items(get(volume, "projected", "sources"), ""))]
    for place in places:
        for kind, fields in _SOURCES.items():
            for field in fields:
                if name := text(get(place, kind, field)):
                    yield kind, name


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
        if container.name in _TAILNET_SIDE:
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
