"""What the events of a preview say of resources, images, rules and warnings; values only where they are images."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from engine.operation import plain
from gitops.model import Image, Ruling, Thing

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from pulumi.automation.events import EngineEvent, StepEventMetadata

_GROUPS: Final = {
    "create": "created",
    "import": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "discard": "deleted",
}
_COMPONENTS: Final = ("openclaw:", "pulumi:")
_DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
# Where a plugin comes from is said of this machine, not of the change.
_OF_THE_MACHINE: Final = re.compile(r"using pulumi-\S+ from \$PATH")
_ACCESS: Final = "Who gains and who loses access:"
_MATRIX: Final = "Who has access after this:"


def things(events: "Iterable[EngineEvent]") -> dict[str, list[Thing]]:
    """The resources that become others, by what happens to them; a replacement is one."""
    found: dict[str, list[Thing]] = {group: [] for group in dict.fromkeys(_GROUPS.values())}
    for metadata in _steps(events):
        group = _GROUPS.get(str(metadata.op.value))
        if group is None or metadata.type.startswith(_COMPONENTS):
            continue
        kept = group == "deleted" and bool(metadata.old and metadata.old.retain_on_delete)
        thing = Thing(type=metadata.type, name=name_of(metadata.urn), keys=_keys(metadata, group), kept=kept)
        if thing not in found[group]:
            found[group].append(thing)
    # The engine's order is by chance.
    return {group: sorted(listed, key=lambda one: (one.type, one.name)) for group, listed in found.items()}


def name_of(urn: str) -> str:
    """The name that the program gave the resource."""
    return urn.rpartition("::")[2]


def _steps(events: "Iterable[EngineEvent]") -> "Iterator[StepEventMetadata]":
    return (event.resource_pre_event.metadata for event in events if event.resource_pre_event)


def _keys(metadata: "StepEventMetadata", group: str) -> tuple[str, ...]:
    """The paths that differ; of a replacement those that force it, as far as the provider tells."""
    detailed = metadata.detailed_diff or {}
    if group == "replaced":
        forcing = [path for path, diff in detailed.items() if diff.diff_kind.value.endswith("replace")]
        return tuple(sorted(forcing or metadata.keys or detailed or metadata.diffs or []))
    return tuple(sorted([*detailed] or metadata.diffs or [])) if group == "updated" else ()


def images(events: "Iterable[EngineEvent]") -> Iterator[Image]:
    """The images that become others, those of workloads that come and go too."""
    for metadata in _steps(events):
        if metadata.type != _DEPLOYMENT or str(metadata.op.value) not in _GROUPS:
            continue
        before, after = (_containers(state.inputs if state else None) for state in (metadata.old, metadata.new))
        for container in dict.fromkeys([*before, *after]):
            old, new = before.get(container, ""), after.get(container, "")
            if old != new:
                yield Image(workload=name_of(metadata.urn), container=container, before=old, after=new)


def _containers(inputs: Mapping[str, Any] | None) -> dict[str, str]:
    spec: Any = inputs or {}
    for key in ("spec", "template", "spec"):
        spec = cast("dict[str, Any]", spec).get(key) if isinstance(spec, dict) else None
    fields = cast("dict[str, Any]", spec) if isinstance(spec, dict) else {}
    listed: list[dict[str, Any]] = [*(fields.get("initContainers") or []), *(fields.get("containers") or [])]
    return {str(one["name"]): str(one["image"]) for one in listed if "name" in one and "image" in one}


def rulings(events: "Iterable[EngineEvent]") -> list[Ruling]:
    """What the policy pack said, each once, refusals first."""
    said = [
        Ruling(
            rule=event.policy_event.policy_name,
            mandatory=event.policy_event.enforcement_level == "mandatory",
            says=_found(event.policy_event.message),
        )
        for event in events
        if event.policy_event
    ]
    return sorted(dict.fromkeys(said), key=lambda one: (not one.mandatory, one.rule, one.says))


def warnings(events: "Iterable[EngineEvent]") -> list[str]:
    """The warnings of the program, the providers and the engine, each once."""
    said = [text for severity, text in diagnostics(events) if severity == "warning"]
    return [" ".join(text.split()) for text in dict.fromkeys(said) if not _OF_THE_MACHINE.search(text)]


def access_said(said: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The program's own words: who gains and who loses access, and who has it then (a Markdown table, and a line or more)."""
    gains: list[str] = []
    matrix: list[str] = []
    for _, text in said:
        for heading, lines in ((_ACCESS, gains), (_MATRIX, matrix)):
            if text.startswith(heading):
                lines += [line.strip() for line in text.splitlines()[1:] if line.strip()]
    return tuple(gains), tuple(matrix)


def diagnostics(events: "Iterable[EngineEvent]") -> Iterator[tuple[str, str]]:
    """What was said, as (severity, text)."""
    for event in events:
        if (one := event.diagnostic_event) and not one.ephemeral:
            yield one.severity.partition("#")[0], plain([one.message]).strip()


def _found(message: str) -> str:
    """What was found: the engine puts the policy's description in a line before it."""
    lines = [" ".join(line.split()) for line in plain([message]).splitlines() if line.strip()]
    return " ".join(lines[1:] or lines)
