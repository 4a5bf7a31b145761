"""The command line: its exit codes, and errors in one line."""

from pathlib import Path
from typing import Any

import pytest

from addons.commands.invocation import INTERRUPTED, USAGE
from engine.directory import StackDirectory
from engine.errors import EngineError, StackLocked, UserError
from gitops import cli
from gitops.errors import Stale
from gitops.model import Outcome, Summary
from tests.support.configs import ROOT

CODES = {"no change": 0, "change": 2, "refused": 3, "drift": 4, "locked": 5, "error": 1, "nothing is refused": 0}


def opened(stack: str) -> StackDirectory:
    return StackDirectory(ROOT, stack or "dev")


@pytest.mark.parametrize("outcome", Outcome)
def test_the_exit_code_is_the_outcome(outcome: Outcome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def previewed(*_: object) -> Summary:
        return Summary(stack="dev", outcome=outcome)

    monkeypatch.setattr(cli, "preview_stack", previewed)
    monkeypatch.setattr(cli, "find_drift", previewed)
    for command in ("preview", "drift"):
        arguments = [command, "--out", str(tmp_path)]
        assert cli.run(arguments, opened) == CODES[outcome.value]
        assert cli.run([*arguments, "--accept", outcome.value], opened) == 0


def test_the_codes_are_documented() -> None:
    page = (ROOT / "docs" / "gitops.md").read_text()
    for outcome, code in CODES.items():
        assert f"| {code} | {outcome}" in page


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StackLocked("dev", "pid 1"), 5),
        (Stale(["the plan is old"]), 3),
        (EngineError("up", ["it broke"], "", None), 1),
        (UserError("no such stack", "Name another"), 1),
        (RuntimeError("tskey-auth-secret"), 1),
        (KeyboardInterrupt(), INTERRUPTED),
    ],
)
def test_an_error_is_one_line_and_a_hint(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object) -> Any:
        raise error

    monkeypatch.setattr(cli, "apply_plan", failing)
    assert cli.run(["apply", "--plan", "x"], opened) == code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "tskey" not in said
    assert len(said.splitlines()) <= 2


@pytest.mark.parametrize("arguments", [["nothing"], ["apply"], ["preview", "--accept", "anything"], []])
def test_a_wrong_command_has_a_code_of_its_own(arguments: list[str]) -> None:
    assert cli.run(arguments, opened) == USAGE


def test_the_summary_is_shown_beside_the_job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = tmp_path / "shown.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(shown))
    assert cli.run(["preview", "--offline", "--stack", "prod", "--out", str(tmp_path / "out")], opened) == 0
    assert shown.read_text().startswith("## prod: nothing is refused\n")
    assert shown.read_text() == capsys.readouterr().out


def test_drift_can_write_an_issue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def found(*_: object) -> Summary:
        return Summary(stack="dev", outcome=Outcome.DRIFT)

    monkeypatch.setattr(cli, "find_drift", found)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert cli.run(["drift", "--issue"], opened) == 1
    assert "GITHUB_TOKEN" in capsys.readouterr().err
