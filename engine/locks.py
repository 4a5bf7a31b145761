"""Reads the file backend's lock on a stack, and tells a live owner from a dead one."""

import json
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import StackLocked
from engine.processes import can_be_told, executable, start_time


@dataclass(frozen=True)
class UpdateLock:
    """The lock of one update. Machines with another name may share the directory: theirs are never stale to us."""

    pid: int
    hostname: str
    username: str = ""
    since: str = ""
    """When it was taken, as the engine writes times."""

    @property
    def words(self) -> str:
        """Who holds it: `pid 4711 of alice on laptop, since 2026-11-27T20:14:06+01:00`."""
        of = f" of {self.username}" if self.username else ""
        return f"pid {self.pid}{of} on {self.hostname}" + (f", since {self.since}" if self.since else "")

    @property
    def live(self) -> bool:
        """True unless its process is known to be gone."""
        return not self.stale(socket.gethostname(), runs_engine)

    def stale(self, hostname: str, is_engine: Callable[[int], bool]) -> bool:
        """True when its process is gone, or its number belongs to something that is not an engine."""
        return self.hostname == hostname and not is_engine(self.pid)


def locks(state: Path, project: str, stack: str) -> list[UpdateLock]:
    """The locks on one stack of a file backend."""
    directory = state / ".pulumi" / "locks" / "organization" / project / stack
    held: list[UpdateLock] = []
    for path in directory.glob("*.json") if directory.is_dir() else ():
        try:
            content: Any = json.loads(path.read_text())
            who = str(content.get("username", "")), str(content.get("timestamp", ""))
            held.append(UpdateLock(int(content["pid"]), str(content["hostname"]), *who))
        except FileNotFoundError:
            continue  # released just now
        except (ValueError, KeyError):
            held.append(UpdateLock(0, ""))
    return held


def release_stale(held: Sequence[UpdateLock], stack: str, cancel: Callable[[], object]) -> None:
    """Removes a dead update's lock by `cancel`; raises StackLocked for a live one: somebody else at work."""
    live = [lock for lock in held if lock.live]
    if live:
        raise StackLocked(stack, live[0].words)
    if held:
        cancel()


def runs_engine(pid: int) -> bool:
    """True for the process of a pulumi CLI, and for any process where a system does not tell what it runs."""
    if not can_be_told():
        return start_time(pid) is not None
    program = executable(pid) if pid else None
    return program is not None and program.name == "pulumi"
