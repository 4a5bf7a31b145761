"""The stack that an owner means: the project in or above a directory, and the stack that is named or selected there."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from addons.changes.journal import Journal
from addons.errors import AddonsError
from engine.directory import StackDirectory

PROJECT_FILE: Final = "Pulumi.yaml"
_PACK: Final = Path("policies")


def owners_stack(start: Path, stack: str = "") -> StackDirectory:
    """The stack `stack`, or the selected one, of the project in `start` or above it, as the owner's own `pulumi` takes it:
    with the backend that is logged in to and the project's policy pack. Raises AddonsError."""
    root = next((place for place in (start, *start.absolute().parents) if (place / PROJECT_FILE).is_file()), None)
    if root is None:
        raise AddonsError(f"there is no {PROJECT_FILE} in {start} or above it", "Go to the project's directory")
    cli = shutil.which("pulumi")
    if cli is None:
        raise AddonsError("there is no pulumi on PATH", "Install the Pulumi CLI")
    packs = (root / _PACK,) if (root / _PACK / "PulumiPolicy.yaml").is_file() else ()
    found = StackDirectory(root, stack or os.environ.get("PULUMI_STACK") or _selected(root, cli), packs)
    if not found.file.is_file():
        raise AddonsError(f"there is no {found.file.name} in {root}", "Choose another stack with --stack")
    return found


def journal(stack: StackDirectory, environ: Mapping[str, str]) -> Journal:
    """The jobs of an owner's stack, below the user's own state directory: never beside the stack file, where git would see
    them."""
    state = Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return Journal(state / "openclaw-tailnet" / f"{stack.stack.replace('/', '.')}-{stack.mark}")


def _selected(root: Path, cli: str) -> str:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    command = [cli, "--non-interactive", "stack", "--show-name"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    name = done.stdout.strip()
    if done.returncode or not name:
        raise AddonsError(f"no stack of {root} is selected", "Name one with --stack, or `pulumi stack select`")
    return name
