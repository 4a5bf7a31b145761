"""A process by an identity that was checked, never by its name or number alone."""

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DELETED: Final = " (deleted)"
_PROC: Final = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process as it was when we looked: the start time tells it from a later one with the same number."""

    pid: int
    started: int

    def alive(self) -> bool:
        return start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def start_time(pid: int) -> int | None:
    """Clock ticks since boot at which the process began; None when there is none (a zombie counts as none). Where a system
    does not tell (macOS), 0 for every process that is there."""
    if not _PROC.is_dir():
        return 0 if _is_there(pid) else None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def end(processes: Iterable[Process], patience: float = 5.0) -> None:
    """SIGTERM, wait, SIGKILL what is left."""
    left = list(processes)
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for process in left:
            process.signal(number)
        deadline = time.monotonic() + seconds
        while (left := [process for process in left if process.alive()]) and time.monotonic() < deadline:
            time.sleep(0.02)


def executable(pid: int) -> Path | None:
    """The file that the process was started from; None when there is no such process or it is not ours to look at."""
    try:
        return Path(str(Path(f"/proc/{pid}/exe").readlink()).removesuffix(_DELETED))
    except OSError:
        return None


def replaced(pid: int) -> bool:
    """True when another file has taken the place of the one that the process runs."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink()).endswith(_DELETED)
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The processes that this one has begun, and that still run."""
    found: list[int] = []
    for path in _PROC.glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(path.parent.name))
    return found


def can_be_told() -> bool:
    """True where the system tells which program a process runs."""
    return _PROC.is_dir()


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def parents(pid: int) -> set[int]:
    """The process itself, its parent, and so on up."""
    chain: set[int] = set()
    while pid > 0:
        chain.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return chain
