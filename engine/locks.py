"""Reads the file backend's lock on a stack, and tells a live owner from a dead one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.processes import executable


@dataclass(frozen=True)
class UpdateLock:
    """The lock of one update. Machines with another name may share the directory: theirs are never stale to us."""

    pid: int
    hostname: str

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
            held.append(UpdateLock(int(content["pid"]), str(content["hostname"])))
        except FileNotFoundError:
            continue  # released just now
        except (ValueError, KeyError):
            held.append(UpdateLock(0, ""))
    return held


def runs_engine(pid: int) -> bool:
    """True for the process of a pulumi CLI."""
    program = executable(pid) if pid else None
    return program is not None and program.name == "pulumi"
