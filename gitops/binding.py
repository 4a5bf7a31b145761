"""What a plan belongs to: a commit, a state, versions. A plan is applied with exactly these, or not at all."""

import hashlib
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from engine.directory import StackDirectory
from gitops.errors import GitopsError
from gitops.model import Binding

# The SDKs, and with them their plugins: an engine takes the plugin of its SDK's version.
_PACKAGES: Final = ("pulumi", "pulumi-kubernetes", "pulumi-random", "pulumi-tailscale")


def binding(stack: StackDirectory, plan: Path) -> Binding:
    """What is here now, with the digest of `plan`. Raises GitopsError without git, EngineError without the stack."""
    return Binding(
        stack=stack.stack,
        commit=_git(stack.directory, "rev-parse", "HEAD"),
        uncommitted=tuple(
            line[3:] for line in _git(stack.directory, "status", "--porcelain", "--untracked-files=no").splitlines()
        ),
        updated_at=stack.updated_at(),
        versions={"CLI": stack.cli_version().removeprefix("v")} | {name: version(name) for name in _PACKAGES},
        digest=hashlib.sha256(plan.read_bytes()).hexdigest(),
    )


def differences(planned: Binding, now: Binding) -> Iterator[str]:
    """What is another than at the preview, one line each."""
    if planned.stack != now.stack:
        yield f"it is of the stack {planned.stack}, not of {now.stack}"
    if planned.digest != now.digest:
        yield "the plan beside the summary is not the one that was previewed"
    if planned.commit != now.commit:
        yield f"it is of the commit {planned.commit[:12]}, and this is {now.commit[:12]}"
    if planned.uncommitted:
        yield f"it was made with files that no commit has: {', '.join(planned.uncommitted[:3])}"
    if now.uncommitted:
        yield f"files here differ from the commit: {', '.join(now.uncommitted[:3])}"
    if planned.updated_at != now.updated_at:
        since = f"at {now.updated_at}" if now.updated_at else "by being removed"
        yield f"the stack was updated by somebody since the preview, {since}"
    for name in dict.fromkeys([*planned.versions, *now.versions]):
        before, after = planned.versions.get(name, "none"), now.versions.get(name, "none")
        if before != after:
            yield f"{name} was {before} at the preview, and is {after}"


def _git(directory: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments], capture_output=True, text=True, check=False, timeout=60
        )
    except FileNotFoundError:
        raise GitopsError("there is no git on PATH", "Install it: a plan is kept with its commit") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise GitopsError(f"git says of {directory}: {said}", "Run this in a checkout of the repository")
    return done.stdout.rstrip("\n")
