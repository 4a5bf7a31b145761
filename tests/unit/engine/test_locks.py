"""The file backend's locks."""

import json
import os
import socket
from pathlib import Path

import pytest

from engine import locks
from engine.errors import StackLocked

STATE = "openclaw-tailnet"


@pytest.mark.parametrize(
    ("hostname", "engine_lives", "stale"), [("here", True, False), ("here", False, True), ("elsewhere", False, False)]
)
def test_a_lock_is_stale_only_when_its_engine_here_is_gone(hostname: str, engine_lives: bool, stale: bool) -> None:
    assert locks.UpdateLock(7, hostname).stale("here", lambda pid: engine_lives) is stale


def test_locks_are_read_from_the_backend(tmp_path: Path) -> None:
    directory = tmp_path / ".pulumi" / "locks" / "organization" / STATE / "sandbox"
    directory.mkdir(parents=True)
    content = {"pid": 41, "username": "alice", "hostname": "here", "timestamp": "2026-11-27T20:14:06+01:00"}
    (directory / "a.json").write_text(json.dumps(content))
    [lock] = locks.locks(tmp_path, STATE, "sandbox")
    assert lock == locks.UpdateLock(41, "here", "alice", "2026-11-27T20:14:06+01:00")
    assert lock.words == "pid 41 of alice on here, since 2026-11-27T20:14:06+01:00"
    assert locks.locks(tmp_path, STATE, "other") == []


def test_a_dead_updates_lock_is_removed_and_a_live_one_is_named() -> None:
    removed: list[bool] = []
    locks.release_stale([], "prod", lambda: removed.append(True))
    assert removed == []
    locks.release_stale([locks.UpdateLock(os.getpid(), socket.gethostname())], "prod", lambda: removed.append(True))
    assert removed == [True]
    with pytest.raises(StackLocked, match=r"update of the stack prod is running \(pid 7 of alice on elsewhere\)"):
        locks.release_stale([locks.UpdateLock(7, "elsewhere", "alice")], "prod", lambda: removed.append(True))
    assert removed == [True]


def test_a_process_that_is_no_engine_holds_no_lock() -> None:
    assert not locks.runs_engine(os.getpid())
    assert not locks.runs_engine(0)
