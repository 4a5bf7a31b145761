"""`status`, `doctor` and `open` show what the console has, and read anew where a person waits for the truth."""

import io
from typing import Any

import pytest
from rich.console import Console as Screen

from addons import cli, stack
from addons.commands import status as commands
from tests.support.console_fake import FakeConsole


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> FakeConsole:
    fake = FakeConsole(pace=0.0)
    monkeypatch.setattr(stack, "console", lambda name="", *, stays=False: fake)
    return fake


def test_status_shows_all_or_everything_of_one(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["status"])
    shown = capsys.readouterr().out
    assert all(f"{name}  " in shown for name in ("home", "lab", "den"))
    cli.run(["status", "lab"])
    shown = capsys.readouterr().out
    assert "lab  connected, degraded" in shown
    assert "home" not in shown.replace("openclaw-home", "").replace("gateway-home", "")


def test_the_doctor_reads_anew_and_names_the_cause(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "den"]) == 2
    assert console.refreshed == ["den"]
    assert "Cause: This device was removed from the tailnet" in " ".join(capsys.readouterr().out.split())


def test_the_doctor_of_all_is_as_bad_as_the_worst(console: FakeConsole) -> None:
    assert cli.run(["doctor"]) == 2
    assert console.refreshed == ["home", "lab", "den"]
    console.put("den", "unknown")
    assert cli.run(["doctor"]) == 3


def test_open_prints_and_opens(
    console: FakeConsole, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def opens(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(commands.webbrowser, "open", opens)
    assert cli.run(["open", "home"]) == 0
    assert opened == ["https://openclaw-home.example.ts.net"]
    assert capsys.readouterr().out == "https://openclaw-home.example.ts.net\n"


def test_without_a_browser_the_address_is_still_printed(
    console: FakeConsole, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opens_nothing(url: str) -> bool:
        return False

    monkeypatch.setattr(commands.webbrowser, "open", opens_nothing)
    assert cli.run(["open", "home"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "https://openclaw-home.example.ts.net\n"
    assert "No browser could be started" in shown.err


def test_what_is_off_cannot_be_opened(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    console.put("home", "off")
    assert cli.run(["open", "home"]) == 1
    assert "Private access is off" in capsys.readouterr().err


class Watched(FakeConsole):
    """Something changes twice, then the person presses Ctrl-C."""

    def __init__(self) -> None:
        super().__init__({"home": "connected"}, pace=0.0)
        self.steps = ["relayed", "removed"]

    def wait(self, after: int, seconds: float) -> int:
        assert seconds <= 1.0
        if not self.steps:
            raise KeyboardInterrupt
        self.put("home", self.steps.pop(0))
        return super().wait(after, 0.0)


def test_watch_shows_each_change_and_ends_with_the_last_health(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(stack, "console", lambda name="", *, stays=False: Watched())
    monkeypatch.setattr(commands, "screen", lambda: Screen(file=out, force_terminal=True, width=200, highlight=False))
    assert cli.run(["status", "--watch"]) == 2
    shown = out.getvalue()
    order = [shown.index(words) for words in ("Connected.", "Slower, not unsafe", "This device was removed")]
    assert order == sorted(order)


@pytest.mark.parametrize("arguments", [["status", "--watch"], ["status", "--watch", "--json"]])
def test_watch_is_for_people(console: FakeConsole, arguments: list[Any]) -> None:
    assert cli.run(arguments) == 64
