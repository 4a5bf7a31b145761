"""Applies what was previewed and reviewed: this commit, this state, these versions, this plan; or nothing, saying why."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final

from addons.changes.events import Progress
from addons.changes.preview import said, violates_plan
from engine.directory import StackDirectory
from engine.errors import UserError
from engine.interrupt import interrupt
from engine.processes import Process, start_time
from gitops.binding import binding, differences
from gitops.errors import GitopsError, Stale
from gitops.model import Outcome, Summary
from gitops.preview import Files

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from pulumi.automation.events import EngineEvent

# What an update that ended in the middle needs; nothing is undone, and nothing is forgotten.
REPAIR: Final = "Preview again, and apply that: it goes on from what is there"

Say = Callable[[str], None]


def apply(stack: StackDirectory, files: Files, say: Say) -> Summary:
    """Applies the plan that `files` has, and tells each step. Returns its summary. Raises Stale, StackLocked, GitopsError
    for a preview that nobody may apply, EngineError for an update that failed."""
    summary = files.read()
    if summary.outcome not in (Outcome.CHANGE, Outcome.UNCHANGED) or summary.binding is None:
        raise GitopsError(f"that preview of {summary.stack} ended with: {summary.outcome}", "Preview again")
    if not files.plan.is_file():
        raise Stale([f"there is no {files.plan.name} beside the summary"])
    if different := list(differences(summary.binding, binding(stack, files.plan))):
        raise Stale(different)
    if summary.outcome is Outcome.UNCHANGED:
        return summary
    progress = Progress(frozenset())

    def heard(event: "EngineEvent") -> None:
        if words := progress.heard(event):
            say(words)

    try:
        with _interrupts_once():
            stack.up(heard, plan=files.plan, refresh=True)
    except UserError as error:
        if violates_plan(error):
            raise Stale([said(error), *_touched(progress)]) from None
        if progress.done | progress.failed:
            raise GitopsError(f"{said(error)}; {len(progress.done)} operations were done", REPAIR) from None
        raise
    return summary


def _touched(progress: Progress) -> list[str]:
    return [f"{len(progress.done)} operations were done before that was seen"] if progress.done else []


@contextlib.contextmanager
def _interrupts_once() -> Generator[None]:
    """While the block runs, the first Ctrl-C or SIGTERM asks the engine to finish what is in flight, and later ones nothing: a
    second would end it at once, and could leave objects that the state does not know."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        pid = os.getpid()
        if not asked:
            asked = interrupt(Process(pid, start_time(pid) or 0))

    before: list[tuple[signal.Signals, Any]] = [
        (number, signal.signal(number, ask)) for number in (signal.SIGINT, signal.SIGTERM)
    ]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
