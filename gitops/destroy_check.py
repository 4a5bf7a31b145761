"""What a destroy of the stack would remove and what it would keep, from its state alone; nothing is asked of the engine."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from addons.changes.events import called
from engine.directory import StackDirectory
from gitops.events import name_of
from gitops.model import Thing

_COMPONENTS: Final = ("openclaw:", "pulumi:")


def destroy_check(stack: StackDirectory) -> dict[str, list[Thing]]:
    """The resources of the state, by what becomes of them: `removed`, `kept`, or `protected`, which refuses the destroy."""
    found: dict[str, list[Thing]] = {"removed": [], "kept": [], "protected": []}
    for resource in stack.resources():
        if str(resource["type"]).startswith(_COMPONENTS):
            continue
        thing = Thing(type=resource["type"], name=name_of(resource["urn"]), kept=bool(resource.get("retainOnDelete")))
        found[_fate(resource)].append(thing)
    return {fate: sorted(listed, key=lambda one: (one.type, one.name)) for fate, listed in found.items()}


def lines(found: Mapping[str, list[Thing]]) -> Iterator[str]:
    """The same for people."""
    for fate, title in (
        ("protected", "A destroy is refused while these are protected"),
        ("kept", "Stays in the cluster, with its data"),
        ("removed", "Is removed"),
    ):
        if found[fate]:
            yield f"{title}:"
            yield from (f"  {called(one.type, one.name)}" for one in found[fate])


def _fate(resource: Mapping[str, Any]) -> str:
    if resource.get("protect"):
        return "protected"
    return "kept" if resource.get("retainOnDelete") else "removed"
