"""The command line: its exit codes, its answers for programs, and errors in one line."""

import json
import re
from pathlib import Path

import pytest

from addons import cli, stack
from addons.commands.invocation import INTERRUPTED, USAGE
from addons.console import Console
from addons.errors import AddonsError
from addons.status.model import InstanceStatus, Report
from tests.support.console_fake import FakeConsole

ARGUMENTS = {
    "enable": ["home"],
    "disable": ["home"],
    "hostname": ["home", "new"],
    "rotate-key": ["home"],
    "dns": ["home", "name"],
    "pairings": ["list"],
    "open": ["home"],
}
COMMANDS = sorted(
    [one.name or getattr(one.callback, "__name__", "").replace("_", "-") for one in cli.app.registered_commands]
    + [group.name or "" for group in cli.app.registered_groups]
)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> FakeConsole:
    fake = FakeConsole(pace=0.0)
    monkeypatch.setattr(stack, "console", lambda name="", *, stays=False: fake)
    return fake


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(name: str = "", *, stays: bool = False) -> Console:
        raise error

    monkeypatch.setattr(stack, "console", broken)


def test_the_commands_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "addons.md").read_text()
    named = {
        word for words in re.findall(r"^\| (`.*) \|", page, re.MULTILINE) for word in re.findall(r"`([a-z-]+)", words)
    }
    assert set(COMMANDS) <= named


@pytest.mark.parametrize(
    ("situation", "code"), [("connected", 0), ("relayed", 1), ("removed", 2), ("unknown", 3), ("off", 0)]
)
def test_the_exit_code_is_the_health(console: FakeConsole, situation: str, code: int) -> None:
    console.put("home", situation)
    assert cli.run(["status", "home"]) == code


def test_all_of_them_are_as_well_as_the_worst(console: FakeConsole) -> None:
    assert cli.run(["status"]) == 2
    console.put("den", "connected")
    assert cli.run(["status"]) == 1


def test_json_is_the_answer_of_the_api(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["status", "--json"])
    whole = Report.model_validate_json(capsys.readouterr().out)
    assert [one.id for one in whole.instances] == ["home", "lab", "den"]
    cli.run(["status", "lab", "--json"])
    answer = capsys.readouterr().out
    assert InstanceStatus.model_validate_json(answer).id == "lab"
    assert json.loads(answer)["version"] == 1
    assert answer.isascii()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["pairings"],
        ["frobnicate"],
        ["status", "--frobnicate"],
        ["status", "home", "lab"],
        ["status", "nobody"],
        ["doctor", "nobody"],
        ["enable"],
        ["enable", "nobody"],
        ["hostname", "home"],
        ["dns", "home", "neither"],
        ["open"],
        ["status", "--watch"],
        ["pairings", "approve"],
    ],
)
def test_a_wrong_command_is_64_and_changes_nothing(
    console: FakeConsole, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == USAGE
    assert console.jobs() == ()
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    if arguments and arguments != ["pairings"]:
        assert shown.out == ""
        assert len(shown.err.splitlines()) == 2


def test_help_is_no_error(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], *([one] for one in COMMANDS)):
        assert cli.run([*command, "--help"]) == 0
    assert "Exit codes of status and doctor" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_is_one_line_and_a_hint(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, AddonsError("The stack cannot be\nopened", "Select one: pulumi stack select"))
    assert cli.run([command, *ARGUMENTS.get(command, [])]) == (3 if command in ("status", "doctor") else 1)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "error: The stack cannot be opened\n  Select one: pulumi stack select\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_nobody_expects_is_no_traceback_either(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(monkeypatch, RuntimeError("canary-of-a-secret"))
    assert cli.run([command, *ARGUMENTS.get(command, [])]) == (3 if command in ("status", "doctor") else 1)
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 2
    assert "canary" not in shown.out + shown.err
    (log,) = tmp_path.iterdir()
    assert str(log) in shown.err
    assert log.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    assert cli.run(["status"]) == INTERRUPTED


@pytest.mark.parametrize(("arguments", "name"), [(["status"], ""), (["--stack", "prod", "status"], "prod")])
def test_the_stack_is_the_one_that_was_named(arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def named(name: str = "", *, stays: bool = False) -> Console:
        asked.append(name)
        return FakeConsole(pace=0.0)

    monkeypatch.setattr(stack, "console", named)
    cli.run(arguments)
    assert asked == [name]


def test_main_ends_with_the_exit_code(console: FakeConsole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["addons", "status", "home"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
