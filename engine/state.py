"""Reads a stack's state file without starting an engine. Secrets in it are ciphertext and stay so."""

import json
from pathlib import Path
from typing import Any, Final, cast

# How the engine marks a secret in a state file.
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
HIDDEN: Final = "[secret]"


def pending(state: Path, project: str, stack: str) -> bool:
    """True when an update was cut off in the middle of an operation."""
    return bool(_latest(state, project, stack).get("pending_operations"))


def outputs(state: Path, project: str, stack: str) -> dict[str, Any]:
    """The stack's outputs, each secret in them replaced by a word."""
    resources: list[dict[str, Any]] = _latest(state, project, stack).get("resources") or []
    for resource in resources:
        if resource["type"] == "pulumi:pulumi:Stack":
            return masked(resource.get("outputs") or {})
    return {}


def masked(value: Any) -> Any:
    """`value` without its secrets."""
    if isinstance(value, list):
        return [masked(entry) for entry in cast("list[Any]", value)]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return HIDDEN if _SIGNATURE in members else {key: masked(entry) for key, entry in members.items()}
    return value


def _latest(state: Path, project: str, stack: str) -> dict[str, Any]:
    path = state / ".pulumi" / "stacks" / project / f"{stack}.json"
    document: Any = json.loads(path.read_text()) if path.exists() else {}
    checkpoint: Any = document.get("checkpoint") or {}
    latest: dict[str, Any] = checkpoint.get("latest") or {}
    return latest
