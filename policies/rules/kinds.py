"""Maps resources to Kubernetes kinds, and finds their pods. The only table of kinds with a pod template."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from policies.rules.values import Object, Value, get, items, obj, text

_TEMPLATE: Final = ("spec", "template", "spec")
POD_SPECS: Final[dict[str, tuple[str, ...]]] = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "Deployment": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
    "DaemonSet": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "ReplicationController": _TEMPLATE,
    "Job": _TEMPLATE,
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True)
class Container:
    path: str
    name: str | None  # None while unknown
    spec: Object

    @property
    def title(self) -> str:
        return f'container "{self.name}"' if self.name else "a container"


@dataclass(frozen=True)
class Pod:
    """A pod spec, wherever it is declared."""

    path: str
    spec: Object
    containers: tuple[Container, ...]
    partial: bool  # of a Patch: what is missing in it stays as it is in the cluster

    def volumes(self) -> Iterator[tuple[str, Object]]:
        for path, volume in items(self.spec.get("volumes"), f"{self.path}.volumes"):
            yield path, obj(volume)


@dataclass(frozen=True)
class Resource:
    """One resource of the program. `path` leads to the object inside it: "" but for the items of a list."""

    type: str
    name: str
    props: Object
    path: str = ""

    @property
    def kind(self) -> str:
        """Kubernetes kind (without the SDK's Patch ending), or the last part of another provider's type."""
        return self.type.rpartition(":")[2].removesuffix("Patch")

    @property
    def group(self) -> str:
        """API group of a Kubernetes kind ("core" and "" are the core group); "" elsewhere."""
        provider, _, rest = self.type.partition(":")
        return rest.rpartition(":")[0].rpartition("/")[0] if provider == "kubernetes" else ""

    @property
    def is_kubernetes(self) -> bool:
        return self.type.startswith("kubernetes:")

    def at(self, *keys: str) -> str:
        """The path of a property, for a message."""
        return ".".join((self.path, *keys) if self.path else keys)

    def objects(self) -> Iterator["Resource"]:
        """Itself, or each item of a Kubernetes list (ServiceList, List): an item becomes as real as a resource."""
        if not (self.is_kubernetes and self.kind.endswith("List") and "items" in self.props):
            yield self
            return
        for path, item in items(self.props["items"], self.at("items")):
            version = text(get(item, "apiVersion")) or self.type.split(":")[1]
            kind = text(get(item, "kind")) or self.kind.removesuffix("List")
            yield Resource(f"kubernetes:{version}:{kind}", self.name, obj(item), path)

    def pods(self) -> Iterator[Pod]:
        """Its pod spec, if it has one. A kind outside the table counts if it looks like a workload (custom kinds)."""
        if not self.is_kubernetes:
            return
        keys = POD_SPECS.get(self.kind, _TEMPLATE)
        spec = obj(get(self.props, *keys))
        if spec and (self.kind in POD_SPECS or "containers" in spec):
            path = self.at(*keys)
            yield Pod(path, spec, tuple(_containers(spec, path)), self.type.endswith("Patch"))


def _containers(spec: Object, path: str) -> Iterator[Container]:
    for key in _CONTAINER_LISTS:
        for at, container in items(spec.get(key), f"{path}.{key}"):
            yield Container(at, text(get(container, "name")), obj(container))


def mounts(container: Container) -> Iterator[tuple[str, str]]:
    """(path, volume name) of each mount with a known name, block devices too."""
    for key in ("volumeMounts", "volumeDevices"):
        for path, mount in items(container.spec.get(key), f"{container.path}.{key}"):
            if name := text(get(mount, "name")):
                yield path, name


def words(container: Container) -> tuple[Value, ...]:
    """Everything that the container is told to run: command, args and life-cycle commands, in this order."""
    commands: list[Value] = []
    for value in (
        container.spec.get("command"),
        container.spec.get("args"),
        get(container.spec, "lifecycle", "postStart", "exec", "command"),
        get(container.spec, "lifecycle", "preStop", "exec", "command"),
    ):
        commands += [word for _, word in items(value, "")]
    return tuple(commands)
