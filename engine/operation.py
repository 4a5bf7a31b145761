"""One operation of the Automation API on a stack: its events, and an error with the engine's own messages when it fails."""

import gc
import re
import runpy
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.errors import EngineError, StackLocked
from engine.locks import UpdateLock

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from pulumi import automation as auto
    from pulumi.automation.events import EngineEvent

_COLOR: Final = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")
# A program that ran in this process did not come to its end.
_cut_off: Final = threading.Event()
# How the file backend names who holds a lock: `created by alice@laptop (pid 4711) at 2026-11-27T20:14:06+01:00`.
_HOLDER: Final = re.compile(r"created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)")


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


def perform(
    stack: "auto.Stack",
    operation: str,
    on_event: "Callable[[EngineEvent], None]",
    log: Path | None = None,
    **options: Any,
) -> Result:
    """Runs `operation` (preview, up, refresh, destroy); the result has no outputs yet. Raises EngineError, or StackLocked
    when the engine refused because of another update. What it printed is kept in `log`.
    """
    from pulumi.automation import CommandError, ConcurrentUpdateError

    if _cut_off.is_set():
        # The SDK's coroutine of that program still waits to be collected, and then ends the callbacks of whichever runs.
        gc.collect()
        _cut_off.clear()
    lines: list[str] = []
    events: list[EngineEvent] = []

    def heard(event: "EngineEvent") -> None:
        events.append(event)
        on_event(event)

    # At the end the SDK asks the CLI for outputs and history: a second of a processor, and none of it is taken from there.
    vars(stack).update(outputs=_nothing, info=_nothing)
    call: Callable[..., object] = getattr(stack, operation)
    try:
        call(on_output=lines.append, on_event=heard, color="never", **options)
    except ConcurrentUpdateError as error:
        _cut_off.set()
        raise locked(stack.name, str(error)) from None
    except (CommandError, RuntimeError) as error:
        _cut_off.set()
        # The SDK's RuntimeError only says that no summary came: the program had ended before, and said why.
        told = errors(events) or _of_the_cli(str(error))
        raise EngineError(operation, told, plain(lines) or str(error), log) from None
    finally:
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(plain(lines))
    return Result(_changes(events), plain(lines), events=events)


def _of_the_cli(said: str) -> list[str]:
    """The CLI's own error, where the engine came to none: a backend, a passphrase or a plugin that is lacking."""
    printed = _COLOR.sub("", said).partition("stderr: ")[2]
    return [line.strip().removeprefix("error: ") for line in printed.splitlines() if line.strip().startswith("error: ")]


def inline(program: Path) -> Callable[[], None]:
    """The program in that file, to be run in this process: needs no language host of the CLI's."""

    def run() -> None:
        if str(program.parent) not in sys.path:
            sys.path.insert(0, str(program.parent))
        runpy.run_path(str(program), run_name="__main__")

    return run


def locked(stack: str, said: str) -> StackLocked:
    """The error for a stack that another update holds, by the backend's words."""
    holder = _HOLDER.search(said)
    return StackLocked(stack, UpdateLock(int(holder[3]), holder[2], holder[1], holder[4]).words if holder else "")


def plain(lines: list[str]) -> str:
    """Lines of the engine's output without its colours."""
    return _COLOR.sub("", "\n".join(lines))


def _nothing(*_: object) -> dict[str, Any]:
    return {}


def _changes(events: "list[EngineEvent]") -> dict[str, int]:
    summary = next((event.summary_event for event in events if event.summary_event), None)
    return {str(kind): int(count) for kind, count in summary.resource_changes.items()} if summary else {}


def errors(events: "list[EngineEvent]") -> list[str]:
    """The engine's error messages and the refusals of its policy packs, each once."""
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
