"""Maps resources to Kubernetes kinds, and finds their pods and whatever other objects are inside them."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

from policies.rules.nested import Place, objects_inside, pods_inside
from policies.rules.settings import PackSettings
from policies.rules.values import Object, Value, fields, get, items, obj, text
from policies.rules.yaml_text import documents

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
# Groups whose kinds are those of POD_SPECS, or have no pods: there, no search is worth its time.
_BUILT_IN: Final = frozenset(
    {"", "core", "apps", "batch", "networking.k8s.io", "rbac.authorization.k8s.io", "storage.k8s.io", "policy"}
    | {"admissionregistration.k8s.io", "discovery.k8s.io", "autoscaling", "apiextensions.k8s.io"}
)
# What pods are defined with, beside their spec.
CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers", "sidecars", "steps")
_SINGLE_CONTAINERS: Final = ("container", "script")


T = TypeVar("T")


def once(question: Callable[["Container"], T]) -> Callable[["Container"], T]:
    """The answer to a question about a container, which several rules ask, is found once."""
    key = f"_{question.__module__}.{question.__name__}"

    @functools.wraps(question)
    def answered(container: "Container") -> T:
        known: dict[str, Any] = container.__dict__
        if key not in known:
            known[key] = question(container)
        return known[key]

    return answered


@dataclass(frozen=True)
class Container:
    path: str
    name: str | None  # None while unknown
    spec: Object
    list: str = "containers"

    @property
    def title(self) -> str:
        # Only a name that Kubernetes accepts: anything else could be a secret.
        return f'container "{self.name}"' if self.name and is_name(self.name) else "a container"

    @cached_property
    def image(self) -> str | None:
        return text(self.spec.get("image"))

    @property
    def stays(self) -> bool:
        """Says whether it runs beside the others: an init container ends before them, but for a native sidecar."""
        return self.list != "initContainers" or self.spec.get("restartPolicy") == "Always"

    @property
    def partial(self) -> bool:
        """True for a fragment, such as that of a patch: nothing is known of what is missing in it."""
        return self.image is None and "resources" not in self.spec


@dataclass(frozen=True)
class Pod:
    """A pod spec, wherever it is declared."""

    path: str
    spec: Object
    containers: tuple[Container, ...]
    partial: bool  # of a Patch: what is missing in it stays as it is in the cluster
    metadata: Object = field(default_factory=dict[str, Value])

    @property
    def labels(self) -> Object:
        return obj(self.metadata.get("labels"))

    @property
    def annotations(self) -> Object:
        return obj(self.metadata.get("annotations"))

    @cached_property
    def volume_list(self) -> tuple[tuple[str, Object], ...]:
        return tuple((path, obj(volume)) for path, volume in items(self.spec.get("volumes"), f"{self.path}.volumes"))

    def volumes(self) -> Iterator[tuple[str, Object]]:
        yield from self.volume_list


def is_name(name: str) -> bool:
    """Says whether a text can be the name of an object, which is no secret and may be shown."""
    return len(name) <= 63 and name.replace("-", "").replace(".", "").isalnum() and name.isascii() and name.islower()


@dataclass(frozen=True)
class Resource:
    """One resource of the program. `path` leads to the object inside it: "" but for the items of a list."""

    type: str
    name: str
    props: Object
    path: str = ""
    settings: PackSettings = field(default_factory=PackSettings)
    judged_as_gateways: bool = False  # it shares a namespace with a gateway, whatever it is called

    @cached_property
    def kind(self) -> str:
        """Kubernetes kind (without the SDK's Patch ending), or the last part of another provider's type."""
        return self.type.rpartition(":")[2].removesuffix("Patch")

    @cached_property
    def group(self) -> str:
        """API group of a Kubernetes kind ("core" and "" are the core group); "" elsewhere."""
        provider, _, rest = self.type.partition(":")
        if provider != "kubernetes":
            return ""
        group, separator, version = rest.rpartition(":")[0].rpartition("/")
        # `v1` alone is the core group's; `yaml` alone is a package of the provider's.
        return group if separator or version[:2] in ("v1", "v2") else version

    @cached_property
    def is_kubernetes(self) -> bool:
        return self.type.startswith("kubernetes:")

    @property
    def is_custom(self) -> bool:
        return self.is_kubernetes and self.group not in _BUILT_IN

    @cached_property
    def labels(self) -> Object:
        return obj(get(self.props, "metadata", "labels"))

    @cached_property
    def annotations(self) -> Object:
        return obj(get(self.props, "metadata", "annotations"))

    @cached_property
    def object_name(self) -> str:
        """The name of the object in the cluster, as far as it is known."""
        return text(get(self.props, "metadata", "name")) or ""

    @cached_property
    def namespace(self) -> str | None:
        return text(get(self.props, "metadata", "namespace"))

    def at(self, *keys: str) -> str:
        """The path of a property, for a message."""
        return ".".join((self.path, *keys) if self.path else keys)

    @cached_property
    def objects(self) -> tuple["Resource", ...]:
        """Itself, and each object that becomes as real as a resource: items of a list, manifests inside another."""
        if not self.is_kubernetes:
            return (self,)
        inside = tuple(self._inside())
        return inside if self.kind.endswith("List") and "items" in self.props else (self, *inside)

    def _inside(self) -> Iterator["Resource"]:
        if self.kind.endswith("List") and "items" in self.props:
            for path, item in items(self.props["items"], self.at("items")):
                version = text(get(item, "apiVersion")) or [*self.type.split(":"), ""][1]
                kind = text(get(item, "kind")) or self.kind.removesuffix("List")
                yield from self._object(Place(path, obj(item)), version, kind)
        elif self.is_custom or self.kind == "List":
            yield from self._written()
            for place in objects_inside(self.props, self.path):
                version, kind = text(place.value.get("apiVersion")) or "", text(place.value.get("kind")) or ""
                yield from self._object(place, version, kind, deeper=False)

    def _written(self) -> Iterator["Resource"]:
        """Objects in texts, as a ConfigGroup or an operator gets them. Texts that nobody can read hold none."""
        for path, _, written in leaves(self.props, self.path):
            if "kind:" not in written and '"kind"' not in written:
                continue
            try:
                read = documents(written)
            except ValueError:
                continue
            for number, document in enumerate(read):
                inner = obj(document)
                version, kind = text(inner.get("apiVersion")), text(inner.get("kind"))
                if version and kind:
                    yield from self._object(Place(f"{path}[{number}]" if number else path, inner), version, kind)

    def _object(self, place: Place, version: str, kind: str, deeper: bool = True) -> Iterator["Resource"]:
        token = f"kubernetes:{'core/v1' if version == 'v1' else version}:{kind}"
        inner = Resource(token, self.name, place.value, place.path, self.settings)
        if deeper:
            yield from inner.objects
        else:
            yield inner

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """Its pod specs. A kind outside the table has those that look like one, wherever they are."""
        if not self.is_kubernetes:
            return ()
        keys = POD_SPECS.get(self.kind)
        if keys is not None and not (self.is_custom and not get(self.props, *keys)):
            spec = obj(get(self.props, *keys))
            return (self._pod(self.at(*keys), spec, obj(get(self.props, *keys[:-1]))),) if spec else ()
        if not self.is_custom and self.kind not in ("", "List"):
            return ()
        return tuple(self._pod(place.path, place.value, place.outer) for place in pods_inside(self.props, self.path))

    def _pod(self, path: str, spec: Object, outer: Object) -> Pod:
        containers = tuple(_containers(spec, path))
        return Pod(path, spec, containers, self.type.endswith("Patch"), obj(outer.get("metadata")))


def _containers(spec: Object, path: str) -> Iterator[Container]:
    for key in CONTAINER_LISTS:
        for at, container in items(spec.get(key), f"{path}.{key}"):
            yield Container(at, text(get(container, "name")), obj(container), key)
    for key in _SINGLE_CONTAINERS:
        single = obj(spec.get(key))
        if "image" in single:
            yield Container(f"{path}.{key}", text(single.get("name")), single, key)
    nested = obj(spec.get("containerSet"))
    if nested:
        yield from _containers(nested, f"{path}.containerSet")


def mounts(container: Container) -> Iterator[tuple[str, str]]:
    """(path, volume name) of each mount with a known name, block devices too."""
    for key in ("volumeMounts", "volumeDevices"):
        for path, mount in items(container.spec.get(key), f"{container.path}.{key}"):
            if name := text(get(mount, "name")):
                yield path, name


def variables(container: Container) -> Iterator[tuple[str, str, Value]]:
    """(path, name, value) of each variable with a known name; UNKNOWN for a value that comes from elsewhere."""
    for path, variable in items(container.spec.get("env"), f"{container.path}.env"):
        if name := text(get(variable, "name")):
            yield path, name, get(variable, "value")


_TEMPLATES: Final = (("spec", "template"), ("spec", "jobTemplate", "spec", "template"), ("template",))


def annotation_places(resource: Resource) -> Iterator[tuple[str, Object, str]]:
    """(path, annotations or labels, "annotations" or "labels") of the object and of its pods."""
    seen: set[int] = set()
    places = [(resource.at("metadata"), obj(resource.props.get("metadata")))]
    places += [(resource.at(*keys, "metadata"), obj(get(resource.props, *keys, "metadata"))) for keys in _TEMPLATES]
    places += [(f"{pod.path.removesuffix('.spec')}.metadata", pod.metadata) for pod in resource.pods]
    for path, metadata in places:
        if id(metadata) in seen:
            continue
        seen.add(id(metadata))
        for what in ("annotations", "labels"):
            if values := obj(metadata.get(what)):
                yield f"{path}.{what}", values, what


def leaves(value: Value, path: str) -> Iterator[tuple[str, str, str]]:
    """(path, nearest key, text) of each text below a value."""
    stack: list[tuple[str, str, Value]] = [(path, "", value)]
    while stack:
        at, key, here = stack.pop()
        if isinstance(here, str):
            yield at, key, here
        else:
            stack += [(inner, name, element) for name, inner, element in fields(here, at)]
            stack += [(inner, key, element) for inner, element in items(here, at)]


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
