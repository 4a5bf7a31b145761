"""Which pulumi CLI and which provider plugins the engine runs: the official ones where they are to be had."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import httpx

from sandbox import plugins, tools
from sandbox.errors import SandboxError
from sandbox.home import Home

Choice = Literal["auto", "official", "standin"]
# Those of requirements.txt: kubernetes reads and writes state of its own minor only.
_PLUGIN: Final = re.compile(rf"resource-({'|'.join(plugins.NAMES)})-v\d")
# Where the CLI and the plugins are published.
DOWNLOADS: Final = "https://get.pulumi.com/releases/plugins"
# Silence for so long, in seconds, is a "no".
PATIENCE: Final = 5.0
_INSTALL_SECONDS: Final = 300


@dataclass(frozen=True)
class Plugins:
    """What was chosen, and why."""

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


def choose(home: Home, wanted: Choice, progress: tools.Progress) -> tuple[Plugins, Path]:
    """The plugins, made the only ones that the engine finds, and the CLI. The caller builds the CLI where it is `own_cli`.

    `auto`: what is installed, else what can be downloaded, else our own build of the CLI with the stand-ins.
    """
    cli, theirs, why = _installed_cli(home), _installed_plugins(home), "as they are installed"
    if wanted == "standin":
        theirs, why = None, "as asked for"
    elif cli is None or theirs is None:
        try:
            if wanted == "auto":
                ask()
            cli = cli or _download_cli(home, progress)
            if theirs is None:
                theirs, why = _download_plugins(home, cli, progress), "downloaded"
        except SandboxError as error:
            if wanted == "official":
                raise
            why = why if theirs else f"as the official ones are not installed, and {error.what}"
    _make_found(home, theirs)
    return Plugins(theirs is not None, why), cli or own_cli(home)


def own_cli(home: Home) -> Path:
    """The CLI that is built from its module, where no other fits."""
    return home.bin / "pulumi"


def ask() -> None:
    """Raises when the official download says no, or nothing, to somebody who asks for one of the plugins."""
    said: list[str] = []

    def head() -> None:
        name = f"pulumi-resource-random-v{_version_of('random')}-linux-{_architecture()}.tar.gz"
        try:
            answer = httpx.head(f"{DOWNLOADS}/{name}", timeout=PATIENCE, follow_redirects=True)
            said.append("" if answer.is_success else f"their download answers {answer.status_code}")
        except httpx.HTTPError as error:
            said.append(f"their download cannot be reached ({error})")

    # In a thread, as looking a name up has no time limit of its own.
    question = threading.Thread(target=head, daemon=True)
    question.start()
    question.join(PATIENCE)
    if reason := said[0] if said else f"their download is silent for {PATIENCE:.0f} s":
        raise SandboxError(reason, "Install them, or set SANDBOX_PLUGINS=standin")


def _make_found(home: Home, theirs: Path | None) -> None:
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


def _installed_plugins(home: Home) -> Path | None:
    """Directory of a whole set of official plugins: the person's PULUMI_HOME, one downloaded here before, or PATH."""
    for pulumi in (Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi"), home.official):
        directory = pulumi / "plugins"
        if directory.is_dir():
            found = {match[1] for entry in directory.iterdir() if (match := _PLUGIN.match(entry.name))}
            if found >= set(plugins.NAMES):
                return directory
    paths = [shutil.which(f"pulumi-resource-{name}") for name in plugins.NAMES]
    return Path(paths[0]).parent if paths[0] and all(paths) else None


def _installed_cli(home: Home) -> Path | None:
    """A CLI on PATH, or downloaded here before, that is new enough; never our own build."""
    own, pinned = own_cli(home), tools.version("pulumi").removeprefix("v")
    for candidate in (shutil.which("pulumi"), str(home.official / "cli" / "bin" / "pulumi")):
        cli = Path(candidate) if candidate else None
        if cli and cli.is_file() and cli.resolve() != own.resolve() and fits(_version(cli), pinned):
            return cli
    return None


def _download_cli(home: Home, progress: tools.Progress) -> Path:
    from pulumi.automation import PulumiCommand
    from semver import VersionInfo

    pinned = tools.version("pulumi").removeprefix("v")
    progress(f"downloading pulumi {pinned}", 30)
    try:
        return Path(PulumiCommand.install(str(home.official / "cli"), VersionInfo.parse(pinned)).command)
    except Exception as error:  # the SDK raises what urllib, subprocess and the shell raise
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise SandboxError(
            f"the official pulumi CLI cannot be downloaded ({last})", "Install it, or set SANDBOX_PLUGINS=standin"
        ) from None


def _download_plugins(home: Home, cli: Path, progress: tools.Progress) -> Path:
    """All of them or none: a set of which some are stand-ins would prove nothing."""
    staging = home.official / "new"
    shutil.rmtree(staging, ignore_errors=True)
    environment = {**os.environ, "PULUMI_HOME": str(staging), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    for name in plugins.NAMES:
        version = _version_of(name)
        progress(f"downloading the {name} plugin {version}", 30)
        command = [str(cli), "plugin", "install", "resource", name, f"v{version}"]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
            )
            failed = done.returncode != 0
            said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        except subprocess.TimeoutExpired:
            failed, said = True, f"not done after {_INSTALL_SECONDS} s"
        if failed:
            shutil.rmtree(staging, ignore_errors=True)
            raise SandboxError(
                f"the official {name} plugin cannot be downloaded ({said})",
                "Install it, or set SANDBOX_PLUGINS=standin",
            )
    target = home.official / "plugins"
    shutil.rmtree(target, ignore_errors=True)
    (staging / "plugins").replace(target)
    shutil.rmtree(staging, ignore_errors=True)
    return target


def _version_of(name: str) -> str:
    """The plugin that belongs to the SDK which is installed, as requirements.txt pins it."""
    return importlib.metadata.version(f"pulumi-{name}")


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def fits(version: str, pinned: str) -> bool:
    """Same major, not older than the one that was tried."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?", version)
    wanted = tuple(int(part) for part in pinned.split("."))
    return match is not None and int(match[1]) == wanted[0] and tuple(int(part) for part in match.groups()) >= wanted


def _version(cli: Path) -> str:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    result = subprocess.run([str(cli), "version"], capture_output=True, text=True, env=environment, check=False)
    return result.stdout.strip()
