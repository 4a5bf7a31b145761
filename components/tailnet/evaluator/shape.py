"""Reads untyped HuJSON values into plain types; a wrong type is a PolicyError that names the place."""

from collections.abc import Mapping
from typing import cast

from components.tailnet import hujson
from components.tailnet.evaluator.errors import PolicyError, quoted


def document(text: str) -> dict[str, object]:
    """The policy's sections by lower-case name: the control server takes keys in any case ("ACLs")."""
    try:
        value = hujson.loads_object(text)
    except hujson.DuplicateKeyError as error:
        raise PolicyError(str(error)) from None
    except ValueError as error:
        raise PolicyError(f"policy is not HuJSON: {error}") from None
    return lowered(value, "at the top level")


def lowered(value: Mapping[str, object], where: str = "in one object") -> dict[str, object]:
    """The entries by lower-case key, where the control server takes keys in any case. No key may be there twice."""
    entries: dict[str, object] = {}
    names: dict[str, str] = {}
    for key, inner in value.items():
        name = key.lower()
        if name in entries:
            raise PolicyError(f"the keys {quoted(names[name])} and {quoted(key)} are the same key, twice {where}")
        entries[name], names[name] = inner, key
    return entries


def entry(value: object, place: str) -> dict[str, object]:
    """One entry of a section, by lower-case key."""
    return lowered(mapping(value, place), f"in {place}")


def either(raw: Mapping[str, object], name: str, old: str, place: str) -> object:
    """The value under a key, or under its oldest name. Raises PolicyError when both have one."""
    if raw.get(name) is not None and raw.get(old) is not None:
        raise PolicyError(f'{place} has both "{name}" and its old name "{old}"')
    return raw.get(old) if raw.get(name) is None else raw[name]


def mapping(value: object, place: str) -> dict[str, object]:
    """Nothing (null or absent) is an empty mapping."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PolicyError(f"{place} must be an object")
    return cast("dict[str, object]", value)


def items(value: object, place: str) -> list[object]:
    """Nothing (null or absent) is an empty list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise PolicyError(f"{place} must be a list")
    return cast("list[object]", value)


def word(value: object, place: str) -> str:
    """Nothing (null or absent) is an empty string."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise PolicyError(f"{place} must be a string")
    return value


def words(value: object, place: str) -> tuple[str, ...]:
    return tuple(word(item, place) for item in items(value, place))
