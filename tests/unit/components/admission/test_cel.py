"""The helpers that write CEL."""

from components.admission import cel


def test_a_quoted_text_stays_one() -> None:
    assert cel.quoted("it's a \\d\nline") == r"'it\'s a \\d\nline'"


def test_an_optional_field_is_looked_for_step_by_step() -> None:
    assert cel.given("c", "securityContext.runAsUser", "1") == "c.?securityContext.?runAsUser.orValue(1)"


def test_parts_keep_their_own_operators() -> None:
    assert cel.all_of("a || b", "c") == "(a || b) && (c)"
    assert cel.any_of("a && b", "c") == "(a && b) || (c)"


def test_a_pattern_matches_the_whole_text() -> None:
    assert cel.matches("v", "a|b") == "v.matches('^(?:a|b)$')"


def test_a_table_has_a_list_for_each_key() -> None:
    assert cel.table({"a": ["x", "y"], "b": []}) == "{'a': ['x', 'y'], 'b': []}"
