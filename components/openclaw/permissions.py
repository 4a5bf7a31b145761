"""The configuration behind each step of `gateway.permissions`: OpenClaw's session modes, as defaults for every session."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Step:
    """`mode`: OpenClaw's word for it, in `tools.exec.mode`; `meaning`: ours, for people."""

    mode: str
    meaning: str


# OpenClaw's own default is full access. Its tools for files are confined beside the commands: each alone leaves a way out.
STEPS: Final[Mapping[str, Step]] = {
    "read-only": Step("deny", "reads its workspace, runs nothing"),
    "guarded": Step("ask", "writes in its workspace, a person approves each command"),
    "workspace": Step("auto", "writes in its workspace, a model reviews each command"),
    "full": Step("full", "everything, without asking"),
}
_WRITERS: Final = ("apply_patch", "edit", "write")


def described(permissions: str) -> str:
    """A step in words, such as `guarded: writes in its workspace, ...`."""
    return f"{permissions}: {STEPS[permissions].meaning}"


def tools(permissions: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `tools` that a step sets, with the owner's `given` list of denied tools kept."""
    ours: dict[str, Any] = {
        "exec": {"mode": STEPS[permissions].mode},
        "fs": {"workspaceOnly": permissions != "full"},
    }
    if permissions == "read-only":
        ours["deny"] = sorted({*given.get("deny", ()), *_WRITERS})
    return ours
