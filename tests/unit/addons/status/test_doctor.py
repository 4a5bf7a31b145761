"""The doctor goes through the steps of docs/troubleshooting.md in their order, and stops at the first cause."""

import re
from pathlib import Path

import pytest
from hypothesis import given

from addons.status.doctor import Diagnosis, diagnose
from addons.status.facts import Snapshot
from addons.status.model import Health
from addons.status.rules import judge
from addons.status.rules.table import STEPS
from tests.support import addons_snapshots as s
from tests.support.addons_cases import CASES
from tests.support.addons_snapshots import NOW, SITUATIONS, altered, well
from tests.support.addons_strategies import SNAPSHOTS

PAGE = Path(__file__).parents[4] / "docs" / "troubleshooting.md"


def of(snapshot: Snapshot) -> Diagnosis:
    return diagnose(judge(snapshot, NOW))


def outcomes(snapshot: Snapshot) -> list[str]:
    return [check.outcome for check in of(snapshot).checks]


def test_the_steps_are_those_of_the_page() -> None:
    """Before them is whether it runs at all; the words of some are the gateway's, not the device's."""
    there = [int(number) for number in re.findall(r"^## (\d)\. ", PAGE.read_text(), re.MULTILINE)]
    assert there == list(range(1, len(STEPS)))
    titles = re.findall(r"^## \d\. (\w+)", PAGE.read_text(), re.MULTILINE)
    assert titles == [re.split(r"\W", title)[0] for title in STEPS[1:]]


def test_where_all_is_well_every_step_was_looked_at_or_says_why_not() -> None:
    found = of(well())
    assert [check.step for check in found.checks] == list(range(10))
    assert {check.step for check in found.checks if check.outcome == "not looked at"} == {5, 8, 9}
    assert {check.outcome for check in found.checks} == {"well", "not looked at"}
    assert (found.cause, found.exit_code) == (None, 0)


def test_it_stops_at_the_first_cause() -> None:
    snapshot = altered(well(), sidecar={"served": ()}, control={"devices": ()})
    found = of(snapshot)
    assert found.cause is not None
    assert (found.cause.rule, found.checks[-1].step, found.exit_code) == ("removed", 2, 2)
    assert outcomes(snapshot) == ["well", "well", "cause"]


def test_what_only_slows_it_down_is_no_cause_of_what_is_down() -> None:
    found = of(altered(s.relayed("home", NOW), sidecar={"served": ()}))
    assert found.cause is not None
    assert found.cause.rule == "serves-nothing"
    assert [one.rule for one in found.checks[1].findings] == ["relayed", "udp-blocked"]


def test_what_could_not_be_read_is_said_and_the_search_goes_on() -> None:
    snapshot = s.old(
        altered(well(), gateway={"ready": False, "failing": ("slack",)}), 90, "sidecar", reason="forbidden"
    )
    found = of(snapshot)
    assert found.cause is not None
    assert found.cause.rule == "gateway-checks-fail"
    assert found.checks[1].outcome == "not known"
    assert any("forbidden" in line for line in found.checks[1].unread)


def test_nothing_but_unknowns_is_unknown() -> None:
    found = of(s.unknown("home", NOW))
    assert found.exit_code == Health.UNKNOWN.exit_code
    assert found.says.startswith("No cause was found in what can be seen from here. Not known: the cluster")
    assert not any(check.outcome == "cause" for check in found.checks)


def test_nobody_outside_is_a_doubt_and_no_cause() -> None:
    found = of(s.not_confirmed("home", NOW))
    assert found.checks[1].outcome == "not known"
    assert len(found.checks) == 10
    assert found.exit_code == 1


def test_off_is_the_cause_for_who_cannot_reach_it() -> None:
    found = of(s.off("home", NOW))
    assert found.cause is not None
    assert (found.cause.rule, found.exit_code) == ("private-access-off", 0)
    assert "enable home" in found.hint


def test_who_waits_is_shown_at_its_step_and_stops_nothing() -> None:
    found = of(s.pairing_waits("home", NOW))
    assert found.cause is None
    assert found.checks[6].says.startswith("alice-laptop asks to be let in")


@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_step_is_well_without_what_it_needs(situation: str) -> None:
    status = judge(SITUATIONS[situation]("home", NOW), NOW)
    known = {one.source.name for one in status.sources if one.known}
    needs = {0: {"CLUSTER"}, 1: {"SIDECAR"}, 2: {"SIDECAR"}, 4: {"SIDECAR", "GATEWAY"}, 6: {"GATEWAY"}, 7: {"GATEWAY"}}
    for check in diagnose(status).checks:
        assert check.outcome != "well" or needs.get(check.step, set()) <= known


@given(SNAPSHOTS)
def test_any_status_is_diagnosed(snapshot: Snapshot) -> None:
    status = judge(snapshot, NOW)
    found = diagnose(status)
    assert found.says
    assert Diagnosis.model_validate_json(found.model_dump_json()) == found
    if status.health is Health.DOWN:
        assert found.cause is not None


# A gateway that starts is in a pod that does, and that is found before it.
@pytest.mark.parametrize("rule", [name for name in CASES if name != "gateway-starting"])
def test_each_rule_can_be_a_cause_or_is_shown(rule: str) -> None:
    found = of(CASES[rule]())
    assert rule in {one.rule for check in found.checks for one in check.findings}
