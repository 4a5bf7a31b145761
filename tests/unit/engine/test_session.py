"""The CLI in a session of its own: what it says comes line by line, and a terminal's Ctrl-C does not reach it."""

import os
import stat
from pathlib import Path

import pytest
from pulumi.automation import CommandError, CommandResult

from engine.session import OwnSession

CLI = """#!/bin/sh
[ "$1" = version ] && { echo v3.999.0; exit; }
echo "$@"
echo "session $(cut -d' ' -f6 /proc/$$/stat)"
echo "path $PATH"
echo "given $GIVEN"
echo "to stderr" >&2
exit "${CODE:-0}"
"""


@pytest.fixture
def cli(tmp_path: Path) -> OwnSession:
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(CLI)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return OwnSession(str(tmp_path))


def run(cli: OwnSession, **environment: str) -> CommandResult:
    return cli.run(["preview"], cwd="/", additional_env=environment)


def test_it_runs_outside_of_our_session(cli: OwnSession) -> None:
    (session,) = [line.split()[1] for line in run(cli).stdout.splitlines() if line.startswith("session ")]
    assert int(session) != os.getsid(0)


def test_it_is_never_asked_anything_and_finds_what_is_beside_it(cli: OwnSession) -> None:
    plugins = f"/plugins:{os.environ['PATH']}"
    lines = run(cli, GIVEN="this", PATH=plugins).stdout.splitlines()
    assert lines[0] == "--non-interactive preview"
    assert f"path {Path(cli.command).parent}:{plugins}" in lines
    assert "given this" in lines


def test_lines_are_told_as_they_come(cli: OwnSession) -> None:
    out, err = list[str](), list[str]()
    cli.run(["up"], cwd="/", additional_env={}, on_output=out.append, on_error=err.append)
    assert (out[0], err) == ("--non-interactive up", ["to stderr"])


def test_what_fails_raises_with_what_it_said(cli: OwnSession) -> None:
    with pytest.raises(CommandError, match="to stderr"):
        run(cli, CODE="255")
