"""Lays an owner's configuration under ours."""

from collections.abc import Mapping
from typing import Any, cast


def laid_under(given: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """The owner's configuration with ours over it: objects are merged, and any other value of ours wins."""
    merged: dict[str, Any] = dict(given)
    for key, value in ours.items():
        under = merged.get(key)
        if isinstance(value, dict) and isinstance(under, dict):
            merged[key] = laid_under(cast(dict[str, Any], under), cast(dict[str, Any], value))
        else:
            merged[key] = value
    return merged
