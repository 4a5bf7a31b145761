"""Devices that were left over are listed, and removed one by one, after a question."""

import io

import pytest

from addons import cli, stack
from tests.support.console_fake import FakeConsole


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> FakeConsole:
    fake = FakeConsole(pace=0.0)
    monkeypatch.setattr(stack, "console", lambda name="", *, stays=False: fake)
    return fake


def test_all_devices_and_those_left_over(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["devices"]) == 0
    shown = capsys.readouterr().out
    assert "home: openclaw-home.example.ts.net, 100.64.0.6" in shown
    assert "left over: openclaw-old.example.ts.net (n12CNTRL, tag:openclaw-old)" in shown
    cli.run(["devices", "--stale"])
    assert "home:" not in capsys.readouterr().out


@pytest.mark.parametrize(("said", "code", "removed"), [("y\n", 0, ["n12CNTRL"]), ("n\n", 1, []), ("", 1, [])])
def test_removing_asks(
    console: FakeConsole, monkeypatch: pytest.MonkeyPatch, said: str, code: int, removed: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    assert cli.run(["devices", "--remove", "n12CNTRL"]) == code
    assert console.removed == removed


def test_a_device_in_use_is_not_removed(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["devices", "--remove", "nhomeCNTRL", "--yes"]) == 1
    assert console.removed == []
    assert "not a device that was left over" in capsys.readouterr().err


def test_none_left_over_is_said(console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["devices", "--remove", "n12CNTRL", "--yes"])
    capsys.readouterr()
    cli.run(["devices", "--stale"])
    assert capsys.readouterr().out == "No device was left over.\n"
