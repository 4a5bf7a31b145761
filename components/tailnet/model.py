"""The part of a tailnet policy that this stack writes, and its HuJSON text: stable, and readable by whoever reviews it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# One entry of a list stays on its line up to here.
WIDTH: Final = 150


@dataclass(frozen=True)
class Grant:
    """`src` may use `ip` (as in `tcp:443`) of `dst`, and has the application capabilities `app` there. `why` is its comment."""

    src: Sequence[str]
    dst: Sequence[str]
    ip: Sequence[str] = ()
    app: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict[str, Sequence[Mapping[str, Any]]])
    why: str = ""

    def data(self) -> dict[str, Any]:
        grant: dict[str, Any] = {"src": list(self.src), "dst": list(self.dst)}
        if self.ip:
            grant["ip"] = list(self.ip)
        if self.app:
            grant["app"] = {name: list(values) for name, values in self.app.items()}
        return grant


@dataclass(frozen=True)
class PolicyTest:
    """A check that the control server makes at every write: `src` reaches all of `accept` and none of `deny` (`tag:x:443`)."""

    src: str
    accept: Sequence[str] = ()
    deny: Sequence[str] = ()
    proto: str = "tcp"
    why: str = ""

    def data(self) -> dict[str, Any]:
        test: dict[str, Any] = {"src": self.src, "proto": self.proto}
        if self.accept:
            test["accept"] = list(self.accept)
        if self.deny:
            test["deny"] = list(self.deny)
        return test


@dataclass(frozen=True)
class PolicyText:
    """A policy, or a fragment of one. `heading` goes above it; a section without entries is left out.

    Grants are left out only when they are None: a policy without that section would allow everything. There are no
    nodeAttrs on purpose: they are what gives Funnel (I1).
    """

    heading: Sequence[str]
    groups: Mapping[str, Sequence[str]]
    tag_owners: Mapping[str, Sequence[str]]
    grants: Sequence[Grant] | None
    tests: Sequence[PolicyTest]

    def data(self) -> dict[str, Any]:
        """The policy as plain data, without comments."""
        sections: dict[str, Any] = {
            "groups": {name: list(members) for name, members in self.groups.items()},
            "tagOwners": {name: list(owners) for name, owners in self.tag_owners.items()},
            "grants": [grant.data() for grant in self.grants or ()],
            "tests": [test.data() for test in self.tests],
        }
        return {
            name: content
            for name, content in sections.items()
            if content or (name == "grants" and self.grants is not None)
        }

    def text(self) -> str:
        """As HuJSON: the same policy always gives the same text (I11)."""
        sections = [
            _section("People who can be named together.", "groups", "{}", _named(self.groups)),
            _section("Who may give a device a gateway's tag.", "tagOwners", "{}", _named(self.tag_owners)),
            _section("Who may connect. What no grant names is denied.", "grants", "[]", _listed(self.grants or ())),
            _section(
                "Run at every write: a policy that breaks one of them is refused.", "tests", "[]", _listed(self.tests)
            ),
        ]
        shown = self.data()
        kept = [
            lines
            for name, lines in zip(("groups", "tagOwners", "grants", "tests"), sections, strict=True)
            if name in shown
        ]
        lines = [*(f"// {line}" for line in self.heading), "{"]
        for number, section in enumerate(kept):
            lines += ["", *section] if number else section
        return "\n".join([*lines, "}", ""])


def _section(comment: str, name: str, braces: str, entries: Iterable[str]) -> list[str]:
    lines = [f"    {line}" for line in entries]
    if not lines:
        return [f"  // {comment}", f'  "{name}": {braces},']
    return [f"  // {comment}", f'  "{name}": {braces[0]}', *lines, f"  {braces[1]},"]


def _named(entries: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, members in entries.items():
        yield from _folded(f"{json.dumps(name)}: ", list(members))


def _listed(entries: Sequence[Grant] | Sequence[PolicyTest]) -> Iterator[str]:
    """A comment stands once, above all entries in a row that it is about."""
    before = ""
    for entry in entries:
        if entry.why and entry.why != before:
            yield f"// {entry.why}"
        before = entry.why
        yield from _folded("", entry.data())


def _folded(name: str, value: Any) -> Iterator[str]:
    """On one line when it fits, else one line for each part."""
    line = f"{name}{json.dumps(value)},"
    if len(line) <= WIDTH or not value:
        yield line
    elif isinstance(value, dict):
        yield f"{name}{{"
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]  # JSON's dict
            yield from (f"  {part}" for part in _folded(f"{json.dumps(key)}: ", inner))
        yield "},"
    elif isinstance(value, list):
        yield f"{name}["
        for inner in value:  # pyright: ignore[reportUnknownVariableType]  # JSON's list
            yield from (f"  {part}" for part in _folded("", inner))
        yield "],"
    else:
        yield line
