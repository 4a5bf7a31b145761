"""A stack as its owner has it: a directory with Pulumi.yaml and the stack's file, and the backend that `pulumi login` chose."""

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from engine.errors import EngineError
from engine.locks import UpdateLock, locks, release_stale
from engine.operation import Result, inline, perform

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from pulumi import automation as auto
    from pulumi.automation.events import EngineEvent

_SCRATCH: Final = "scratch"
_FILE_SCHEME: Final = "file://"

OnEvent = Callable[["EngineEvent"], None]


def _ignored(event: "EngineEvent") -> None:
    return None


@dataclass(frozen=True)
class StackDirectory:
    """One stack of the project in `directory`. Nothing here selects a stack or rewrites its file.

    `cli` is a directory with bin/pulumi (None: the one on PATH), `environment` is laid over this process's. Without
    `program` the CLI runs the project with its language host, as `pulumi up` does; with it that file runs in this process.
    """

    directory: Path
    stack: str
    policy_packs: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    cli: Path | None = None
    pulumi_home: Path | None = None
    program: Path | None = None

    @cached_property
    def _project(self) -> dict[str, Any]:
        return yaml.safe_load((self.directory / "Pulumi.yaml").read_text())

    @property
    def project(self) -> str:
        """The project's name."""
        return str(self._project["name"])

    @property
    def mark(self) -> str:
        """A short word that no stack of another directory has."""
        return hashlib.sha256(f"{self.directory.resolve()} {self.stack}".encode()).hexdigest()[:8]

    @property
    def file(self) -> Path:
        """The stack's configuration."""
        place = self.directory / str(self._project.get("stackConfigDir") or ".")
        return place / f"Pulumi.{self.stack.rpartition('/')[2]}.yaml"

    def preview(self, config: Path, plan: Path, on_event: OnEvent = _ignored, refresh: bool = False) -> Result:
        """What `up` would do with the stack file `config`, with a plan that binds it. Takes no lock. With `refresh` the state
        is compared with the world first, and stays as it is."""
        options: dict[str, Any] = {"config_file": str(config), "plan": str(plan), "refresh": refresh}
        return perform(self._opened(), "preview", on_event, **self._policies(), **options)

    def up(self, on_event: OnEvent = _ignored, plan: Path | None = None, refresh: bool = False) -> Result:
        """Applies the program with the stack's own file. Anything but the plan is an error before it is done; with `refresh`
        the state is compared with the world first."""
        stack = self._opened()
        release_stale(self.holders(), self.stack, stack.cancel)
        bound: dict[str, Any] = {"refresh": refresh, **({"plan": str(plan)} if plan else {})}
        return perform(stack, "up", on_event, show_secrets=False, **self._policies(), **bound)

    def config(self) -> dict[str, Any]:
        """The project's own configuration with secrets in plain, by key without the project's prefix: for callers that must
        use them, never to be printed. Raises EngineError, for a wrong passphrase too."""
        arguments = ["config", "--json", "--show-secrets", "--stack", self.stack]
        listed: dict[str, dict[str, Any]] = json.loads(self._run(arguments) or "{}")
        own = ((key.removeprefix(f"{self.project}:"), entry) for key, entry in listed.items())
        return {key: entry.get("objectValue", entry.get("value")) for key, entry in own if ":" not in key}

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, each secret in them replaced by a word."""
        return json.loads(self._run(["stack", "output", "--json", "--stack", self.stack]) or "{}")

    def updated_at(self) -> str:
        """When the stack's state was last written, as the engine writes times; empty before its first update."""
        manifest: dict[str, Any] = self._deployment().get("manifest") or {}
        return str(manifest.get("time", ""))

    def resources(self) -> list[dict[str, Any]]:
        """The resources of the stack's state, secrets encrypted."""
        return self._deployment().get("resources") or []

    def cli_version(self) -> str:
        """The version of the CLI that works on the stack: `v3.259.0`."""
        return self._run(["version"]).strip()

    def _deployment(self) -> dict[str, Any]:
        exported: dict[str, Any] = json.loads(self._run(["stack", "export", "--stack", self.stack]))
        return exported.get("deployment") or {}

    def encrypt(self, secret: str) -> str:
        """`secret` as it may stand in the stack's file behind `secure:`. Raises EngineError without it."""
        with tempfile.TemporaryDirectory() as scratch:
            # A copy, as the key to the stack's secrets stands in the file; its other values are of no interest.
            document: dict[str, Any] = yaml.safe_load(self.file.read_text()) or {}
            copy = Path(scratch) / "scratch.yaml"
            copy.write_text(yaml.safe_dump({key: value for key, value in document.items() if key != "config"}))
            arguments = ["config", "set", _SCRATCH, "--secret", "--stack", self.stack, "--config-file", str(copy)]
            # By standard input: everybody on the machine may read arguments.
            self._run(arguments, secret)
            written: Any = yaml.safe_load(copy.read_text())["config"]
            return str(written[f"{self.project}:{_SCRATCH}"]["secure"])

    def holders(self) -> list[UpdateLock]:
        """Who holds the stack's lock, as far as this machine can see it: in a file backend."""
        return locks(self._state, self.project, self.stack) if self._state else []

    @property
    def _state(self) -> Path | None:
        """The directory of a file backend. The CLI looks for its backend in this order, too."""
        backend: dict[str, Any] = self._project.get("backend") or {}
        url = str(self._environment().get("PULUMI_BACKEND_URL") or backend.get("url") or "")
        if not url:
            home = self.pulumi_home or Path(self._environment().get("PULUMI_HOME") or Path.home() / ".pulumi")
            credentials = home / "credentials.json"
            url = str(json.loads(credentials.read_text()).get("current", "")) if credentials.exists() else ""
        if not url.startswith(_FILE_SCHEME):
            return None
        path = url.removeprefix(_FILE_SCHEME).partition("?")[0]
        return self.directory / Path(path).expanduser()

    def _policies(self) -> dict[str, Any]:
        return {"policy_packs": [str(pack) for pack in self.policy_packs]}

    def _environment(self) -> dict[str, str]:
        home = {"PULUMI_HOME": str(self.pulumi_home)} if self.pulumi_home else {}
        return {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", **home, **self.environment}

    def _run(self, arguments: list[str], given: str | None = None) -> str:
        cli = str(self.cli / "bin" / "pulumi") if self.cli else "pulumi"
        command = [cli, "--non-interactive", *arguments]
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment(),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = re.sub(r"^error: ", "", done.stderr.strip())
            raise EngineError(" ".join(arguments[:2]), [said.replace(given, "[secret]") if given else said], "", None)
        return done.stdout

    def _opened(self) -> "auto.Stack":
        from pulumi import automation as auto

        from engine.session import OwnSession

        class Unselected(auto.LocalWorkspace):
            """The owner's own selection stays: each operation names its stack, and says when there is none."""

            def select_stack(self, stack_name: str) -> None:
                pass

        workspace = Unselected(
            work_dir=str(self.directory),
            pulumi_home=str(self.pulumi_home) if self.pulumi_home else None,
            env_vars={"PULUMI_SKIP_UPDATE_CHECK": "true", **self.environment},
            program=inline(self.program) if self.program else None,
            pulumi_command=OwnSession(str(self.cli) if self.cli else None),
        )
        return auto.Stack.select(self.stack, workspace)
