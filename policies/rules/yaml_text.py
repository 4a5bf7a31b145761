"""Reads YAML of anybody's: within bounds of depth, references and size, so that no text exhausts its reader."""

from typing import Any, Final, cast

# References within a document multiply: a kilobyte of them is a gigabyte of values.
_MOST_REFERENCES: Final = 100
# Deeper than any manifest, and far from what ends the reader.
_DEEPEST: Final = 100
_MOST_VALUES: Final = 100_000


def documents(text: str) -> list[Any]:
    """The documents of a YAML text. Raises ValueError for what is none, or is made to exhaust its reader."""
    # Not at the top: most starts of the pack read no YAML.
    import yaml

    if text.count("- - - - ") > _DEEPEST or text.count("? ? ? ? ") > _DEEPEST or _depth(text) > _DEEPEST:
        raise ValueError("it is nested too deep")
    if sum(text.count(mark) for mark in (" *", "[*", "\n*", "\t*", ",*", "{*", "(*")) > _MOST_REFERENCES:
        raise ValueError("it has too many references")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        read = list(yaml.load_all(text, Loader=loader))
        _check_size(read)
        return read
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        mark: Any = getattr(error, "problem_mark", None)
        raise ValueError(f"line {mark.line + 1} is no YAML" if mark else "it is no YAML") from None


def _check_size(read: object) -> None:
    """Raises ValueError when the values are too many, each counted wherever a reference repeats it."""
    stack, seen = [read], 0
    while stack:
        here = stack.pop()
        inner: list[object] = []
        if isinstance(here, dict):
            inner = list(cast("dict[object, object]", here).values())
        elif isinstance(here, list):
            inner = cast("list[object]", here)
        seen += len(inner)
        if seen > _MOST_VALUES:
            raise ValueError("it has too many values")
        stack += inner


def _depth(text: str) -> int:
    if text.count("[") + text.count("{") <= _DEEPEST:
        return 0
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}" and depth:
            depth -= 1
    return deepest
