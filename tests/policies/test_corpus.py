"""The pack against a corpus of its own: what must be refused, what is worth advice, and what is nobody's business.

The form of the files is in tests/support/corpus.py.
"""

import time
from collections import Counter

import pytest

from policies.pack import Violation, analyze
from tests.support.corpus import PLANTED, Case, cases

CASES = cases()


def judged(case: Case) -> tuple[list[Violation], list[Violation]]:
    """What is refused, and what is only advice."""
    start = time.monotonic()
    violations = analyze(case.resources)
    # Far more than any needs; a rule whose time grows with the square of a text takes minutes.
    assert time.monotonic() - start < 10
    assert not any(PLANTED in one.message for one in violations), "a message repeats a secret"
    return [one for one in violations if not one.advisory], [one for one in violations if one.advisory]


@pytest.mark.parametrize("case", [case for case in CASES if case.sort == "refuse"], ids=str)
def test_refused(case: Case) -> None:
    refused, _ = judged(case)
    invariants = {one.invariant for one in refused}
    assert invariants & {*case.wanted}, f"refused for {sorted(invariants) or 'nothing'}, not for {case.wanted}"


@pytest.mark.parametrize("case", [case for case in CASES if case.sort == "advise"], ids=str)
def test_advised(case: Case) -> None:
    refused, advice = judged(case)
    assert refused == []
    usual = {one.message for one in analyze(case.unchanged)}
    texts = [one.message for one in advice if one.message not in usual]
    assert any(word.lower() in text.lower() for text in texts for word in case.wanted), texts or "no advice"


@pytest.mark.parametrize("case", [case for case in CASES if case.sort == "pass"], ids=str)
def test_passed(case: Case) -> None:
    refused, _ = judged(case)
    assert refused == []


def test_the_corpus_is_large_enough() -> None:
    counts = Counter(case.sort for case in CASES)
    assert counts["refuse"] >= 300
    assert counts["advise"] >= 60
    assert counts["pass"] >= 80


def test_every_mutation_changes_something() -> None:
    """Else it would say what the golden graph says."""
    assert [str(case) for case in CASES if case.sort != "pass" and case.resources == case.unchanged] == []


def test_no_two_cases_have_the_same_name() -> None:
    assert [name for name, count in Counter(map(str, CASES)).items() if count > 1] == []
