"""Asks a running engine to stop as a person's Ctrl-C does: once, so that it finishes what is in flight."""

import signal
from pathlib import Path

from engine.locks import runs_engine
from engine.processes import Process, children, start_time


def interrupt(owner: Process) -> bool:
    """One SIGINT to the engine that this process runs, a preview's or an update's; False when it runs none.

    By the process tree, not by a backend's lock: only a file backend has one that can be read, and a preview takes none.
    """
    if not owner.alive():
        return False
    for pid in children(owner.pid):
        started = start_time(pid)
        if started is not None and runs_engine(pid) and _operates(pid):
            Process(pid, started).signal(signal.SIGINT)
            return True
    return False


def _operates(pid: int) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"up" in arguments or b"preview" in arguments
