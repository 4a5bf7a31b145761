"""A process by its checked identity."""

import subprocess

from engine.processes import end
from sandbox import processes


def test_a_number_that_was_given_to_another_process_is_not_signalled() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        started = processes.start_time(child.pid)
        assert started is not None
        stale = processes.Process(child.pid, started - 1)
        assert not stale.alive()
        end([stale])
        assert child.poll() is None
        assert processes.Process(child.pid, started).alive()
        child.kill()
