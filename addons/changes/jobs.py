"""Changes of one stack as jobs: one at a time, whoever asks and in whichever process, each to its end or back."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from addons.changes.apply import BY_HAND, GOING_BACK, VERIFY_SECONDS, Application, Outcome, Verify, verified
from addons.changes.candidate import candidate
from addons.changes.journal import Journal, Line, Record, own_process
from addons.changes.model import Change, Job, JobState, Kind
from addons.changes.preview import preview, said
from addons.changes.stack_file import StackFile, Text
from addons.errors import AddonsError
from components.unexpected import described
from engine.directory import StackDirectory
from engine.errors import UserError
from engine.interrupt import interrupt

_VERBS: Final = {
    Kind.ENABLE: "switch on {0}",
    Kind.DISABLE: "switch off {0}",
    Kind.HOSTNAME: "call {0} {1}",
    Kind.ROTATE_KEY: "rotate the key of {0}",
    Kind.AUTH_KEY: "give {0} another auth key",
    Kind.ADDRESS: "show {0} by its {1}",
}
# What a second signal would do to the engine (pulumi's cancellation scope); nothing here sends one.
_SECOND: Final = (
    "The engine was asked to stop already, and finishes what is in flight. A second interrupt would end it at once, and may "
    "leave objects that the stack does not know of"
)
# Where the stack file is not written here: git's, or another user's.
_ELSEWHERE: Final = (
    "Save the difference as a file; where the stack file is changed: git apply FILE, and let it be applied there"
)


def words(change: Change) -> str:
    """A change in words: `switch off home`."""
    return _VERBS[change.kind].format(change.instance, change.value)


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Jobs:
    """The jobs of one stack. `verify` says whether a change has come true; `told` is called after each line of progress.

    Every method may be called from any thread; what a job does runs in a thread of its own.
    """

    stack: StackDirectory
    journal: Journal
    verify: Verify
    told: Callable[[], None] = _nothing
    patience: float = VERIFY_SECONDS
    """Seconds until a change that the status does not show is called unconfirmed."""

    @property
    def file(self) -> StackFile:
        return StackFile(self.stack.file)

    @property
    def read_only(self) -> str:
        """Why nothing can be changed here; empty when it can."""
        return self.file.read_only()

    def propose(self, change: Change, by: str, key: SecretStr | None = None) -> Job:
        """Begins a job with its preview, and returns at once. Raises AddonsError for a change that makes no sense, and while
        another job is not ended."""
        if key is not None and not key.get_secret_value().strip():
            raise AddonsError("no key was given", "Paste an auth key")
        # With nothing encrypted yet: only whether it can be done at all.
        candidate(change, self.file.read(), lambda _: "checked", key)
        self._settle()
        with self.journal.alone():
            if (other := self._unended()) is not None:
                job = other.job
                raise AddonsError(
                    f"another change is under way: {words(job.change)} ({job.state}), asked by {job.by} "
                    f"at {job.began_at:%Y-%m-%d %H:%M} UTC",
                    f"Wait for it, or cancel it: job {job.id}",
                )
            name = self.journal.begin(change, by)
        self._start(name, lambda: self._preview(name, change, key))
        return self._job(name)

    def confirm(self, job: str) -> Job:
        """Applies a job whose preview was shown."""
        with self.journal.alone():
            record = self._record(job)
            if record.job.state != JobState.ASKING:
                raise AddonsError(f"this change does not wait for a yes: it is {record.job.state}", "Look at it again")
            says = f"Writing {self.stack.file.name}, then updating the stack"
            self._add(job, Line(worker=own_process(), state=JobState.APPLYING, says=says, total=len(record.operations)))
        self._start(job, lambda: self._apply(job, record))
        return self._job(job)

    def cancel(self, job: str) -> Job:
        """Drops a job that asks; of one that runs, the engine gets one interrupt, and what is in flight is finished."""
        with self.journal.alone():
            record = self._record(job)
            state = record.job.state
            if state.ended:
                raise AddonsError(f"this change is over: {state}", "There is nothing to cancel")
            if state == JobState.VERIFYING:
                raise AddonsError("the stack is updated already", "Propose the opposite change to go back")
            if record.cancel:
                raise AddonsError(_SECOND, "Wait for it")
            if state == JobState.ASKING:
                self._end(job, Outcome(JobState.CANCELLED, "Dropped; nothing was changed."))
                return self._job(job)
            if any(event.says == GOING_BACK for event in record.job.events):
                raise AddonsError("this change is being undone already", "Wait for it")
            if record.worker is None or not interrupt(record.worker):
                raise AddonsError("the engine is not at work at this moment", "Try again in a second")
            says = "Asked to stop: the engine finishes what is in flight, then everything is put back"
            self._add(job, Line(cancel=True, says=says))
        return self._job(job)

    def all(self) -> Sequence[Job]:
        """The newest first; the last 50."""
        self._settle()
        return [record.job for record in self.journal.records()]

    def version(self) -> object:
        """Another value after each line that anybody added, also in another process."""
        return self.journal.version()

    def _preview(self, name: str, change: Change, key: SecretStr | None) -> None:
        self._add(name, Line(state=JobState.PREVIEWING, says="Asking the engine what it would do"))
        updated_at = self.stack.updated_at()
        wanted = candidate(change, self.file.read(), self.stack.encrypt, key)
        shown, operations = preview(self.stack, wanted, self.journal.files(name), key)
        if self._cancelled(name):
            return self._end(name, Outcome(JobState.CANCELLED, "Nothing was changed."))
        if not shown.refused and (reason := self.file.read_only()):
            shown = shown.model_copy(update={"refused": reason, "hint": _ELSEWHERE})
        if shown.refused:
            self._add(name, Line(preview=shown))
            return self._end(name, Outcome(JobState.REFUSED, "Nothing was changed.", shown.refused, shown.hint))
        kept = tuple(sorted((one.kind, one.urn) for one in operations))
        says = "Nothing was changed yet: apply it, or drop it"
        line = Line(preview=shown, operations=kept, updated_at=updated_at, state=JobState.ASKING, says=says)
        return self._add(name, line)

    def _apply(self, name: str, record: Record) -> None:
        def say(says: str, done: int | None = None, total: int | None = None) -> None:
            self._add(name, Line(says=says, done=done, total=total))

        application = Application(
            self.stack,
            self.journal.files(name),
            record.operations,
            record.updated_at,
            say,
            lambda: self._cancelled(name),
        )
        if (failed := application.run()) is not None:
            return self._end(name, failed)
        self._add(name, Line(state=JobState.VERIFYING, says="The stack is updated; looking whether it has come true"))
        return self._end(name, verified(record.job.change, self.verify, say, self.patience))

    def _cancelled(self, name: str) -> bool:
        # Whoever interrupts the engine says so before they let go.
        with self.journal.alone():
            return self._record(name).cancel

    def _start(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except UserError as error:
                outcome = Outcome(JobState.FAILED, "Nothing was changed.", said(error), error.hint)
                self._abandon(name, outcome)
            except Exception as error:  # whatever it is, the job must not seem to go on
                # Never its message, which may quote anything.
                problem = f"something unexpected happened ({described(error)})"
                self._abandon(name, Outcome(JobState.FAILED, "It stopped.", problem, "Report it, with what was done"))

        # No daemon: a server that is asked to stop finishes what it has begun.
        threading.Thread(target=run, name=f"change {name}").start()

    def _settle(self) -> None:
        """Ends the jobs whose process died."""
        for record in self.journal.records():
            # An engine that outlived its server still works with what it has read: nothing is put back under it.
            if record.abandoned and not any(lock.live for lock in self.stack.holders()):
                with self.journal.alone():
                    if self._record(record.job.id).abandoned:
                        self._abandon(record.job.id, _died(record.job))

    def _abandon(self, name: str, outcome: Outcome) -> None:
        """Ends a job in the middle of its work; the stack file is put back where it was written."""
        files = self.journal.files(name)
        state = self._record(name).job.state
        if state == JobState.APPLYING and files.before.exists():
            before, after = (Text(path.read_bytes().decode()) for path in (files.before, files.candidate))
            says = f"{outcome.says} {self.file.path.name} is as it was before."
            hint = f"The cluster may be half way. {BY_HAND}"
            try:
                now = self.file.read().digest
                if now == after.digest:
                    self.file.replace(before.text, only_over=after.digest)
                elif now != before.digest:
                    says, hint = f"{outcome.says} Somebody changed the stack file since.", f"Look at it. {hint}"
            except AddonsError as error:
                says, hint = f"{outcome.says} {error.problem}.", f"{error.hint}. {hint}"
            outcome = Outcome(outcome.state, says, outcome.problem, hint)
        self._end(name, outcome)

    def _end(self, name: str, outcome: Outcome) -> None:
        self.journal.files(name).remove()
        line = Line(state=outcome.state, says=outcome.says, problem=outcome.problem, hint=outcome.hint)
        self._add(name, line)

    def _add(self, name: str, line: Line) -> None:
        self.journal.add(name, line)
        self.told()

    def _unended(self) -> Record | None:
        return next((record for record in self.journal.records() if not record.job.state.ended), None)

    def _record(self, job: str) -> Record:
        record = self.journal.record(job)
        if record is None:
            raise AddonsError("there is no such change", "List the changes again")
        return record

    def _job(self, job: str) -> Job:
        return self._record(job).job


def _died(job: Job) -> Outcome:
    problem = "the program that worked on it ended in the middle"
    if job.state == JobState.VERIFYING:
        return Outcome(JobState.UNCONFIRMED, "The stack was updated.", problem, "Look at the status")
    return Outcome(JobState.FAILED, "It stopped.", problem, "Propose it again")
