"""Each rule has a case of the corpus that it alone answers for, or answers with others: a rule that never speaks is dead."""

from policies.pack import POLICIES, analyze
from policies.rules.stack import STACK_RULES
from tests.support.corpus import cases

# Rules that need a parameter of the owner's before they say anything (test_cli.py).
SILENT = {"digests"}


def test_each_rule_answers_for_a_case_of_the_corpus() -> None:
    spoken = {(one.policy, one.rule) for case in cases() for one in analyze(case.resources)}
    rules = {
        (policy.name, rule.__name__) for policy in POLICIES for rule in policy.rules if rule.__name__ not in SILENT
    }
    rules |= {(rule.policy, rule.check.__name__) for rule in STACK_RULES}
    assert rules - spoken == set()


def test_no_two_rules_of_a_policy_have_the_same_name() -> None:
    for policy in POLICIES:
        names = [rule.__name__ for rule in policy.rules]
        assert len(names) == len(set(names)), policy.name


def test_each_rule_says_what_holds() -> None:
    for policy in POLICIES:
        for rule in policy.rules:
            assert (rule.__doc__ or "").strip().endswith("."), rule.__name__
