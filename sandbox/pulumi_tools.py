"""Which pulumi CLI and which provider plugins the engine runs: the official ones where they are to be had."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sandbox import plugins, tools
from sandbox.errors import SandboxError
from sandbox.home import Home

Choice = Literal["auto", "official", "standin"]
# Those of requirements.txt: kubernetes reads and writes state of its own minor only.
_PLUGIN: Final = re.compile(rf"resource-({'|'.join(plugins.NAMES)})-v\d")


@dataclass(frozen=True)
class Plugins:
    """What was chosen. `download`: the engine may fetch missing official plugins itself."""

    official: bool
    download: bool

    @property
    def description(self) -> str:
        return "official plugins" if self.official else "stand-in plugins (sandbox and CI only)"


def choice() -> Choice:
    """`SANDBOX_PLUGINS`."""
    value = os.environ.get("SANDBOX_PLUGINS") or "auto"
    if value not in ("auto", "official", "standin"):
        raise SandboxError(f"SANDBOX_PLUGINS={value} is unknown", "Use auto, official or standin")
    return value


def choose_plugins(home: Home, wanted: Choice) -> Plugins:
    """Make the chosen plugins, and no others, what the engine finds."""
    theirs = _installed()
    official = wanted == "official" or (wanted == "auto" and theirs is not None)
    if not official:
        plugins.install(home.plugins, Path(sys.executable))
        return Plugins(official=False, download=False)
    for name in plugins.NAMES:
        (home.plugins / f"pulumi-resource-{name}").unlink(missing_ok=True)
    cache = home.pulumi / "plugins"
    if theirs and theirs != cache and not cache.exists():
        cache.symlink_to(theirs)
    return Plugins(official=True, download=wanted == "official")


def _installed() -> Path | None:
    """Directory of an existing set of official plugins: the person's PULUMI_HOME, or PATH."""
    directory = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    if directory.is_dir():
        found = {match[1] for entry in directory.iterdir() if (match := _PLUGIN.match(entry.name))}
        if found >= set(plugins.NAMES):
            return directory
    paths = [shutil.which(f"pulumi-resource-{name}") for name in plugins.NAMES]
    return Path(paths[0]).parent if paths[0] and all(paths) else None


def own_cli(home: Home) -> Path:
    """The CLI that is built from its module, where no other fits."""
    return home.bin / "pulumi"


def choose_cli(home: Home, wanted: Choice, progress: tools.Progress) -> Path:
    """The pulumi CLI: installed and new enough, else downloaded (`official`), else our own (the caller builds it)."""
    pinned = tools.version("pulumi").removeprefix("v")
    own = own_cli(home)
    installed = shutil.which("pulumi")
    if installed and Path(installed).resolve() != own.resolve() and fits(_version(Path(installed)), pinned):
        return Path(installed)
    if wanted == "official":
        from pulumi.automation import PulumiCommand
        from semver import VersionInfo

        progress(f"downloading pulumi {pinned}", 30)
        try:
            return Path(PulumiCommand.install(str(home.pulumi / "cli"), VersionInfo.parse(pinned)).command)
        except Exception as error:  # the SDK raises what urllib, subprocess and the shell raise
            raise SandboxError(
                f"the official pulumi CLI cannot be downloaded ({error})", "Install it, or use SANDBOX_PLUGINS=standin"
            ) from None
    return own


def fits(version: str, pinned: str) -> bool:
    """Same major, not older than the one that was tried."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?", version)
    wanted = tuple(int(part) for part in pinned.split("."))
    return match is not None and int(match[1]) == wanted[0] and tuple(int(part) for part in match.groups()) >= wanted


def _version(cli: Path) -> str:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    result = subprocess.run([str(cli), "version"], capture_output=True, text=True, env=environment, check=False)
    return result.stdout.strip()
