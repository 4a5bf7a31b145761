"""What commands share: which instance is meant, questions, and how errors look."""

import pytest
import typer

from addons.commands.invocation import agreed, chosen, fail, names
from addons.status.rules import report
from tests.support.addons_snapshots import NOW, SITUATIONS

REPORT = report("dev", [SITUATIONS[one](one, NOW) for one in ("connected", "removed")], NOW)


def test_one_instance_is_as_well_as_itself() -> None:
    assert chosen(REPORT, "") is REPORT
    assert REPORT.health == "down"
    assert chosen(REPORT, "connected").health == "healthy"
    assert [one.id for one in chosen(REPORT, "connected").instances] == ["connected"]


def test_an_instance_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(typer.BadParameter, match=r"there is no instance lab\. There are: connected, removed"):
        chosen(REPORT, "lab")
    assert names(report("dev", [], NOW)) == "The stack has none"


def test_yes_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(question: str) -> bool:
        pytest.fail(f"it asked: {question}")

    monkeypatch.setattr(typer, "confirm", asked)
    assert agreed("Sure?", yes=True)


def test_nobody_there_is_a_no(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def nobody(question: str) -> bool:
        raise typer.Abort

    monkeypatch.setattr(typer, "confirm", nobody)
    assert not agreed("Sure?", yes=False)
    assert "`--yes` answers beforehand" in capsys.readouterr().out


def test_an_error_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    fail("a\nb [red]c[/red]" + " and so on" * 30, "")
    assert len(capsys.readouterr().err.splitlines()) == 1
