"""A stack of a Python program under the real Pulumi engine: preview, up, refresh, destroy, by the Automation API."""

import gc
import re
import runpy
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import yaml

from engine import configuration
from engine.configuration import StackConfig
from engine.errors import EngineError, UserError
from engine.locks import locks, runs_engine
from engine.processes import Process, end, start_time
from engine.state import outputs, pending
from engine.workspace import Workspace

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from pulumi import automation as auto
    from pulumi.automation.events import EngineEvent

_COLOR: Final = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Result:
    """`changes` counts operations by kind (`same`, `create`, `update`, `replace`, `delete`, ...)."""

    changes: dict[str, int]
    output: str
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    events: "list[EngineEvent]" = field(default_factory=list["EngineEvent"])

    @property
    def unchanged(self) -> bool:
        return not {kind for kind, count in self.changes.items() if count} - {"same", "read"}


@dataclass
class Engine:
    """One stack. `program` is the file that declares it, `project` its Pulumi.yaml; `on_change` hears the URN of each
    resource that the engine begins with.
    """

    workspace: Workspace
    cli: Path
    config: StackConfig
    stack: str
    program: Path
    project: Path
    policy_packs: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict[str, str])
    on_change: Callable[[str], None] = lambda urn: None
    _was_cut_off: ClassVar[bool] = False

    @property
    def work(self) -> Path:
        return self.workspace.work / self.stack

    @property
    def log(self) -> Path:
        return self.workspace.logs / f"pulumi-{self.stack}.log"

    @cached_property
    def name(self) -> str:
        """The project's name."""
        return str(yaml.safe_load(self.project.read_text())["name"])

    @property
    def _file(self) -> Path:
        return self.work / f"Pulumi.{self.stack}.yaml"

    def preview(self, **options: Any) -> Result:
        return self._run("preview", self._stack(), **self._policies(), **options)

    def up(self, **options: Any) -> Result:
        """Applies the program. What an earlier update that was cut off left half done is repaired by that; then nothing
        is in doubt any more, and the engine need not warn of it for ever."""
        result = self.plain_up(**options)
        if pending(self.workspace.state, self.name, self.stack):
            self._run("refresh", self._stack(), show_secrets=False, clear_pending_creates=True)
        return result

    def plain_up(self, **options: Any) -> Result:
        """Applies the program as a person's `pulumi up` does."""
        return self._run("up", self._stack(), show_secrets=False, **self._policies(), **options)

    def refresh(self, **options: Any) -> Result:
        """Compares with the world and takes its values into the state; `changes` tells what had drifted."""
        return self._run("refresh", self._stack(), show_secrets=False, **options)

    def destroy(self, **options: Any) -> Result:
        return self._run("destroy", self._stack(), show_secrets=False, **options)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs with secrets in plain: for callers that must use them, never to be printed."""
        return {name: output.value for name, output in self._stack().outputs().items()}

    def export(self) -> dict[str, Any]:
        """The state, secrets encrypted."""
        return dict(vars(self._stack().export_stack()))

    def _policies(self) -> dict[str, Any]:
        return {"policy_packs": [str(pack) for pack in self.policy_packs]}

    def _run(self, operation: str, stack: "auto.Stack", **options: Any) -> Result:
        from pulumi.automation import CommandError

        if Engine._was_cut_off:
            # The SDK's coroutine of that program still waits to be collected, and then ends the callbacks of whichever runs.
            gc.collect()
            Engine._was_cut_off = False
        self._release_stale_lock(stack)
        lines: list[str] = []
        events: list[EngineEvent] = []

        def heard(event: "EngineEvent") -> None:
            events.append(event)
            if event.resource_pre_event:
                self.on_change(event.resource_pre_event.metadata.urn)

        # At the end the SDK asks the CLI for outputs and history: a second of a processor, and none of it is taken from there.
        vars(stack).update(outputs=_nothing, info=_nothing)
        call: Callable[..., object] = getattr(stack, operation)
        try:
            call(on_output=lines.append, on_event=heard, color="never", **options)
        except CommandError as error:
            Engine._was_cut_off = True
            # Two that began at once: the engine refused the later one.
            self._release_stale_lock(stack)
            raise EngineError(operation, _errors(events), _plain(lines) or str(error), self.log) from None
        finally:
            self.workspace.logs.mkdir(parents=True, exist_ok=True)
            self.log.write_text(_plain(lines))
        return Result(_changes(events), _plain(lines), outputs(self.workspace.state, self.name, self.stack), events)

    def _stack(self) -> "auto.Stack":
        """The stack, made where there is none, with this machine's configuration."""
        from pulumi import automation as auto

        self.work.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.project, self.work / "Pulumi.yaml")
        changed = configuration.write(self.config, self._file)
        options = auto.LocalWorkspaceOptions(
            work_dir=str(self.work),
            pulumi_home=str(self.workspace.pulumi_home),
            env_vars=self._environment(),
            secrets_provider="passphrase",
            pulumi_command=self._command(),
        )
        try:
            stack = auto.create_or_select_stack(self.stack, self.name, program=self._program, opts=options)
            if changed and self.config.secret:
                secrets = {path: auto.ConfigValue(value, secret=True) for path, value in self.config.secret.items()}
                stack.set_all_config(secrets, path=True)
        except auto.CommandError as error:
            raise EngineError("selecting the stack", [], str(error), self.log) from None
        configuration.seal(self.config, self._file)
        return stack

    def _program(self) -> None:
        if str(self.program.parent) not in sys.path:
            sys.path.insert(0, str(self.program.parent))
        runpy.run_path(str(self.program), run_name="__main__")

    def _command(self) -> "auto.PulumiCommand":
        from pulumi.automation import PulumiCommand

        # PulumiCommand wants a directory with bin/pulumi in it.
        root = self.work / "cli"
        link = root / "bin" / "pulumi"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink() or link.readlink() != self.cli:
            link.unlink(missing_ok=True)
            link.symlink_to(self.cli)
        return PulumiCommand(str(root))

    def _environment(self) -> dict[str, str]:
        return {
            **self.workspace.environment,
            # metadata=skip: the side file beside each object is not written at once, and a stack whose side file was
            # cut off by a kill cannot be loaded any more ("failed to load checkpoint: EOF").
            "PULUMI_BACKEND_URL": f"file://{self.workspace.state}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.workspace.passphrase),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "OPENCLAW_TAILNET_PYTHON": sys.executable,
            # Whoever made the workspace has put them there.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **self.environment,
        }

    def _release_stale_lock(self, stack: "auto.Stack") -> None:
        """A dead update's lock is removed; a live one is somebody else at work."""
        held = locks(self.workspace.state, self.name, self.stack)
        live = [lock for lock in held if not lock.stale(socket.gethostname(), runs_engine)]
        if live:
            raise UserError(
                f"another update of the stack {self.stack} is running (pid {live[0].pid})",
                "Wait for it, then try again",
            )
        if held:
            stack.cancel()

    def end_orphaned_update(self, ours: Callable[[int], bool]) -> None:
        """End an engine that still holds the lock though nobody waits for it. `ours` tells by its pid whether we may."""
        for lock in locks(self.workspace.state, self.name, self.stack):
            started = start_time(lock.pid)
            if started and runs_engine(lock.pid) and ours(lock.pid):
                end([Process(lock.pid, started)])


def _plain(lines: list[str]) -> str:
    return _COLOR.sub("", "\n".join(lines))


def _nothing(*_: object) -> dict[str, Any]:
    return {}


def _changes(events: "list[EngineEvent]") -> dict[str, int]:
    summary = next((event.summary_event for event in events if event.summary_event), None)
    return {str(kind): int(count) for kind, count in summary.resource_changes.items()} if summary else {}


def _errors(events: "list[EngineEvent]") -> list[str]:
    messages: list[str] = []
    for event in events:
        diagnostic, policy = event.diagnostic_event, event.policy_event
        if diagnostic and diagnostic.severity == "error":
            # What a program raises comes twice: as it is, and as the end of the program.
            said = _COLOR.sub("", diagnostic.message).strip().removeprefix("an unhandled error occurred: ")
            messages.append(said.partition("\nTraceback (most recent call last)")[0])
        if policy and policy.enforcement_level == "mandatory":
            messages.append(f"{policy.policy_name}: {_COLOR.sub('', policy.message).strip()}")
    return list(dict.fromkeys(line for line in messages if line))
