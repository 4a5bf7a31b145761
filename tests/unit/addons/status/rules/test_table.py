"""Each rule finds what it is for, says it in words that were reviewed, and is silent where nothing is wrong."""

import pytest
from hypothesis import given

from addons.status.facts import Snapshot
from addons.status.model import Health
from addons.status.rules.rule import Rule
from addons.status.rules.table import MODULES, RULES, STEPS
from addons.status.rules.view import View
from tests.support.addons_cases import CASES
from tests.support.addons_snapshots import NOW, well
from tests.support.addons_strategies import SNAPSHOTS
from tests.support.golden import assert_golden

NAMES = [rule.name for rule in RULES]


def test_each_rule_has_a_name_a_case_and_words_for_what_it_finds() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert set(CASES) == set(NAMES)
    assert all(rule.finds and 0 <= rule.step < len(STEPS) for rule in RULES)


def test_no_rule_is_forgotten() -> None:
    """One that a module has and its RULES lack would never be looked at."""
    made = {value.name for module in MODULES for value in vars(module).values() if isinstance(value, Rule)}
    assert made <= set(NAMES)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_it_finds_its_case_and_nothing_in_a_gateway_that_is_well(rule: Rule) -> None:
    assert list(rule.findings(View(CASES[rule.name](), NOW)))
    assert not list(rule.findings(View(well(), NOW)))


def test_what_the_rules_say() -> None:
    """Who changes words reads them all again."""
    lines: list[str] = []
    for rule in RULES:
        first = next(rule.findings(View(CASES[rule.name](), NOW)))
        lines += [
            f"{rule.name} (step {rule.step}, {rule.health})",
            f"  {first.says}",
            *([f"  {first.hint}"] if first.hint else []),
            "",
        ]
    assert_golden("rules.txt", "\n".join(lines))


@given(SNAPSHOTS)
def test_a_rule_asks_only_sources_that_it_names(snapshot: Snapshot) -> None:
    """Any other raises Unread where it is not known."""
    view = View(snapshot, NOW)
    for rule in RULES:
        for finding in rule.findings(view):
            assert finding.says
            assert finding.health is rule.health


def test_what_makes_an_instance_down_says_what_to_do() -> None:
    for rule in RULES:
        if rule.health in (Health.DOWN, Health.UNKNOWN):
            assert all(finding.hint for finding in rule.findings(View(CASES[rule.name](), NOW))), rule.name
