"""Changes one value in the text of a stack file, and proves that nothing else changed; otherwise it refuses."""

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from addons.changes.yaml_tree import Node, data, tree
from addons.errors import AddonsError

Key = str | int
Value = str | bool

# Plain text that every reader of YAML takes for a string, in flow and in block style.
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
# Of YAML 1.1 and 1.2: these are no strings to one reader or another.
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"})
_STEP: Final = 2


@dataclass(frozen=True)
class Splice:
    """Puts `new` in the place of the text from `start` to `end`."""

    start: int
    end: int
    new: str

    def into(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]


class CannotEdit(AddonsError):
    """The value cannot be changed by text alone; the hint is the edit for a person."""

    def __init__(self, path: Sequence[Key], value: Value, reason: str) -> None:
        shown = "its new, encrypted value" if path[-1] == "secure" else f"`{scalar(value)}`"
        place = spelled(path[:-1] if path[-1] == "secure" else path)
        hint = f"Set `{place}` to {shown} in the stack file by hand, then run `pulumi preview`"
        super().__init__(f"the stack file cannot be edited here: {reason}", hint)


def changed(text: str, path: Sequence[Key], value: Value) -> str:
    """`text` with `value` at `path`, and every other character as it was. Raises CannotEdit, or AddonsError for a text that
    is no YAML."""
    splice = _splice(text, path, value)
    replaced = text[splice.start : splice.end]
    if "\n" in replaced or "\r" in replaced:
        raise CannotEdit(path, value, "the value goes over several lines")
    new = splice.into(text)
    if (reason := _disproved(text, new, path, value)) is not None:
        raise CannotEdit(path, value, reason)
    return new


def spelled(path: Sequence[Key]) -> str:
    """The path as `pulumi config set --path` takes it: `instances[2].tailscale.enabled`."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return words.removeprefix(".").removeprefix("config.").rpartition(":")[2]


def at(document: Any, path: Sequence[Key]) -> Any:
    """The value at `path` of a document, None where there is none."""
    for key in path:
        if isinstance(key, int):
            items = cast("list[Any]", document) if isinstance(document, list) else []
            document = items[key] if key < len(items) else None
        else:
            document = cast("dict[str, Any]", document).get(key) if isinstance(document, dict) else None
    return document


def scalar(value: Value, style: str = "") -> str:
    """`value`, which is ASCII, as YAML writes it, in the quotes of the one that it replaces."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style != '"' and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value)


def _splice(text: str, path: Sequence[Key], value: Value) -> Splice:
    node = tree(text)
    for depth, key in enumerate(path):
        place = spelled(path[:depth]) or "the file"
        below = _below(node, key)
        if below is None:
            return _added(text, node, path, depth, value)
        if below.kind == "alias":
            raise CannotEdit(path, value, f"{spelled(path[: depth + 1])} is an alias of another place")
        if below.kind == "scalar" and depth < len(path) - 1 and not _is_null(below):
            raise CannotEdit(path, value, f"{place} holds a single value where an object belongs")
        if below.kind == "scalar":
            rest = path[depth + 1 :]
            return _replaced(text, below, _nested(rest, value) if rest else None, path, value)
        node = below
    raise CannotEdit(path, value, f"{spelled(path)} is an object or a list")


def _below(node: Node, key: Key) -> Node | None:
    if isinstance(key, int):
        return node.items[key] if node.kind == "sequence" and key < len(node.items) else None
    return node.get(key) if node.kind == "mapping" else None


def _is_null(node: Node) -> bool:
    return node.empty or (not node.style and node.value in ("~", "null", "Null", "NULL"))


def _nested(path: Sequence[Key], value: Value) -> str:
    """The rest of a path in one line: `{authKey: {rotation: "2"}}`."""
    written = scalar(value)
    for key in reversed(path):
        written = f"{{{key}: {written}}}"
    return written


def _replaced(text: str, node: Node, nested: str | None, path: Sequence[Key], value: Value) -> Splice:
    if node.start < 0:
        raise CannotEdit(path, value, "an empty entry is there")
    if node.empty:
        return Splice(node.start, node.start, f" {nested or scalar(value)}")
    written = text[node.start : node.end]
    # An anchor stays; whether anything else changes by it is seen afterwards.
    anchor = re.match(r"&\S+\s+", written)
    start = node.start + (anchor.end() if anchor else 0)
    if text[start] == "!" or node.style in ("|", ">"):
        raise CannotEdit(path, value, "the value has a tag of its own, or goes over several lines")
    style = node.style if nested is None else ""
    return Splice(start, node.end, nested or scalar(value, style))


def _added(text: str, node: Node, path: Sequence[Key], depth: int, value: Value) -> Splice:
    """A key that is not there yet, behind the last one of its mapping."""
    missing = path[depth:]
    if node.kind != "mapping" or not all(isinstance(key, str) for key in missing):
        raise CannotEdit(path, value, f"{spelled(path[: depth + 1])} is not there")
    if any(not isinstance(key, int) and node.get(key) for key in missing[:1]):
        raise CannotEdit(path, value, f"{spelled(path[: depth + 1])} cannot be told from another key")
    if node.flow:
        entry = f"{missing[0]}: {_nested(missing[1:], value)}"
        if not node.entries:
            return Splice(node.opened, node.opened, entry)
        end = node.entries[-1][1].end
        return Splice(end, end, f", {entry}") if end >= 0 else _unknown_end(path, value)
    if node.end < 0:
        return _unknown_end(path, value)
    lines = [" " * (node.column + _STEP * level) + f"{key}:" for level, key in enumerate(missing)]
    lines[-1] += f" {scalar(value)}"
    line_break = "\r\n" if "\r\n" in text else "\n"
    offset = _next_line(text, node.end)
    if offset and text[offset - 1] not in "\r\n":
        return Splice(offset, offset, "".join(line_break + line for line in lines))
    return Splice(offset, offset, "".join(line + line_break for line in lines))


def _unknown_end(path: Sequence[Key], value: Value) -> Splice:
    raise CannotEdit(path, value, "it would come behind an empty entry of a list")


def _next_line(text: str, offset: int) -> int:
    """The beginning of the next line, or of this one where nothing of it stands before."""
    if offset and text[offset - 1] in "\r\n":
        return offset
    found = re.compile(r"\r\n|\n|\r").search(text, offset)
    return found.end() if found else len(text)


def _disproved(old: str, new: str, path: Sequence[Key], value: Value) -> str | None:
    """What is wrong with an edit: None when the new text says exactly what the old one did, but for the value."""
    wanted: Any = data(old)
    place: Any = wanted
    for key, following in itertools.pairwise(path):
        if at(place, [key]) is None:
            place[key] = list[Any]() if isinstance(following, int) else dict[str, Any]()
        place = place[key]
    place[path[-1]] = value
    try:
        read = data(new)
    except AddonsError:
        return "the result would not be YAML"
    return None if _same(wanted, read) else "something else would change with it, by an alias or a merged key"


def _same(one: Any, other: Any) -> bool:
    """Equal, also in types: 1, 1.0 and true are three things."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        left, right = cast("dict[Any, Any]", one), cast("dict[Any, Any]", other)
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(one, list):
        first, second = cast("list[Any]", one), cast("list[Any]", other)
        return len(first) == len(second) and all(map(_same, first, second))
    return one == other or one != one
