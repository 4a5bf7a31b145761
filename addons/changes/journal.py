"""Jobs on disk: one file each, to which lines are only added, so that another process or a later one sees the same job."""

import contextlib
import fcntl
import functools
import os
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError

from addons.changes.events import Operation
from addons.changes.model import Change, Job, JobEvent, JobState, Preview
from addons.changes.preview import Files
from addons.status.readings import Frozen, utc_now
from engine.processes import Process, start_time

KEPT: Final = 50
_LINES: Final = ".jsonl"


class Began(Frozen):
    """The first line of a job."""

    change: Change
    by: str


class Line(Frozen):
    """One line. What it does not say stays as it was; nothing in it is secret."""

    at: datetime = Field(default_factory=utc_now)
    began: Began | None = None
    worker: tuple[int, int] | None = None
    """The process that works on it, with the moment at which that began."""
    preview: Preview | None = None
    operations: tuple[tuple[str, str], ...] | None = None
    updated_at: str = ""
    """When the stack's state had last been written before the preview."""
    cancel: bool = False
    """Somebody asked to stop."""
    state: JobState | None = None
    says: str = ""
    done: int | None = None
    total: int | None = None
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Record:
    """A job, and what only those who work on it need."""

    job: Job
    worker: Process | None
    operations: frozenset[Operation]
    updated_at: str
    cancel: bool

    @property
    def abandoned(self) -> bool:
        """True when a process should be at work on it, and is gone."""
        working = not self.job.state.ended and self.job.state != JobState.ASKING
        return working and (self.worker is None or not self.worker.alive())


@dataclass(frozen=True)
class Journal:
    """The jobs of one stack, in a directory that only its user may read."""

    directory: Path

    @contextlib.contextmanager
    def alone(self) -> Generator[None]:
        """While the block runs, no other process and no other thread decides about the stack's jobs."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def begin(self, change: Change, by: str) -> str:
        """The id of a new job. Of the old ones the last are kept."""
        name = f"{utc_now():%Y%m%dT%H%M%S}-{os.urandom(3).hex()}"
        for old in self._paths()[KEPT - 1 :]:
            old.unlink()
        self.add(name, Line(began=Began(change=change, by=by), worker=own_process(), state=JobState.QUEUED))
        return name

    def add(self, job: str, line: Line) -> None:
        """Adds a line, which is on the disk afterwards."""
        path = self.directory / f"{job}{_LINES}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab+") as file:
            # A line that was cut off by a kill is left as it is, and never runs into the next.
            torn = file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n"
            file.write(b"\n" * bool(torn) + line.model_dump_json(exclude_defaults=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def record(self, job: str) -> Record | None:
        """One job; None when there is none of that id."""
        path = self.directory / f"{job}{_LINES}"
        return _record(path, path.stat().st_size) if path in self._paths() else None

    def records(self) -> list[Record]:
        """All jobs, the newest first."""
        read = [_record(path, path.stat().st_size) for path in self._paths()]
        return [record for record in read if record is not None]

    def files(self, job: str) -> Files:
        """What a job keeps until it ends."""
        return Files(self.directory / job)

    def version(self) -> tuple[tuple[str, int], ...]:
        """Another one after each line that anybody added."""
        return tuple((path.name, path.stat().st_size) for path in self._paths())

    def _paths(self) -> list[Path]:
        return sorted(self.directory.glob(f"*{_LINES}"), reverse=True)


def own_process() -> tuple[int, int]:
    """This process, as a line names it."""
    return os.getpid(), start_time(os.getpid()) or 0


def _lines(content: bytes) -> list[Line]:
    lines: list[Line] = []
    for text in content.splitlines():
        # What a kill cut off says nothing.
        with contextlib.suppress(ValidationError):
            lines.append(Line.model_validate_json(text))
    return lines


@functools.lru_cache(maxsize=4 * KEPT)
def _record(path: Path, size: int) -> Record | None:
    """What a file says: lines are only added, so its size tells whether it says more than before."""
    lines = _lines(path.read_bytes()[:size])
    first = next((line for line in lines if line.began), None)
    if first is None or first.began is None:
        return None
    events: list[JobEvent] = []
    last: dict[str, Any] = {
        "preview": None,
        "worker": None,
        "operations": (),
        "updated_at": "",
        "problem": "",
        "hint": "",
    }
    state = JobState.QUEUED
    for line in lines:
        state = line.state or state
        last |= {name: getattr(line, name) for name in last if getattr(line, name)}
        if line.says:
            number = len(events) + 1
            events.append(
                JobEvent(number=number, at=line.at, state=state, says=line.says, done=line.done, total=line.total)
            )
    job = Job(
        id=path.name.removesuffix(_LINES),
        change=first.began.change,
        by=first.began.by,
        began_at=first.at,
        state=state,
        preview=last["preview"],
        events=tuple(events),
        problem=last["problem"],
        hint=last["hint"],
    )
    operations = frozenset(Operation(kind, urn) for kind, urn in last["operations"])
    worker = Process(*last["worker"]) if last["worker"] else None
    return Record(job, worker, operations, last["updated_at"], any(line.cancel for line in lines))
