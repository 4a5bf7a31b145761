"""Carries a previewed change out: the file, the update that its plan binds, and the way back when that fails."""

import contextlib
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from addons.changes.events import Operation, Progress
from addons.changes.model import Change, JobState
from addons.changes.preview import Files, said, violates_plan
from addons.changes.stack_file import StackFile, Text
from addons.errors import AddonsError
from engine.directory import StackDirectory
from engine.errors import StackLocked, UserError

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from pulumi.automation.events import EngineEvent

# The update itself waits for the pod; what is left is what the tailnet sees, and that is seconds late.
VERIFY_SECONDS: Final = 90.0
_VERIFY_EVERY: Final = 1.0
# After an update that was cut off, by whatever: the second finds what the first deleted as a replaced object of its own name.
BY_HAND: Final = "Run `pulumi up`, then `pulumi up --refresh`: they bring the cluster to what the file says"
GOING_BACK: Final = "Going back to what was before"
# Said after so many seconds of waiting, then once in each of the last.
_WAITING: Final = (2, 5, 10)

Verify = Callable[[Change], bool | str]
"""True when the status is what the change wanted; else the step that is missing, in words (or False)."""


class Say(Protocol):
    """Takes a line of progress."""

    def __call__(self, says: str, done: int | None = None, total: int | None = None) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """How a change ended. `problem` and `hint` are empty when it is as it was wanted."""

    state: JobState
    says: str
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Application:
    """One change, being applied. `operations` are those that were planned, for a stack whose state was written at
    `updated_at`; `cancelled` tells whether somebody asked to stop."""

    stack: StackDirectory
    files: Files
    operations: frozenset[Operation]
    updated_at: str
    say: Say
    cancelled: Callable[[], bool]

    @property
    def file(self) -> StackFile:
        return StackFile(self.stack.file)

    def run(self) -> Outcome | None:
        """Applies it; None when that succeeded, else how it ended, with everything put back that could be."""
        before, after = (Text(path.read_bytes().decode()) for path in (self.files.before, self.files.candidate))
        try:
            # The plan alone would not do: it lets an update undo what somebody else changed in a property of its own.
            if self.stack.updated_at() != self.updated_at:
                raise AddonsError("the stack was updated by somebody since the preview", "Preview the change again")
            self.file.replace(after.text, only_over=before.digest)
        except UserError as error:
            return Outcome(JobState.REFUSED, "Nothing was changed.", error.problem, error.hint)
        progress = Progress(self.operations)
        try:
            with self._told(progress):
                self.stack.up(self._hear(progress), plan=self.files.plan)
        except UserError as error:
            return self._back(error, progress, before, after)
        return None

    def _hear(self, progress: Progress) -> "Callable[[EngineEvent], None]":
        def heard(event: "EngineEvent") -> None:
            if words := progress.heard(event):
                self._say(words, progress)

        return heard

    def _say(self, words: str, progress: Progress) -> None:
        # The way back was not previewed: nobody knows how far it is.
        counted = (len(progress.done), progress.total) if progress.planned else (None, None)
        self.say(words, *counted)

    @contextlib.contextmanager
    def _told(self, progress: Progress) -> Generator[None]:
        """While the block runs, says for how long a pod is waited for."""
        over = threading.Event()

        def tell() -> None:
            told = 0
            while not over.wait(0.5):
                waiting = progress.waiting()
                seconds = int(waiting[1]) if waiting else 0
                due = max((mark for mark in (*_WAITING, seconds // 10 * 10) if mark <= seconds), default=0)
                if waiting and due > told:
                    self._say(f"Waiting for the pod of {waiting[0]}: {due} s", progress)
                told = due

        thread = threading.Thread(target=tell, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _back(self, error: UserError, progress: Progress, before: Text, after: Text) -> Outcome:
        """After an update that failed: the file as it was, and then the cluster, where anything in it was touched."""
        state = self._ended(error, touched := bool(progress.done | progress.failed))
        problem, name = said(error), self.file.path.name
        if state == JobState.CANCELLED:
            problem = "the update was stopped, as somebody asked"
        try:
            self.file.replace(before.text, only_over=after.digest)
        except AddonsError as other:
            hint = f"{other.problem}. Look at {name}. {BY_HAND}"
            return Outcome(JobState.FAILED, f"{name} could not be put back.", problem, hint)
        if not touched:
            hint = error.hint if isinstance(error, StackLocked) else "Preview the change again"
            return Outcome(state, f"Nothing was changed; {name} is as it was before.", problem, hint)
        self.say(GOING_BACK)
        again = Progress(frozenset())
        try:
            with self._told(again):
                self.stack.up(self._hear(again))
                # An object is named after its content. One that was to be replaced, and is wanted again, is found by its name;
                # then the engine deletes what was replaced, which is the same object, and believes it is there.
                self.stack.up(self._hear(again), refresh=True)
        except UserError as other:
            hint = f"The cluster is not as before. {BY_HAND}"
            return Outcome(
                JobState.FAILED,
                f"{name} is as it was before; the cluster is not.",
                f"{problem}; then: {said(other)}",
                hint,
            )
        return Outcome(state, f"{name} and the cluster are as they were before.", problem, "Preview the change again")

    def _ended(self, error: UserError, touched: bool) -> JobState:
        if self.cancelled():
            return JobState.CANCELLED
        refused = violates_plan(error) or isinstance(error, StackLocked)
        return JobState.REFUSED if refused and not touched else JobState.FAILED


def verified(change: Change, verify: Verify, say: Say, seconds: float) -> Outcome:
    """Waits until the status is what was wanted, at most so long."""
    deadline, last = time.monotonic() + seconds, ""
    while True:
        try:
            seen = verify(change)
        except UserError as error:
            seen = error.problem
        if seen is True:
            return Outcome(JobState.DONE, "It is as it was wanted.")
        missing = seen or "the status is not yet what was wanted"
        if missing != last:
            say(f"Not yet: {missing}")
        last = missing
        if time.monotonic() >= deadline:
            hint = "The stack was updated. `python -m addons doctor` looks for the cause"
            return Outcome(JobState.UNCONFIRMED, f"Not confirmed within {seconds:.0f} s.", missing, hint)
        time.sleep(_VERIFY_EVERY)
