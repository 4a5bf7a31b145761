"""The file backend's locks."""

import json
import os
from pathlib import Path

import pytest

from engine import locks

STATE = "openclaw-tailnet"


@pytest.mark.parametrize(
    ("hostname", "engine_lives", "stale"), [("here", True, False), ("here", False, True), ("elsewhere", False, False)]
)
def test_a_lock_is_stale_only_when_its_engine_here_is_gone(hostname: str, engine_lives: bool, stale: bool) -> None:
    assert locks.UpdateLock(7, hostname).stale("here", lambda pid: engine_lives) is stale


def test_locks_are_read_from_the_backend(tmp_path: Path) -> None:
    directory = tmp_path / ".pulumi" / "locks" / "organization" / STATE / "sandbox"
    directory.mkdir(parents=True)
    (directory / "a.json").write_text(json.dumps({"pid": 41, "username": "x", "hostname": "here", "timestamp": ""}))
    assert locks.locks(tmp_path, STATE, "sandbox") == [locks.UpdateLock(41, "here")]
    assert locks.locks(tmp_path, STATE, "other") == []


def test_a_process_that_is_no_engine_holds_no_lock() -> None:
    assert not locks.runs_engine(os.getpid())
    assert not locks.runs_engine(0)
