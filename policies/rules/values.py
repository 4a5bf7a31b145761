"""Property values as the rules see them: plain Python, with UNKNOWN where the engine does not know a value yet.

The one place that says what an unknown value means. While `pulumi preview` runs, a value that comes from another
resource can be unknown. UNKNOWN is equal to nothing, and no mapping, no list and no string: a rule that asks
`is True`, `== "NodePort"`, `items(...)` gets "no" from it and goes on to the next leaf. So the known part of a resource
is always judged in full, and what an unknown value decides is judged in `up`, where the engine asks again, with the
value, before it creates the resource. A rule that demands something ("must be false") lets UNKNOWN pass likewise.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast, final


@final
class Unknown:
    """A value that is not known before `up`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()

# Only None, Unknown, bool, float, int, str, and dicts and lists of them ever arrive (policies/decode.py makes them).
Value = object
Object = Mapping[str, Value]


def obj(value: Value) -> Object:
    """The value if it is an object, else an empty one."""
    return cast(Object, value) if isinstance(value, dict) else {}


def is_object(value: Value) -> bool:
    """Says whether a value is an object, if only an empty one."""
    return isinstance(value, dict)


def get(value: Value, *keys: str) -> Value:
    """The value under a path of keys; None where a key is missing, UNKNOWN where the way there is unknown."""
    for key in keys:
        if isinstance(value, dict):
            value = cast(Object, value).get(key)
        else:
            return UNKNOWN if isinstance(value, Unknown) else None
    return value


def fields(value: Value, path: str) -> Iterator[tuple[str, str, Value]]:
    """(key, path, value) of each field of an object; nothing for anything else."""
    for key, element in obj(value).items():
        step = f".{key}" if key.isidentifier() else f'["{key}"]'
        yield key, f"{path}{step}".removeprefix("."), element


def items(value: Value, path: str) -> Iterator[tuple[str, Value]]:
    """(path, element) of each element of a list; nothing for anything else."""
    if isinstance(value, list):
        for index, element in enumerate(cast(Sequence[Value], value)):
            yield f"{path}[{index}]", element


def text(value: Value) -> str | None:
    """The value if it is a known string."""
    return value if isinstance(value, str) else None


def present(value: Value) -> bool:
    """Known, and neither missing nor empty (None, "", 0, false, [], {})."""
    return not isinstance(value, Unknown) and bool(value)
