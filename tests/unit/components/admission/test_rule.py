"""The rules of the admission guard as data: each is named once, and says what it refuses."""

import pytest

from components.admission import guards, rules
from components.admission.rule import Guard, Kinds, Mode, Rule

RULE = Rule("name", "I1", "it opens a port:", "object.a == 1", "object.metadata.name")


def guard(**fields: object) -> Guard:
    return Guard("part", [Kinds("", ["services"])], [RULE], **fields)  # pyright: ignore[reportArgumentType]  # by name


def test_every_rule_has_an_id_of_its_own_and_says_something() -> None:
    described = rules()
    assert len({rule.id for rule in described}) == len(described)
    assert len({rule.message for rule in described}) == len(described)
    assert all(rule.message and not rule.message.endswith((":", ".")) for rule in described)


def test_the_message_names_the_invariant_and_what_broke_it() -> None:
    assert RULE.manifest() == {
        "expression": "object.a == 1",
        "message": "I1: it opens a port:",
        "messageExpression": "'I1: it opens a port:' + ' ' + object.metadata.name",
        "reason": "Forbidden",
    }


@pytest.mark.parametrize(("mode", "actions"), [("deny", ["Deny"]), ("warn", ["Warn", "Audit"]), ("audit", ["Audit"])])
def test_the_mode_is_in_the_binding(mode: Mode, actions: list[str]) -> None:
    assert guard().binding("test", mode)["spec"]["validationActions"] == actions
    assert guard(always=True).binding("test", mode)["spec"]["validationActions"] == ["Deny"]


def test_a_rule_for_others_leaves_out_who_may_change_the_guard() -> None:
    [condition] = guard(audience="others").policy("test")["spec"]["matchConditions"]
    assert "name('openclaw-tailnet-test-pods').check('patch')" in condition["expression"]
    assert "request.?dryRun.orValue(false) && authorizer" in condition["expression"]
    assert "matchConditions" not in guard().policy("test")["spec"]


def test_namespaces_are_matched_by_the_label_of_the_stack_alone() -> None:
    for one in guards(["openclaw-home"]):
        where = one.policy("test")["spec"]["matchConstraints"]
        labels = {"matchLabels": {"openclaw-tailnet/stack": "test"}}
        assert where["namespaceSelector"] == (labels if one.scope == "namespaces" else {})
        assert where["objectSelector"] == (labels if one.scope == "labelled" else {})


def test_a_thousand_namespaces_stay_within_what_cel_parses() -> None:
    """Its parser takes 100,000 characters for one expression."""
    many = [f"{number:04}-" + "n" * 58 for number in range(1000)]
    for one in guards(many):
        expressions = [*(rule.holds for rule in one.rules), *one.variables.values()]
        assert max(map(len, expressions)) < 100_000, one.part
