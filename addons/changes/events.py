"""The engine's events, as far as a change's preview and progress need them; never a property's value."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from addons.changes.model import Step

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from pulumi.automation.events import EngineEvent, StepEventMetadata

_STACK: Final = "pulumi:pulumi:Stack"
_DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
_TEMPLATE: Final = "spec.template"
# Kinds of the providers' own, in the words of the field.
_KINDS: Final = {
    "TailnetKey": "auth key",
    "OauthClient": "OAuth client",
    "FederatedIdentity": "federated identity",
    "RandomPassword": "random text",
}
# Nothing happens in these.
_IDLE: Final = frozenset({"same", "read", "refresh"})
# The two halves of a replacement, which is told as one.
_HALVES: Final = frozenset({"create-replacement", "delete-replaced", "read-replacement", "import-replacement"})


@dataclass(frozen=True)
class Operation:
    """One operation of the engine on one resource. Its identity tells it in a plan and in the update that follows it."""

    kind: str
    urn: str

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    @property
    def type(self) -> str:
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def is_pod(self) -> bool:
        return self.type == _DEPLOYMENT


def called(type: str, name: str) -> str:
    """A resource in words: `auth key home-authkey`."""
    kind = type.rpartition(":")[2]
    # A stack has one.
    return "the tailnet's policy" if kind == "Acl" else f"{_KINDS.get(kind, kind)} {name}"


def operation(metadata: "StepEventMetadata") -> Operation | None:
    """The operation of an event; None for one in which nothing happens."""
    kind = str(metadata.op.value)
    return None if kind in _IDLE else Operation(kind, metadata.urn)


@dataclass(frozen=True)
class Planned:
    """What a preview's events say: the steps in the engine's order, the number of operations, and the stack's outputs
    before and after, secrets hidden by the engine."""

    steps: tuple[Step, ...]
    operations: frozenset[Operation]
    templates: frozenset[str]
    """Names of the Deployments whose pod becomes another."""
    before: dict[str, Any]
    after: dict[str, Any]


def planned(events: "Iterable[EngineEvent]") -> Planned:
    """The plan that a preview's events tell."""
    steps: list[Step] = []
    operations: set[Operation] = set()
    templates: set[str] = set()
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for event in events:
        if event.res_outputs_event and event.res_outputs_event.metadata.type == _STACK:
            metadata = event.res_outputs_event.metadata
            before = dict(metadata.old.outputs or {}) if metadata.old else {}
            after = dict(metadata.new.outputs or {}) if metadata.new else {}
        if not event.resource_pre_event:
            continue
        metadata = event.resource_pre_event.metadata
        if (one := operation(metadata)) is None:
            continue
        operations.add(one)
        exact: set[str] = {*(metadata.detailed_diff or {}), *(metadata.keys or [])}
        paths: list[str] = sorted(exact or set(metadata.diffs or []))
        if one.kind not in _HALVES and not any(step.name == one.name and step.type == one.type for step in steps):
            steps.append(Step(operation=one.kind, type=one.type, name=one.name, keys=tuple(paths)))
        if one.is_pod and (one.kind != "update" or _touches_template(paths)):
            templates.add(one.name)
    return Planned(tuple(steps), frozenset(operations), frozenset(templates), before, after)


def _touches_template(paths: list[str]) -> bool:
    # Where a preview cannot tell the path, the whole `spec` is named.
    return any(path == "spec" or path.startswith(_TEMPLATE) for path in paths)


@dataclass
class Progress:
    """How far an update is, from its events as they come."""

    planned: frozenset[Operation]
    began: dict[Operation, float] = field(default_factory=dict[Operation, float])
    done: set[Operation] = field(default_factory=set[Operation])
    failed: set[Operation] = field(default_factory=set[Operation])

    def heard(self, event: "EngineEvent") -> str:
        """Takes an event in; what to say about it, or nothing."""
        for part, into in (
            (event.res_op_failed_event, self.failed),
            (event.res_outputs_event, self.done),
            (event.resource_pre_event, None),
        ):
            one = operation(part.metadata) if part else None
            if one is None:
                continue
            if into is None:
                self.began.setdefault(one, time.monotonic())
                return ""
            if one in into:
                return ""
            into.add(one)
            return _said(one, into is self.failed)
        return ""

    @property
    def total(self) -> int:
        return len(self.planned | self.done)

    def waiting(self) -> tuple[str, float] | None:
        """The pod that is waited for, and the seconds so far; None while there is none."""
        for one, since in self.began.items():
            if one.is_pod and one not in self.done | self.failed and one.kind != "delete":
                return one.name, time.monotonic() - since
        return None


_DONE: Final = {
    "create": "is there",
    "create-replacement": "is there, in the place of the old one",
    "update": "is changed",
    "delete": "is gone",
    "delete-replaced": "is gone, the old one",
}


def _said(one: Operation, failed: bool) -> str:
    """What was done, in words; nothing for what exists only in the engine's books."""
    if one.type.startswith(("openclaw:", "pulumi:")) or one.kind not in _DONE:
        return ""
    what = called(one.type, one.name)
    return f"{what[0].upper()}{what[1:]} {'failed' if failed else _DONE[one.kind]}"
