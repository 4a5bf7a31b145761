"""Reads HuJSON (JSON with comments and trailing commas), the format of tailnet policies, in time linear to the text."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias, cast

# Deeper than any policy, and far from what ends in a RecursionError here or in whoever reads the value.
DEEPEST: Final = 200
# More digits than any number of a policy; and far from the length that Python refuses to read.
_LONGEST_NUMBER: Final = 400
# What of a key or path an error shows.
_SHOWN: Final = 100
# Possessive throughout: nothing is read twice, however the text goes on. The last alternative is the opening mark of a
# string or comment that does not end (the control server wants a line's end after a line comment, too).
_TOKEN: Final = re.compile(
    r'(?P<string>"(?:[^"\\]++|\\.)*+")'
    r"|(?P<comment>//[^\n]*+\n|/\*(?:[^*]++|\*(?!/))*+\*/)"
    r'|(?P<other>[^\s"/]++)'
    r'|(?P<unclosed>["/])',
    re.DOTALL,
)
_NOT_NEWLINE: Final = re.compile(r"[^\n]")
_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
# The way to an inner value: the way to the outer one, and the key or index in it.
_Way: TypeAlias = "tuple[_Way, str | int] | None"


class DuplicateKeyError(ValueError):
    """An object has a key twice: `path` leads to the object."""

    def __init__(self, path: str, key: str) -> None:
        where = f"in {path}" if path else "at the top level"
        super().__init__(f"the key {_quoted(key)} appears twice {where}")
        self.path = path
        self.key = key


def loads(text: str) -> object:
    """Raises ValueError with line and column (as in the text given) when it is not HuJSON.

    Refused too: a key that an object has twice (readers differ in which one they take), NaN, infinities and numbers out
    of range, half of a surrogate pair, and nesting deeper than DEEPEST.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it contains half of a surrogate pair, which is not valid text") from None
    try:
        return _json(text)  # without comments: several times as fast, for the policies of many gateways
    except json.JSONDecodeError:
        return _json(_plain(text))


def loads_object(text: str) -> dict[str, Any]:
    """As `loads`, and the value must be an object."""
    value = loads(text)
    if not isinstance(value, dict):
        raise ValueError("a policy is one object in braces")
    return cast("dict[str, Any]", value)


def _json(text: str) -> object:
    twice: list[tuple[dict[str, object], str]] = []

    def object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) < len(pairs):
            twice.append((members, _repeated(pairs)))
        return members

    try:
        value: object = json.loads(
            text, object_pairs_hook=object_of, parse_constant=_constant, parse_int=_integer, parse_float=_fraction
        )
    except RecursionError:
        raise ValueError(_too_deep()) from None
    _check_depth(value)
    if twice:
        keys = {id(members): key for members, key in twice}
        raise next(DuplicateKeyError(_path(way), keys[id(inner)]) for way, inner in _values(value) if id(inner) in keys)
    if _ESCAPED_SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it contains half of a surrogate pair, which is not valid text") from None
    return value


def _plain(text: str) -> str:
    """The text as JSON: blanks of the same shape for comments and trailing commas, so that positions stay true."""
    blanks: list[tuple[int, int]] = []
    # The last comma, while only blanks and comments have followed it; and the last character of any weight.
    comma, before = -1, ""
    for token in _TOKEN.finditer(text):
        start = token.start()
        match token.lastgroup:
            case "string":
                comma, before = -1, '"'
            case "comment":
                blanks.append(token.span())
            case "other":
                for place, character in enumerate(token.group(), start):
                    if character in "]}" and comma >= 0:
                        blanks.append((comma, comma + 1))
                    # `[,]` and `[1,,]` have no trailing comma.
                    comma = place if character == "," and before not in ("", "[", "{", ",", ":") else -1
                    before = character
            case _:
                unended = text.startswith(('"', "//", "/*"), start)
                raise json.JSONDecodeError(
                    "Unterminated string or comment" if unended else "Expecting value", text, start
                )
    return _blanked(text, sorted(blanks))


def _blanked(text: str, blanks: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    kept = 0
    for start, end in blanks:
        pieces += (text[kept:start], _NOT_NEWLINE.sub(" ", text[start:end]))
        kept = end
    return "".join([*pieces, text[kept:]])


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, (dict, list))]
        if not level:
            return
    raise ValueError(_too_deep())


def _inside(outer: object) -> Iterable[object]:
    if isinstance(outer, dict):
        return cast("dict[str, object]", outer).values()
    return cast("list[object]", outer) if isinstance(outer, list) else ()


def _values(value: object) -> Iterator[tuple[_Way, object]]:
    """Every value, with the way to it; the outer before the inner ones."""
    level: list[tuple[_Way, object]] = [(None, value)]
    while level:
        yield from level
        level = [((way, step), inner) for way, outer in level for step, inner in _inner(outer)]


def _inner(outer: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(outer, dict):
        return iter(cast("dict[str, object]", outer).items())
    return enumerate(cast("list[object]", outer) if isinstance(outer, list) else ())


def _path(way: _Way) -> str:
    """As in `grants[0].app`."""
    steps: list[str] = []
    while way is not None:
        way, step = way
        shown = step if isinstance(step, str) and step.isidentifier() else None
        steps.append(f".{shown}" if shown else f"[{step if isinstance(step, int) else _quoted(step)}]")
    return "".join(reversed(steps)).removeprefix(".")[: 4 * _SHOWN]


def _repeated(pairs: list[tuple[str, object]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError("no key is there twice")


def _quoted(key: str) -> str:
    shown = key[:_SHOWN]
    return json.dumps(shown, ensure_ascii=not shown.isprintable())


def _too_deep() -> str:
    return f"it is nested more than {DEEPEST} levels deep"


def _constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(digits)} digits is out of range")
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits) if len(digits) <= _LONGEST_NUMBER else float("inf")
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is out of range")
    return number
