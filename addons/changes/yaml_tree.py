"""A YAML document with the exact place of everything in it: what an edit of one value must know about the text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from addons.errors import AddonsError


@dataclass
class Node:
    """One value. `start` and `end` are offsets in the text, without comments or blank lines behind it.

    `opened` is the offset behind the bracket of a flow collection. An `empty` scalar has no text: `start` and `end` are
    where one may be written, or -1 where that is not known. `column` is that of the first key of a mapping.
    """

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    start: int
    end: int
    flow: bool = False
    opened: int = -1
    column: int = 0
    style: str = ""
    value: str = ""
    empty: bool = False
    entries: list[tuple["Node", "Node"]] = field(default_factory=list[tuple["Node", "Node"]])
    items: list["Node"] = field(default_factory=list["Node"])

    def get(self, key: str) -> "Node | None":
        """The value of a key that stands here itself; a merged one (`<<`) does not."""
        return next((value for name, value in self.entries if name.kind == "scalar" and name.value == key), None)


def tree(text: str) -> Node:
    """The document's root. Raises AddonsError for a text that is not one YAML document."""
    try:
        events = list[Event](_loose(_yaml()).parse(text))
    except YAMLError as error:
        raise _unreadable(error) from None
    if sum(isinstance(event, DocumentStartEvent) for event in events) != 1:
        raise AddonsError("the stack file is not one YAML document", "Keep one document in it")
    content = iter(event for event in events if isinstance(event, _CONTENT))
    return _node(text, next(content), content)


def data(text: str) -> Any:
    """What the document says, each alias as a value of its own. Raises AddonsError."""
    try:
        return _unshared(_loose(_yaml()).load(text))
    except YAMLError as error:
        raise _unreadable(error) from None
    except RecursionError:
        raise AddonsError("the stack file has an alias within itself", "Write the value out") from None


# YAML 1.2, as the engine reads it: `on` and `no` are words.
def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


_CONTENT = (
    AliasEvent,
    ScalarEvent,
    MappingStartEvent,
    MappingEndEvent,
    SequenceStartEvent,
    SequenceEndEvent,
)


def _unreadable(error: YAMLError) -> AddonsError:
    mark = getattr(error, "problem_mark", None)
    # Not the parser's words: they quote the text.
    where = f" (line {mark.line + 1})" if mark is not None else ""
    return AddonsError(f"the stack file cannot be read as YAML{where}", "Mend it first: `pulumi config` says more")


def _unshared(value: Any) -> Any:
    """A copy in which nothing is the same object as something else."""
    if isinstance(value, dict):
        return {key: _unshared(entry) for key, entry in value.items()}  # pyright: ignore[reportUnknownVariableType]  # YAML's own
    if isinstance(value, list):
        return [_unshared(entry) for entry in value]  # pyright: ignore[reportUnknownVariableType]  # YAML's own
    return value


def _node(text: str, event: Event, rest: Iterator[Event]) -> Node:
    start, end = _span(event)
    if isinstance(event, AliasEvent):
        return Node("alias", start, end)
    if isinstance(event, MappingStartEvent):
        return _mapping(text, event, rest)
    if isinstance(event, SequenceStartEvent):
        return _sequence(text, event, rest)
    assert isinstance(event, ScalarEvent)
    empty = start == end
    return Node("scalar", start, end, style=str(_loose(event).style or ""), value=str(_loose(event).value), empty=empty)


def _mapping(text: str, event: MappingStartEvent, rest: Iterator[Event]) -> Node:
    node = _collection("mapping", event)
    for inner in rest:
        if isinstance(inner, MappingEndEvent):
            return _closed(node, inner)
        key = _node(text, inner, rest)
        if not node.entries:
            node.column = int(_loose(inner).start_mark.column)
        value = _node(text, next(rest), rest)
        if value.empty:
            # The parser's mark for nothing is somewhere behind it.
            colon = text.find(":", key.end)
            blank = colon >= 0 and not text[key.end : colon].strip()
            value.start = value.end = colon + 1 if blank else -1
        node.entries.append((key, value))
    raise AssertionError("a mapping without an end")


def _sequence(text: str, event: SequenceStartEvent, rest: Iterator[Event]) -> Node:
    node = _collection("sequence", event)
    for inner in rest:
        if isinstance(inner, SequenceEndEvent):
            return _closed(node, inner)
        item = _node(text, inner, rest)
        if item.empty:
            item.start = item.end = -1
        node.items.append(item)
    raise AssertionError("a sequence without an end")


def _collection(kind: Literal["mapping", "sequence"], event: MappingStartEvent | SequenceStartEvent) -> Node:
    start, opened = _span(event)
    return Node(kind, start, opened, flow=bool(_loose(event).flow_style), opened=opened)


def _closed(node: Node, event: Event) -> Node:
    children = [*node.items, *(value for _, value in node.entries)]
    # A block ends where its last value does: its mark is that of whatever comes next.
    node.end = _span(event)[1] if node.flow else children[-1].end
    return node


def _span(event: Event) -> tuple[int, int]:
    marks = _loose(event)
    return int(marks.start_mark.index), int(marks.end_mark.index)


def _loose(theirs: Any) -> Any:
    """The library's own annotations leave these attributes out."""
    return theirs
