"""I4: the container that runs a node's commands gets no Secret: a command finds everything that its node has."""

from collections.abc import Iterator
from typing import Final

from components.constants import ENROL_CONTAINER, NODE_CONTAINER
from policies.rules.kinds import Container, Pod, Resource, mounts
from policies.rules.rule import Finding
from policies.rules.values import get, items, text

_MEND: Final = f"Remove it. The gateway's secret is for the container `{ENROL_CONTAINER}` alone, which ends before any command runs."
_VARIABLES: Final = frozenset({"OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"})


def node_secret(resource: Resource) -> Iterator[Finding]:
    """No Secret as a variable or a file, and no variable of the gateway's secret, in the container `node`."""
    for pod in resource.pods:
        for container in pod.containers:
            if container.name == NODE_CONTAINER:
                yield from _environment(container)
                yield from _files(pod, container)


def _environment(container: Container) -> Iterator[Finding]:
    for path, variable in items(container.spec.get("env"), f"{container.path}.env"):
        if text(get(variable, "name")) in _VARIABLES or get(variable, "valueFrom", "secretKeyRef") is not None:
            yield Finding(f"gives {container.title} a secret as a variable", path, _MEND)
    for path, origin in items(container.spec.get("envFrom"), f"{container.path}.envFrom"):
        if get(origin, "secretRef") is not None:
            yield Finding(f"gives {container.title} a Secret as variables", f"{path}.secretRef", _MEND)


def _files(pod: Pod, container: Container) -> Iterator[Finding]:
    secret = {
        text(volume.get("name"))
        for _, volume in pod.volumes()
        if "secret" in volume
        or any(get(source, "secret") is not None for _, source in items(get(volume, "projected", "sources"), ""))
    }
    for path, name in mounts(container):
        if name in secret:
            yield Finding(f"mounts a Secret in {container.title}", path, _MEND)
