"""The final report of .ci/run: every test is counted once, as it ended, and nothing that did not run is hidden."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import side_by_side
from tests.ci_report import JOURNEYS, REPEATED_AT_MOST, REPO, Case, closing, collected, read, repeat, run_again

TESTS = """
import pytest

def test_passes(): pass

@pytest.mark.parametrize("name", ["a b", "c::d"])
def test_fails(name): assert name == "x", f"{name} is wrong\\nand more"

def test_skips(): pytest.skip("no time")

@pytest.fixture
def broken():
    yield
    raise OSError("teardown")

def test_fails_twice(broken): raise ValueError("call")

def test_teardown_only(broken): pass
"""
A, B = Case("tests/e2e/test_a.py::test_a", "failed", "first"), Case("tests/e2e/test_a.py::test_b", "passed")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As pytest writes it for a directory of tests like ours."""
    place = tmp_path_factory.mktemp("project")
    (place / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--tb=native'\n")
    (place / "tests" / "e2e").mkdir(parents=True)
    (place / "tests" / "e2e" / "test_some.py").write_text(TESTS)
    (place / "tests" / "e2e" / "test_unreadable.py").write_text("import nothing_of_that_name\n")
    path = place / "report.xml"
    options = ("--continue-on-collection-errors", f"--junitxml={path}", "-p", "no:cacheprovider")
    subprocess.run([sys.executable, "-m", "pytest", *options], cwd=place, capture_output=True, check=False)
    return path


def test_a_report_gives_each_test_once_by_the_name_that_runs_it_again(report: Path) -> None:
    cases = read(report)
    some = "tests/e2e/test_some.py::"
    assert {test: case.outcome for test, case in cases.items()} == {
        "tests/e2e/test_unreadable.py": "failed",
        f"{some}test_passes": "passed",
        f"{some}test_fails[a b]": "failed",
        f"{some}test_fails[c::d]": "failed",
        f"{some}test_skips": "skipped",
        f"{some}test_fails_twice": "failed",
        f"{some}test_teardown_only": "failed",
    }
    assert cases[f"{some}test_fails[a b]"].said == "AssertionError: a b is wrong"
    assert "no time" in cases[f"{some}test_skips"].said


def test_what_passes_alone_counts_as_passed_and_keeps_its_first_message() -> None:
    ended, said = repeat({A.test: A, B.test: B}, lambda test: Case(test, "passed"), lambda: True)
    assert said == [f"{A.test}: passed when it was repeated alone. At first: first"]
    lines, good = closing(ended.values(), said, [], [])
    assert (lines[1:], good) == ([*said, "2 passed, 0 failed, 0 skipped"], True)


def test_what_fails_alone_fails_the_run() -> None:
    ended, said = repeat({A.test: A}, lambda test: Case(test, "failed", "again"), lambda: True)
    lines, good = closing(ended.values(), said, [], [])
    assert lines[-2:] == [f"FAILED {A.test}: again", "0 passed, 1 failed, 0 skipped"]
    assert not good


def test_only_what_failed_is_repeated_in_time_and_not_when_all_failed() -> None:
    asked = list[str]()

    def again(test: str) -> Case:
        asked.append(test)
        return Case(test, "passed")

    assert repeat({B.test: B}, again, lambda: True) == ({B.test: B}, [])
    assert repeat({A.test: A}, again, lambda: False)[0] == {A.test: A}
    many = {name: Case(name, "failed", "no world") for name in map(str, range(REPEATED_AT_MOST + 1))}
    assert repeat(many, again, lambda: True)[0] == many
    assert asked == []


@pytest.mark.parametrize(
    ("cases", "not_run", "lacking", "says"),
    [
        ([B, Case("t", "skipped", "why")], [], [], "SKIPPED, which counts as a failure here: t: why"),
        ([B], ["tests/e2e/test_a.py::test_c"], [], "DID NOT RUN: tests/e2e/test_a.py::test_c"),
        ([B], [], ["faults"], "NO REPORT of faults: it ended before its tests did, see above"),
    ],
)
def test_nothing_that_did_not_pass_is_hidden(
    cases: list[Case], not_run: list[str], lacking: list[str], says: str
) -> None:
    lines, good = closing(cases, [], not_run, lacking)
    assert says in lines
    assert not good
    assert lines[-1].startswith("1 passed, 0 failed, ")


def test_each_end_to_end_test_is_in_one_half() -> None:
    files = [file for half in side_by_side.halves("e2e").values() for file in half]
    assert len(files) == len(set(files))
    assert {test.partition("::")[0] for test in collected("tests/e2e")} == set(files)


def test_each_other_test_is_in_one_half_of_make_test() -> None:
    directories = [directory for half in side_by_side.halves("test").values() for directory in half]
    others = {path.parent.name for path in (REPO / "tests").glob("*/test_*.py")} - {"e2e"}
    assert {REPO / directory for directory in directories} == {REPO / "tests" / name for name in others}


def test_what_takes_too_long_is_ended_with_time_to_clean_up(tmp_path: Path) -> None:
    mark = tmp_path / "cleaned"
    program = f"import pathlib, time\ntry: time.sleep(60)\nfinally: pathlib.Path({str(mark)!r}).touch()"
    commands = {"one": [sys.executable, "-c", program], "two": [sys.executable, "-c", "raise SystemExit(3)"]}
    assert side_by_side.run(commands, seconds=1) == side_by_side.TOO_LATE
    assert mark.exists()
    assert side_by_side.run({"two": commands["two"], "three": [sys.executable, "-c", ""]}) == 3


def test_a_step_of_a_journey_is_repeated_with_the_steps_before_it() -> None:
    assert all((REPO / journey).exists() for journey in JOURNEYS)
    assert run_again(f"{JOURNEYS[0]}::test_a") == JOURNEYS[0]
    assert run_again("tests/e2e/test_owner.py::test_a") == "tests/e2e/test_owner.py::test_a"
