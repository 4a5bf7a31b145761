"""The reader of policies: HuJSON as the control server takes it, with a place for each mistake, and never slow."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.tailnet import hujson

SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
BETWEEN = st.sampled_from(["", " ", "\n", '/* , ] } " */', '// , ] } "\n', "/**//***/", "\t\r"])


def written(value: Any, blanks: Any) -> str:
    """As HuJSON, with comments and blanks wherever they may be, and trailing commas."""
    gap = blanks(BETWEEN)
    if isinstance(value, dict):
        return f"{gap}{written_object([*value.items()], blanks)}{gap}"  # pyright: ignore[reportUnknownArgumentType]  # JSON's
    if isinstance(value, list):
        items: list[str] = [written(inner, blanks) for inner in value]  # pyright: ignore[reportUnknownVariableType]  # JSON's
        return f"{gap}[{','.join(items)}{',' if items and blanks(st.booleans()) else ''}{gap}]{gap}"
    return f"{gap}{json.dumps(value)}{gap}"


def written_object(pairs: list[tuple[str, Any]], blanks: Any) -> str:
    entries = [f"{blanks(BETWEEN)}{json.dumps(key)}{blanks(BETWEEN)}:{written(inner, blanks)}" for key, inner in pairs]
    return f"{{{','.join(entries)}{',' if entries and blanks(st.booleans()) else ''}{blanks(BETWEEN)}}}"


@given(VALUES, st.data())
def test_comments_blanks_and_trailing_commas_change_nothing(value: Any, data: st.DataObject) -> None:
    assert hujson.loads(written(value, data.draw)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{\n]", "Expecting property name enclosed in double quotes: line 2 column 1 (char 2)"),
        ("[,]", "Expecting value: line 1 column 2 (char 1)"),
        ("[1,,]", "Expecting value: line 1 column 4 (char 3)"),
        ("{/**/,}", "Expecting property name enclosed in double quotes: line 1 column 6 (char 5)"),
        ("[1],", "Extra data: line 1 column 4 (char 3)"),
        ("[\n 1 /* ", "Unterminated string or comment: line 2 column 4 (char 5)"),
        ("[1] // no end of the line", "Unterminated string or comment: line 1 column 5 (char 4)"),
        ('{} "', "Unterminated string or comment: line 1 column 4 (char 3)"),
        ("[1 / 2]", "Expecting value: line 1 column 4 (char 3)"),
        ("/*/ []", "Unterminated string or comment: line 1 column 1 (char 0)"),
        ("[NaN]", "NaN is not a JSON number"),
        ("[-Infinity] // \n", "-Infinity is not a JSON number"),
        ("[1e999]", "a number is out of range"),
        (f"[{'7' * 5000}]", "a number of 5000 digits is out of range"),
        (f"[0.{'7' * 5000}]", "a number is out of range"),
        (r'["\ud800"]', "it contains half of a surrogate pair, which is not valid text"),
        (r'{"\udc00\ud800": 1}', "it contains half of a surrogate pair, which is not valid text"),
        ('["\udfff"]', "it contains half of a surrogate pair, which is not valid text"),
        ('["\n"]', "Invalid control character at: line 1 column 3 (char 2)"),
        ("\ufeff{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
        ("[\u00a0]", "Expecting value: line 1 column 2 (char 1)"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_what_is_not_hujson_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        hujson.loads(text)
    assert str(refused.value) == said


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert hujson.loads(r'["\ud83d\ude00"]') == ["\U0001f600"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 1}', 'the key "a" appears twice at the top level'),
        ('{"a": {"b": [0, {"c d": 1, // \n "c d": 2,}]}}', 'the key "c d" appears twice in a.b[1]'),
        ('{"x": 1, "a b": {"\\u0063": 1, "c": 2}}', 'the key "c" appears twice in ["a b"]'),
        ('[{"": null, "": null}]', 'the key "" appears twice in [0]'),
    ],
)
def test_a_key_that_is_there_twice_is_refused_wherever_it_is(text: str, said: str) -> None:
    with pytest.raises(hujson.DuplicateKeyError) as refused:
        hujson.loads(text)
    assert str(refused.value) == said


@given(st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=4), VALUES, st.data())
def test_any_key_written_twice_is_refused(value: dict[str, Any], again: Any, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([*value]))
    pairs = data.draw(st.permutations([*value.items(), (key, again)]))
    around = data.draw(st.sampled_from(["{}", "[{}]", '{{"a": {}, "b": 1}}', '[0, {{"a": [{},]}}] // end\n']))
    with pytest.raises(hujson.DuplicateKeyError) as refused:
        hujson.loads(around.format(written_object(pairs, data.draw)))
    assert refused.value.key == key


@pytest.mark.parametrize("depth", [hujson.DEEPEST - 1, hujson.DEEPEST])
def test_deep_values_are_read_with_their_comments(depth: int) -> None:
    text = "[/* deeper */" * depth + "]// out\n" * depth
    value = hujson.loads(text)
    for _ in range(depth - 1):
        assert isinstance(value, list)
        value = value[0]  # pyright: ignore[reportUnknownVariableType]  # JSON's
    assert value == []


@pytest.mark.parametrize("opening", ["[", '{"a":', "[/**/"])
@pytest.mark.parametrize("depth", [hujson.DEEPEST + 2, 1000, 100_000])
def test_values_that_are_too_deep_are_refused(opening: str, depth: int) -> None:
    closing = "]" if opening.startswith("[") else "}"
    with pytest.raises(ValueError, match=r"^(it is nested more than 200 levels deep|Expecting value)"):
        hujson.loads(opening * depth + "1" + closing * depth)
