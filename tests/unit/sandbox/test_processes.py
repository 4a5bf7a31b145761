"""Processes that belong to a sandbox."""

import os
import signal
import subprocess
import sys

from engine.processes import end
from sandbox import processes
from sandbox.home import MARKER, Home


def test_only_marked_processes_are_ours(home: Home) -> None:
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    with (
        subprocess.Popen(command, env=home.environment(), stdout=subprocess.PIPE) as ours,
        subprocess.Popen(command, stdout=subprocess.PIPE) as theirs,
        subprocess.Popen(command, env={**os.environ, MARKER: "another"}, stdout=subprocess.PIPE) as another,
    ):
        for child in (ours, theirs, another):
            assert child.stdout is not None
            child.stdout.readline()
        assert [process.pid for process in processes.members(home)] == [ours.pid]
        end(processes.members(home))
        assert ours.wait(5) == -signal.SIGTERM
        assert theirs.poll() is None
        theirs.kill()
        another.kill()
