"""kubectl, for people and tests: the installed one where it fits the cluster, else ours."""

import functools
import json
import shutil
import subprocess
from pathlib import Path

from sandbox import tools
from sandbox.home import Home


def program(home: Home) -> Path:
    """The one to use in this home; `needed` says whether it has to be built first."""
    return _installed() or home.bin / "kubectl"


def needed() -> list[str]:
    """The tools to build for it."""
    return [] if _installed() else ["kubectl"]


def fits(version: str, pinned: str) -> bool:
    """Clients are supported within one minor version of the API server."""
    (major, minor), (wanted_major, wanted_minor) = (
        [int(part) for part in text.removeprefix("v").split(".")[:2]] for text in (version, pinned)
    )
    return major == wanted_major and abs(minor - wanted_minor) <= 1


@functools.cache
def _installed() -> Path | None:
    program = shutil.which("kubectl")
    if program is None:
        return None
    result = subprocess.run(
        [program, "version", "--client", "--output=json"], capture_output=True, text=True, check=False
    )
    try:
        version = str(json.loads(result.stdout)["clientVersion"]["gitVersion"])
        return Path(program) if fits(version, tools.version("kubernetes")) else None
    except (ValueError, KeyError):  # a wrapper of some vendor, or a very old one
        return None
