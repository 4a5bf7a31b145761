"""Reads untyped HuJSON values into plain types; a wrong type is a PolicyError that names the place."""

from collections.abc import Mapping
from typing import cast

from components.tailnet import hujson
from components.tailnet.evaluator.errors import PolicyError


def document(text: str) -> dict[str, object]:
    """The policy's sections by lower-case name: the control server takes keys in any case ("ACLs")."""
    try:
        return lowered(hujson.loads_object(text))
    except ValueError as error:
        raise PolicyError(f"policy is not HuJSON: {error}") from None


def lowered(value: Mapping[str, object]) -> dict[str, object]:
    return {key.lower(): inner for key, inner in value.items()}


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
