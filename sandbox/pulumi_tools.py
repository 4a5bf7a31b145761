"""Chooses the pulumi CLI and the provider plugins: the official ones where they are installed or can be downloaded."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import UserError
from engine.official import Official
from engine.progress import Progress
from sandbox import plugins, tools
from sandbox.errors import SandboxError
from sandbox.home import Home

Choice = Literal["auto", "official", "standin"]


@dataclass(frozen=True)
class Plugins:
    """The chosen set, and the reason."""

    official: bool
    why: str

    @property
    def description(self) -> str:
        kind = "official plugins" if self.official else "stand-in plugins (for the sandbox and CI only)"
        return f"{kind}, {self.why}"


def choice() -> Choice:
    """`SANDBOX_PLUGINS`."""
    value = os.environ.get("SANDBOX_PLUGINS") or "auto"
    if value not in ("auto", "official", "standin"):
        raise SandboxError(f"SANDBOX_PLUGINS={value} is unknown", "Use auto, official or standin")
    return value


def choose(home: Home, wanted: Choice, progress: Progress) -> tuple[Plugins, Path]:
    """The plugins, made the only ones that the engine finds, and the CLI. The caller builds the CLI where it is `own_cli`.

    `auto`: what is installed, else what can be downloaded, else our own build of the CLI with the stand-ins.
    """
    official = official_of(home)
    cli, theirs, why = (
        official.installed_cli(never=own_cli(home)),
        official.installed_plugins(),
        "as they are installed",
    )
    if wanted == "standin":
        theirs, why = None, "as requested"
    elif cli is None or theirs is None:
        try:
            if wanted == "auto":
                official.ask()
            cli = cli or official.download_cli(progress)
            if theirs is None:
                theirs, why = official.download_plugins(cli, progress), "downloaded"
        except UserError as error:
            if wanted == "official":
                raise SandboxError(error.problem, f"{error.hint}, or set SANDBOX_PLUGINS=standin") from None
            why = why if theirs else f"as the official ones are not installed, and {error.problem}"
    _install(home, theirs)
    return Plugins(theirs is not None, why), cli or own_cli(home)


def official_of(home: Home) -> Official:
    """Pulumi's own CLI and plugins, in the versions that this program needs."""
    return Official(plugins.NAMES, tools.version("pulumi").removeprefix("v"), home.official)


def own_cli(home: Home) -> Path:
    """The CLI that is built from its module, where no other fits."""
    return home.bin / "pulumi"


def _install(home: Home, theirs: Path | None) -> None:
    """Makes the official plugins, or without any the stand-ins, the only ones that the engine finds."""
    cache = home.pulumi / "plugins"
    if cache.is_symlink():
        cache.unlink()
    if theirs is None:
        plugins.install(home.plugins, Path(sys.executable))
        return
    for name in plugins.NAMES:
        (home.plugins / f"pulumi-resource-{name}").unlink(missing_ok=True)
    if theirs != cache and not cache.exists():
        cache.symlink_to(theirs)
