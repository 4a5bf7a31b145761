"""Finds the processes of this world by the mark in their environment."""

import os
from pathlib import Path

from engine.processes import Process, parents, start_time
from sandbox.home import MARKER, Home


def belongs(pid: int, world: str) -> bool:
    """True when the process was started with this world's marker in its environment."""
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
    processes: list[Process] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in spared and belongs(int(entry.name), world):
            started = start_time(int(entry.name))
            if started is not None:
                processes.append(Process(int(entry.name), started))
    return processes
