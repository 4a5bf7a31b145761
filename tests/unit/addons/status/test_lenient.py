"""Others' JSON: whatever it holds, reading it is no error."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.status import lenient

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(ANYTHING)
def test_no_value_is_an_error(value: Any) -> None:
    assert lenient.count(value) >= 0
    assert isinstance(lenient.text(value), str)
    assert lenient.flag(value) in (True, False, None)
    assert all(lenient.texts(value))
    for at in (lenient.when(value), lenient.since_epoch(value)):
        assert at is None or at.tzinfo is UTC
    assert dict(lenient.mapping(value)) == (value if isinstance(value, dict) else {})
    assert list(lenient.items(value)) == (list(value) if isinstance(value, list) else [])  # pyright: ignore[reportUnknownArgumentType] - of anything


@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "", None, "soon", "9999-12-31T23:59:59-14:00", 17])
def test_go_s_zero_time_and_what_is_no_time_are_never(never: object) -> None:
    assert lenient.when(never) is None


def test_a_time_is_in_utc_and_may_have_nanoseconds() -> None:
    assert lenient.when("2026-11-27T22:31:22.925197008+01:00") == datetime(2026, 11, 27, 21, 31, 22, 925197, UTC)
    assert lenient.when("2026-11-27T21:31:22") == datetime(2026, 11, 27, 21, 31, 22, tzinfo=UTC)
    assert lenient.since_epoch(1795815240612) == datetime(2026, 11, 27, 21, 34, 0, 612000, UTC)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400, True, "7"])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert lenient.number(value) is None


def test_a_text_that_is_no_utf_8_can_still_be_written() -> None:
    assert lenient.text(json.loads('"\\ud800"')).encode() == b"?"


def test_objects_are_found_before_behind_and_between_log_lines() -> None:
    output = 'log {x\n{"a": 1}\n2026/11/21 10:23:12 between {\n{\n "b": {\n2026/11/21 in the middle\n  "c": 2}\n}\nend'
    found = list(lenient.json_objects(output))
    assert {"a": 1} in found
    assert {"b": {"c": 2}} in found


def test_finding_nothing_in_a_megabyte_of_braces_takes_no_time() -> None:
    assert list(lenient.json_objects("{" * 2**20)) == []
    assert list(lenient.json_objects('{"a":\n' * 2**16)) == []


def test_words_of_others_are_one_line_of_bounded_length() -> None:
    assert lenient.shortened("a\n b\t c") == "a b c"
    assert len(lenient.shortened("x" * 1000)) == 240
    assert lenient.last_line("first\nlast  \n\n") == "last"
    assert lenient.last_line("") == ""
