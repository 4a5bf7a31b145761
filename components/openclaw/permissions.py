"""The configuration behind each step of `gateway.permissions`: OpenClaw's session modes, as defaults for every session."""

from collections.abc import Mapping
from typing import Any, Final

# OpenClaw's own default is full access. Its tools for files are confined beside the commands: each alone leaves a way out.
MODES: Final[Mapping[str, str]] = {"read-only": "deny", "guarded": "ask", "workspace": "auto", "full": "full"}
MEANINGS: Final[Mapping[str, str]] = {
    "read-only": "reads its workspace, runs nothing",
    "guarded": "writes in its workspace, a person approves each command",
    "workspace": "writes in its workspace, a model reviews each command",
    "full": "everything, without asking",
}
_WRITERS: Final = ("apply_patch", "edit", "write")


def described(permissions: str) -> str:
    """A step in words, such as `guarded: writes in its workspace, ...`."""
    return f"{permissions}: {MEANINGS[permissions]}"


def tools(permissions: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `tools` that a step sets, with the owner's `given` list of denied tools kept."""
    ours: dict[str, Any] = {
        "exec": {"mode": MODES[permissions]},
        "fs": {"workspaceOnly": permissions != "full"},
    }
    if permissions == "read-only":
        ours["deny"] = sorted({*given.get("deny", ()), *_WRITERS})
    return ours
