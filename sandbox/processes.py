"""Which processes belong to this world, and how they end: by an identity that was checked, never by a name."""

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.home import MARKER, Home


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
    """Clock ticks since boot at which the process began; None when there is none (a zombie counts as none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def belongs(pid: int, world: str) -> bool:
    """Whether the process was started with this world's marker in its environment."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARKER}={world}".encode() in environment.split(b"\0")


def members(home: Home) -> list[Process]:
    """All processes of this world, also those whose parent died; without this one and its ancestors."""
    if not (home.run / "world").exists():
        return []
    world, spared = home.world_id(), parents(os.getpid())
    found: list[Process] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in spared and belongs(int(entry.name), world):
            started = start_time(int(entry.name))
            if started is not None:
                found.append(Process(int(entry.name), started))
    return found


def end(processes: Iterable[Process], patience: float = 5.0) -> None:
    """SIGTERM, wait, SIGKILL what is left."""
    left = list(processes)
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for process in left:
            process.signal(number)
        deadline = time.monotonic() + seconds
        while (left := [process for process in left if process.alive()]) and time.monotonic() < deadline:
            time.sleep(0.02)


_DELETED: Final = " (deleted)"


def executable(pid: int) -> Path | None:
    """The file that the process was started from; None when there is no such process or it is not ours to look at."""
    try:
        return Path(str(Path(f"/proc/{pid}/exe").readlink()).removesuffix(_DELETED))
    except OSError:
        return None


def replaced(pid: int) -> bool:
    """Whether another file has taken the place of the one that the process runs."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink()).endswith(_DELETED)
    except OSError:
        return False


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
