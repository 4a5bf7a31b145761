"""The sections of what a script printed."""

from hypothesis import given
from hypothesis import strategies as st

from addons.status.execution import MISSING, Section, sections

MARK = "-- 0123456789abcdef"


def test_each_section_has_its_text_and_exit_code() -> None:
    output = f"{MARK} one\nfirst\nsecond\n\n{MARK} = 0\n{MARK} two\n\n{MARK} = 3\n"
    assert sections(output, MARK) == {"one": Section("first\nsecond\n", 0), "two": Section("", 3)}


def test_a_section_without_an_end_was_cut_off() -> None:
    answered = sections(f"{MARK} one\nfirst\n{MARK} = 0\n{MARK} two\nhalf", MARK)
    assert answered["one"].ok
    assert answered["two"] == Section("half", None)
    assert answered["two"].problem == "the answer was cut off"


def test_a_half_printed_exit_code_is_none() -> None:
    assert sections(f"{MARK} one\nx\n{MARK} = 1", MARK)["one"].code is None


def test_a_section_says_why_there_is_nothing_in_it() -> None:
    assert Section("usage\nno such flag\n", 2).problem == "no such flag"
    assert Section("", 2).problem == "ended with exit code 2, without a word"
    assert Section("", 137).problem == "no answer in time"
    assert MISSING.problem == "the answer was cut off"


def test_the_mark_of_another_run_ends_nothing() -> None:
    assert sections(f"{MARK} one\n-- other two\n\n{MARK} = 0\n", MARK) == {"one": Section("-- other two\n", 0)}


@given(st.text(), st.integers(0, 60))
def test_a_cut_anywhere_is_no_error(body: str, cut: int) -> None:
    output = f"{MARK} one\n{body}\n{MARK} = 0\n"[:cut]
    assert set(sections(output, MARK)) <= {"one"}
