"""CEL, the language of admission rules, from small helpers: quoted, joined and looked for in one way only."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

# An expression of the Common Expression Language, as the API server evaluates it.
Cel: TypeAlias = str
# The empty string.
NOTHING: Cel = "''"


def quoted(text: str) -> Cel:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def listed(texts: Iterable[str]) -> Cel:
    """A list of string literals."""
    return f"[{', '.join(quoted(text) for text in texts)}]"


def table(entries: Mapping[str, Iterable[str]]) -> Cel:
    """A map of string literals to lists of them."""
    return "{" + ", ".join(f"{quoted(key)}: {listed(texts)}" for key, texts in entries.items()) + "}"


def among(value: Cel, texts: Iterable[str]) -> Cel:
    """True when the value is one of the texts."""
    return f"{value} in {listed(texts)}"


def all_of(*parts: Cel) -> Cel:
    """True when every part is."""
    return " && ".join(f"({part})" for part in parts)


def any_of(*parts: Cel) -> Cel:
    """True when a part is."""
    return " || ".join(f"({part})" for part in parts)


def given(base: Cel, fields: str, otherwise: Cel) -> Cel:
    """The value of optional fields, such as `securityContext.runAsUser`; `otherwise` where any of them is missing."""
    return f"{optional(base, fields)}.orValue({otherwise})"


def items(base: Cel, fields: str) -> Cel:
    """An optional list, empty where it is missing."""
    return given(base, fields, "[]")


def optional(base: Cel, fields: str) -> Cel:
    """Optional fields as CEL's own optional value, to be compared with another one."""
    return base + "".join(f".?{field}" for field in fields.split("."))


def whole(pattern: str) -> str:
    """A regular expression (RE2) that matches the whole text."""
    return f"^(?:{pattern})$"


def matches(value: Cel, pattern: str) -> Cel:
    """True when the whole text matches the regular expression."""
    return f"{value}.matches({quoted(whole(pattern))})"


def each(values: Cel, holds: Cel, of: str = "c") -> Cel:
    """True when something holds for each value of a list, which it calls `of`."""
    return f"{values}.all({of}, {holds})"


def breaking(values: Cel, holds: Cel, of: str = "c", name: Cel = "c.name") -> Cel:
    """The names of those values for which it does not hold, as one text."""
    return f"{values}.filter({of}, !({holds})).map({of}, {name}).join(', ')"
