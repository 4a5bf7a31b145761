"""What the terminal shows, as reviewed texts: a word and a shape for each state, wide and narrow."""

import io
from datetime import UTC

import pytest
from rich.console import Console, RenderableType

from addons.status.doctor import diagnose
from addons.status.facts import Snapshot
from addons.status.model import Report
from addons.status.rules import judge, report
from addons.status.terminal import Terminal
from tests.support import addons_snapshots as s
from tests.support.addons_cases import CASES
from tests.support.addons_snapshots import NOW, SITUATIONS, altered, well
from tests.support.golden import assert_golden

EVERY = {name: judge(situation(name.replace(" ", "-"), NOW), NOW) for name, situation in SITUATIONS.items()}


def shown(what: RenderableType, width: int) -> str:
    screen = Console(width=width, file=io.StringIO(), force_terminal=False, highlight=False)
    screen.print(what)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def terminal(width: int = 100, *, ascii_only: bool = False) -> Terminal:
    return Terminal(zone=UTC, narrow=width < 60, ascii_only=ascii_only)


def all_of_them() -> Report:
    return report("dev", [situation(name.replace(" ", "-"), NOW) for name, situation in SITUATIONS.items()], NOW)


@pytest.mark.parametrize("width", [100, 40])
def test_the_overview(width: int) -> None:
    assert_golden(f"overview-{width}.txt", shown(terminal(width).overview(all_of_them()), width))


@pytest.mark.parametrize("width", [100, 40])
def test_one_that_is_well(width: int) -> None:
    assert_golden(f"detail-{width}.txt", shown(terminal(width).detail(judge(s.pairing_waits("home", NOW), NOW)), width))


@pytest.mark.parametrize("situation", ["relayed", "unknown", "off", "tailnet volume lost"])
def test_one_that_is_otherwise(situation: str) -> None:
    assert_golden(f"detail-{situation.replace(' ', '-')}.txt", shown(terminal().detail(EVERY[situation]), 100))


@pytest.mark.parametrize("situation", ["connected", "key refused", "unknown"])
def test_what_the_doctor_found(situation: str) -> None:
    found = diagnose(judge(SITUATIONS[situation]("home", NOW), NOW))
    assert_golden(f"doctor-{situation.replace(' ', '-')}.txt", shown(terminal().diagnosis(found), 100))


def test_a_state_is_told_without_colours() -> None:
    """By a word, and by a shape that each health has alone."""
    lines = shown(terminal().overview(all_of_them()), 200).splitlines()
    titles = [line for line in lines if not line.startswith(" ")]
    assert len(titles) == len(EVERY)
    for title, status in zip(titles, EVERY.values(), strict=True):
        assert title[2:].strip().startswith(status.id)
        assert str(status.state) in title
    shapes = {(status.health, status.wanted): title[0] for title, status in zip(titles, EVERY.values(), strict=True)}
    assert len(set(shapes.values())) == len(shapes) == 5


def test_a_terminal_that_knows_ascii_only_gets_that() -> None:
    assert shown(terminal(ascii_only=True).overview(all_of_them()), 100).isascii()
    assert shown(terminal(ascii_only=True).detail(EVERY["relayed"]), 100).isascii()


@pytest.mark.parametrize("width", [20, 40, 80])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_nothing_is_wider_than_the_terminal(situation: str, width: int) -> None:
    whole = shown(terminal(width).detail(EVERY[situation]), width)
    assert max(len(line.rstrip()) for line in whole.splitlines()) <= width


def test_words_of_others_are_no_markup() -> None:
    snapshot = altered(well(), gateway={"pairings": (s.pairing(NOW, name="[red]me[/red]"),)})
    assert "[red]me[/red] asks to be let in" in shown(terminal().detail(judge(snapshot, NOW)), 200)


def test_ages_are_on_every_source() -> None:
    whole = shown(terminal().detail(judge(well(), NOW)), 200)
    for source, words in (
        ("the cluster's API", "2 s ago"),
        ("tailscaled, in the sidecar", "3 s ago"),
        ("the tailnet's API", "8 s ago"),
    ):
        assert f"{source}: {words}" in whole


def test_no_instance_is_said() -> None:
    assert shown(terminal().overview(report("dev", [], NOW)), 80) == "No instance is declared in this stack.\n"


@pytest.mark.parametrize("rule", CASES)
def test_each_finding_is_shown_with_what_to_do(rule: str) -> None:
    snapshot: Snapshot = CASES[rule]()
    status = judge(snapshot, NOW)
    whole = " ".join(shown(terminal().detail(status), 4000).split())
    for finding in status.findings:
        assert " ".join(finding.says.split()) in whole
        assert " ".join(finding.hint.split()) in whole


def test_a_console_says_what_it_can_show() -> None:
    narrow = Console(width=40, file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert Terminal.of(narrow).ascii_only
    assert Terminal.of(narrow).narrow
    wide = Console(width=80, file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert not Terminal.of(wide).ascii_only
    assert not Terminal.of(wide).narrow
