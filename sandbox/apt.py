"""Debian packages with the machine's own apt-get."""

import fcntl
import os
import shlex
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sandbox.errors import SandboxError

_DIRECTORY: Final = Path("/var/lib/apt")


@contextmanager
def alone() -> Generator[None]:
    """Waits until no other process of ours is in here."""
    directory = os.open(_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def install(packages: Sequence[str]) -> None:
    """Install packages; needs root."""
    _apt("install", "--yes", "--no-install-recommends", *packages)


def download(packages: Sequence[str], into: Path) -> list[Path]:
    """The packages' archives, not installed."""
    # apt's unprivileged downloader must be able to write here.
    into.chmod(0o777)
    _apt("download", *packages, cwd=into)
    return sorted(into.glob("*.deb"))


def _apt(*arguments: str, cwd: Path | None = None) -> None:
    # A machine that has just booted installs updates, and holds the lock meanwhile.
    options = ("-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C"}
    said = ""
    # The lists may be absent (images of machines have none) or too old: then a second try with new ones.
    for words in (arguments, ("update",), arguments):
        result = subprocess.run(
            ["apt-get", *options, *words],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode == 0 and words is arguments:
            return
        said = result.stderr.strip() or result.stdout.strip()
    tail = " | ".join(line for line in said.splitlines() if not line.startswith("W:"))[-400:]
    raise SandboxError(
        f"`apt-get {shlex.join(arguments)}` failed: {tail}", "Run it by hand to see why, or set SANDBOX_NODE=simulated"
    )
