"""Pulumi's own CLI and provider plugins: as they are installed, or downloaded."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from engine.errors import UserError
from engine.progress import Progress

# Where the CLI and the plugins are published.
DOWNLOADS: Final = "https://get.pulumi.com/releases/plugins"
# Silence for so long, in seconds, is a "no".
PATIENCE: Final = 5.0
_INSTALL_SECONDS: Final = 300


@dataclass(frozen=True)
class Official:
    """`names` are the plugins that a program needs, `version` is the CLI's, `directory` keeps what is downloaded."""

    names: Sequence[str]
    version: str
    directory: Path

    def installed_plugins(self) -> Path | None:
        """The directory of a whole set: the person's PULUMI_HOME, one downloaded here before, or PATH."""
        pattern = re.compile(rf"resource-({'|'.join(self.names)})-v\d")
        for pulumi in (Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi"), self.directory):
            plugins = pulumi / "plugins"
            if plugins.is_dir():
                installed = {match[1] for entry in plugins.iterdir() if (match := pattern.match(entry.name))}
                if installed >= set(self.names):
                    return plugins
        paths = [shutil.which(f"pulumi-resource-{name}") for name in self.names]
        return Path(paths[0]).parent if paths[0] and all(paths) else None

    def installed_cli(self, never: Path) -> Path | None:
        """A CLI on PATH, or downloaded here before, that is new enough, but for the one at `never`."""
        for candidate in (shutil.which("pulumi"), str(self.directory / "cli" / "bin" / "pulumi")):
            cli = Path(candidate) if candidate else None
            if cli and cli.is_file() and cli.resolve() != never.resolve() and fits(_version(cli), self.version):
                return cli
        return None

    def ask(self) -> None:
        """Raises when the download says no, or nothing, to somebody who asks for one of the plugins."""
        said: list[str] = []

        def head() -> None:
            name = f"pulumi-resource-{self.names[-1]}-v{version_of(self.names[-1])}-linux-{_architecture()}.tar.gz"
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
            raise UserError(reason, "Install them")

    def download_cli(self, progress: Progress) -> Path:
        """The CLI, downloaded. Raises UserError."""
        from pulumi.automation import PulumiCommand
        from semver import VersionInfo

        progress(f"downloading pulumi {self.version}", 30)
        try:
            wanted = VersionInfo.parse(self.version)
            return Path(PulumiCommand.install(str(self.directory / "cli"), wanted).command)
        except Exception as error:  # the SDK raises what urllib, subprocess and the shell raise
            last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise UserError(f"the official pulumi CLI cannot be downloaded ({last})", "Install it") from None

    def download_plugins(self, cli: Path, progress: Progress) -> Path:
        """All of them or none: a set of which some are stand-ins would prove nothing. Raises UserError."""
        staging = self.directory / "new"
        shutil.rmtree(staging, ignore_errors=True)
        environment = {**os.environ, "PULUMI_HOME": str(staging), "PULUMI_SKIP_UPDATE_CHECK": "true"}
        for name in self.names:
            version = version_of(name)
            progress(f"downloading the {name} plugin {version}", 30)
            command = [str(cli), "plugin", "install", "resource", name, f"v{version}"]
            try:
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
                )
                failed = done.returncode != 0
                said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            except subprocess.TimeoutExpired:
                failed, said = True, f"not finished after {_INSTALL_SECONDS} s"
            if failed:
                shutil.rmtree(staging, ignore_errors=True)
                raise UserError(f"the official {name} plugin cannot be downloaded ({said})", "Install it")
        target = self.directory / "plugins"
        shutil.rmtree(target, ignore_errors=True)
        (staging / "plugins").replace(target)
        shutil.rmtree(staging, ignore_errors=True)
        return target


def version_of(name: str) -> str:
    """The plugin that belongs to the SDK which is installed: kubernetes reads and writes state of its own minor only."""
    return importlib.metadata.version(f"pulumi-{name}")


def fits(version: str, pinned: str) -> bool:
    """Same major, not older than the one that was tried."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?", version)
    wanted = tuple(int(part) for part in pinned.split("."))
    return match is not None and int(match[1]) == wanted[0] and tuple(int(part) for part in match.groups()) >= wanted


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _version(cli: Path) -> str:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    result = subprocess.run([str(cli), "version"], capture_output=True, text=True, env=environment, check=False)
    return result.stdout.strip()
