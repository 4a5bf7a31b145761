"""Who asks to be let in is shown with what they ask for, before anybody says yes."""

import io

import pytest

from addons import cli, stack
from tests.support import addons_snapshots as snapshots
from tests.support.console_fake import FakeConsole

REQUEST = "e8d422c5-141a-4b6a-8d87-a139b2951376"


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> FakeConsole:
    fake = FakeConsole(pace=0.0)
    monkeypatch.setattr(stack, "console", lambda name="", *, stays=False: fake)
    return fake


def answered(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_the_list_has_who_what_and_how_long(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["pairings", "list"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "home: alice-laptop (device) from 100.64.0.7, for operator.read" in shown
    assert "ends in 3 min 4" in shown
    assert REQUEST in shown


def test_nobody_waits(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    console.put("home", "connected")
    assert cli.run(["pairings", "list"]) == 0
    assert capsys.readouterr().out == "Nobody asks to be let in.\n"


def test_a_gateway_that_was_not_read_is_not_empty(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    console.put("home", "unknown")
    cli.run(["pairings", "list"])
    assert capsys.readouterr().out == "home: not known\n"


@pytest.mark.parametrize(("command", "approved"), [("approve", True), ("reject", False)])
def test_the_first_letters_will_do(console: FakeConsole, command: str, approved: bool) -> None:
    assert cli.run(["pairings", command, "e8d4", "--yes"]) == 0
    assert console.decided == [("home", REQUEST, approved)]


@pytest.mark.parametrize(("said", "code", "decided"), [("y\n", 0, 1), ("n\n", 1, 0), ("", 1, 0)])
def test_it_asks_and_silence_is_a_no(
    console: FakeConsole, monkeypatch: pytest.MonkeyPatch, said: str, code: int, decided: int
) -> None:
    answered(monkeypatch, said)
    assert cli.run(["pairings", "approve", REQUEST]) == code
    assert len(console.decided) == decided


def test_what_is_asked_for_is_shown_before_the_question(
    console: FakeConsole, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered(monkeypatch, "n\n")
    cli.run(["pairings", "approve", REQUEST])
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.index("operator.approvals") < shown.index("Let it in?")


def test_a_request_that_is_over_is_said(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["pairings", "approve", "0000", "--yes"]) == 1
    assert "No request begins with 0000" in capsys.readouterr().err


def test_two_that_begin_alike_are_not_guessed(console: FakeConsole) -> None:
    console.put("lab", snapshots.pairing_waits)
    assert cli.run(["pairings", "approve", "e8d4", "--yes"]) == 1
    assert console.decided == []
