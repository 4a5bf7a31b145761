"""The summary for a merge request, in Markdown: what people decide by comes first, every resource last."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from addons.changes.events import called
from gitops.model import Changes, Outcome, Ruling, Summary, Thing

_HEADLINES: Final = {
    Outcome.UNCHANGED: "nothing changes",
    Outcome.PASSED: "nothing is refused",
    Outcome.CHANGE: "changes",
    Outcome.REFUSED: "refused",
    Outcome.DRIFT: "the cluster or the tailnet is not what the program says",
    Outcome.LOCKED: "somebody else's update is running",
    Outcome.ERROR: "failed",
}
# So many resources of one group are listed; the JSON has all.
_SHOWN: Final = 40
_CAUSES: Final = {
    "ConfigMap": "is named after its content",
    "Secret": "is named after its content",
}


def markdown(summary: Summary) -> str:
    """The whole summary."""
    parts = [f"## {summary.stack}: {_HEADLINES[summary.outcome]}", *_told(summary)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _told(summary: Summary) -> Iterator[str]:
    if summary.problem:
        yield f"**{_text(summary.problem)}**" + (f"\n\n{_text(summary.hint)}." if summary.hint else "")
    yield _pack(summary.pack)
    changes = summary.changes
    yield _section("Mind", [*summary.of("warning"), *summary.warnings])
    yield _section("Who is not answered, and for how long", _silent(summary))
    yield _access(changes)
    yield _section("New gateways", summary.of("created"))
    yield _images(changes)
    yield _resources(changes)
    yield _matrix(changes)
    yield _advice(summary.pack)
    yield _footer(summary)


def _silent(summary: Summary) -> Sequence[str]:
    """Gateways that do not answer for a while, or never again."""
    if silent := [*summary.of("restarts"), *summary.of("deleted")]:
        return silent
    decided = summary.outcome in (Outcome.CHANGE, Outcome.DRIFT)
    return ["Nothing restarts."] if decided else []


def _pack(rulings: Sequence[Ruling]) -> str:
    refused = [f"`{one.rule}`: {_text(one.says)}" for one in rulings if one.mandatory]
    return _section("Refused by the policy pack", refused, raw=True)


def _advice(rulings: Sequence[Ruling]) -> str:
    """Folded: it is the same in each summary until somebody follows it."""
    advised = [f"- `{one.rule}`: {_text(one.says)}" for one in rulings if not one.mandatory]
    return _folded(f"Advice of the policy pack ({len(advised)})", "\n".join(advised)) if advised else ""


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _access(changes: Changes) -> str:
    access = changes.access
    lines = [*(f"gains: {one}" for one in access.gained), *(f"loses: {one}" for one in access.lost)]
    if access.said:
        lines.append("By the tailnet's policy, before and after:")
    section = _section("Who gains and who loses access", lines)
    said = "\n".join(["```diff", *access.said, "```"]) if access.said else ""
    return "\n\n".join(part for part in (section, said) if part)


def _images(changes: Changes) -> str:
    if not changes.images:
        return ""
    rows = [
        f"| {_text(one.workload)} | {one.container} | {_code(one.before)} | {_code(one.after)} |"
        for one in changes.images
    ]
    return "\n".join(["### Images", "", "| of | container | before | after |", "|---|---|---|---|", *rows])


def _resources(changes: Changes) -> str:
    parts: list[str] = []
    for title, listed in (
        ("Created", changes.created),
        ("Changed in place", changes.updated),
        ("Replaced", changes.replaced),
        ("Deleted", [one for one in changes.deleted if not one.kept]),
        ("Leaves the stack, and stays in the cluster", [one for one in changes.deleted if one.kept]),
    ):
        if listed:
            lines = [f"- {_resource(one, title)}" for one in listed[:_SHOWN]]
            more = [f"- and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
            parts.append("\n".join([f"**{title}** ({len(listed)})", "", *lines, *more]))
    return "\n\n".join(["### Resources", *parts]) if parts else ""


def _resource(thing: Thing, title: str) -> str:
    what = _text(called(thing.type, thing.name))
    keys = ", ".join(_code(key) for key in thing.keys)
    if title == "Replaced":
        kind = thing.type.rpartition(":")[2]
        why = f"it {_CAUSES[kind]}" if kind in _CAUSES else "the provider cannot change that in place"
        return f"{what}: because {keys or 'its content'} becomes another, and {why}"
    return f"{what}: {keys}" if keys else what


def _matrix(changes: Changes) -> str:
    table = changes.access.matrix
    if not table:
        return ""
    rows = [line for line in table if line.startswith("|")]
    others = [f"- {_text(line)}" for line in table if not line.startswith("|")]
    return _folded("Who has access after this", "\n".join([*rows, "", *others]).strip())


def _footer(summary: Summary) -> str:
    if summary.offline:
        return (
            "Judged without credentials: the settings, and what the program declares with them. What is there already, and so "
            "what changes, is told once somebody with credentials previews it."
        )
    bound = summary.binding
    if bound is None:
        return ""
    versions = ", ".join(f"{name} {version}" for name, version in bound.versions.items())
    since = bound.updated_at or "never updated"
    return f"<sub>Commit {bound.commit[:12]}; state of {since}; {versions}.</sub>"


def _section(title: str, lines: Iterable[str], *, raw: bool = False) -> str:
    listed = [f"- {line if raw else _text(line)}" for line in lines]
    return "\n".join([f"### {title}", "", *listed]) if listed else ""


def _text(words: str) -> str:
    """Text in which nothing is taken for Markdown or HTML but code between backticks: names come from whoever asks to merge."""
    parts = re.split(r"(`[^`\n]*`)", words)
    return "".join(
        part if index % 2 else re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", part) for index, part in enumerate(parts)
    )


def _code(words: str) -> str:
    return f"`{words.replace('`', '').replace('|', '/')}`" if words else "-"
