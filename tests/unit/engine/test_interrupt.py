"""One interrupt, to the engine that a process runs, and to nothing else."""

import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from engine.interrupt import interrupt
from engine.processes import Process, children, start_time

SCRIPT = 'trap \'echo asked >> "$SAID"\' INT; echo ready; while [ ! -e "$SAID" ]; do sleep 0.02; done'
OURS = Process(os.getpid(), start_time(os.getpid()) or 0)


@pytest.fixture
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Generator["subprocess.Popen[str]"]:
    """A process under the engine's name, that notes each interrupt. Its arguments are the test's."""
    shell = shutil.which("bash")
    assert shell
    program = tmp_path / getattr(request, "param", "pulumi")
    shutil.copy(Path(shell).resolve(), program)
    command = [str(program), "-c", SCRIPT, "pulumi", "--non-interactive", "up", "--stack", "prod"]
    environment = {**os.environ, "SAID": str(tmp_path / "said")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def test_the_engine_of_a_process_is_asked_once(engine: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert engine.pid in children(os.getpid())
    assert interrupt(OURS)
    engine.wait(10)
    assert (tmp_path / "said").read_text() == "asked\n"


@pytest.mark.parametrize("engine", ["other"], indirect=True)
def test_another_program_is_left_alone(engine: "subprocess.Popen[str]") -> None:
    assert not interrupt(OURS)
    assert engine.poll() is None


def test_a_process_that_is_gone_runs_no_engine(engine: "subprocess.Popen[str]") -> None:
    assert not interrupt(Process(os.getpid(), OURS.started - 1))
    assert engine.poll() is None
