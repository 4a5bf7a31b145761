"""Objects and pods inside other objects: custom workloads, lists in lists, and manifests that an operator applies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from policies.rules.values import Object, Value, fields, items, obj

# With one of these and an apiVersion and a kind, a mapping is an object; without, it is a reference to one.
_OBJECT_KEYS: Final = frozenset(
    {"metadata", "spec", "data", "stringData", "binaryData", "items", "subjects", "template"}
)
_CONTAINER_KEYS: Final = ("containers", "initContainers", "ephemeralContainers", "sidecars", "steps")
_SINGLE_KEYS: Final = ("container", "script")
# Fields that only a pod has: a custom workload may have them apart from its containers.
_POD_KEYS: Final = frozenset(
    {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "automountServiceAccountToken", "volumes"}
)


@dataclass(frozen=True)
class Place:
    """A mapping inside another, with the one around it."""

    path: str
    value: Object
    outer: Object = field(default_factory=dict[str, Value])


def _below(value: Value, path: str) -> Iterator[Place]:
    stack: list[tuple[str, Value, Object]] = [(path, value, {})]
    while stack:
        at, here, outer = stack.pop()
        if isinstance(here, Mapping):
            inner = cast(Object, here)
            yield Place(at, inner, outer)
            stack += [(step, element, inner) for _, step, element in fields(inner, at)]
        else:
            stack += [(step, element, outer) for step, element in items(here, at)]


def objects_inside(value: Object, path: str) -> Iterator[Place]:
    """Each manifest below an object, not the object itself."""
    for place in _below(value, path):
        inner = place.value
        if (
            inner is not value
            and isinstance(inner.get("apiVersion"), str)
            and isinstance(inner.get("kind"), str)
            and not _OBJECT_KEYS.isdisjoint(inner)
        ):
            yield place


def pods_inside(value: Object, path: str) -> Iterator[Place]:
    """Each mapping that looks like a pod: it has containers with an image, or fields that only a pod has."""
    for place in _below(value, path):
        if _has_containers(place.value) or not _POD_KEYS.isdisjoint(place.value):
            yield place


def _has_containers(spec: Object) -> bool:
    return any(
        isinstance(container, Mapping) for key in _CONTAINER_KEYS for _, container in items(spec.get(key), "")
    ) or any("image" in obj(spec.get(key)) for key in _SINGLE_KEYS)
