"""The end of `.ci/run`: repeats what failed end to end, alone, then counts all tests and says what is wrong.

`python -m tests.ci_report REPORTS --until MINUTES`: REPORTS holds the JUnit files of `make test` and of the end-to-end tests.
"""

import argparse
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.side_by_side import halves

REPO: Final = Path(__file__).resolve().parent.parent
# Their tests are steps that build on each other.
JOURNEYS: Final = ("tests/e2e/test_browser.py", "tests/e2e/test_node.py", "tests/e2e/test_page.py")
# More than that is no noise of a shared machine: it is not worth half an hour of repeating.
REPEATED_AT_MOST: Final = 6
_WORST: Final = ("passed", "skipped", "failed")


@dataclass(frozen=True)
class Case:
    """One test as it ended: `outcome` is passed, skipped or failed; `said` is the first line of why."""

    test: str
    outcome: str
    said: str = ""


def read(report: Path) -> dict[str, Case]:
    """The tests of a JUnit file by their pytest name. One that failed and whose teardown failed as well is there twice."""
    cases: dict[str, Case] = {}
    for entry in ET.parse(report).getroot().iter("testcase"):
        case = _case(entry)
        before = cases.get(case.test)
        if before is None or _WORST.index(case.outcome) > _WORST.index(before.outcome):
            cases[case.test] = case
    return cases


def _case(entry: ET.Element) -> Case:
    module, name = entry.get("classname", ""), entry.get("name", "")
    # A file that cannot be imported has no classname, and its module as name.
    test = f"{module.replace('.', '/')}.py::{name}" if module else f"{name.replace('.', '/')}.py"
    for kind, outcome in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (why := entry.find(kind)) is not None:
            lines = (why.get("message") or why.text or "").strip().splitlines()
            return Case(test, outcome, lines[0] if lines else kind)
    return Case(test, "passed")


def collected(directory: str) -> set[str]:
    """The tests that a directory holds."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", directory, "--collect-only", "-q"], cwd=REPO, capture_output=True, text=True
    )
    return {line for line in done.stdout.splitlines() if "::" in line}


def run_again(test: str) -> str:
    """The argument of pytest that repeats a test: itself, or the whole journey of which it is a step."""
    file = test.partition("::")[0]
    return file if file in JOURNEYS else test


def alone(test: str, reports: Path, number: int) -> Case:
    """One test in a run of its own."""
    report = reports / f"again-{number}.xml"
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}", run_again(test)]
    subprocess.run(command, cwd=REPO, check=False)
    gone = Case(test, "failed", "its run alone ended without a report")
    return read(report).get(test, gone) if report.exists() else gone


def repeat(
    first: Mapping[str, Case], again: Callable[[str], Case], in_time: Callable[[], bool]
) -> tuple[dict[str, Case], list[str]]:
    """The tests after what failed had one more chance, alone, and a line about each of those."""
    ended, said = dict(first), list[str]()
    failed = [case for case in first.values() if case.outcome == "failed"]
    for case in failed:
        if len(failed) > REPEATED_AT_MOST:
            how = f"not repeated, as {len(failed)} failed"
        elif not in_time():
            how = "not repeated: no time was left"
        else:
            ended[case.test] = again(case.test)
            how = "passed when it was repeated alone" if ended[case.test].outcome == "passed" else "failed again, alone"
        said.append(f"{case.test}: {how}. At first: {case.said[:200]}")
    return ended, said


def closing(
    cases: Iterable[Case], repeated: Sequence[str], not_run: Iterable[str], lacking: Iterable[str]
) -> tuple[list[str], bool]:
    """The last lines of the run, and whether it may be called good."""
    by_outcome: dict[str, list[Case]] = {outcome: [] for outcome in _WORST}
    for case in cases:
        by_outcome[case.outcome].append(case)
    passed, skipped, failed = (by_outcome[outcome] for outcome in _WORST)
    wrong = [f"FAILED {case.test}: {case.said[:200]}" for case in failed]
    wrong += [f"SKIPPED, which counts as a failure here: {case.test}: {case.said[:200]}" for case in skipped]
    wrong += [f"DID NOT RUN: {test}" for test in sorted(not_run)]
    wrong += [f"NO REPORT of {name}: it ended before its tests did, see above" for name in lacking]
    lines = (
        ["End-to-end tests that failed beside the others, and had one more run alone:", *repeated] if repeated else []
    )
    lines += wrong
    if any(line.startswith(("DID", "NO")) for line in wrong):
        lines.append("Not all tests ran: this is no result.")
    return [*lines, f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped"], not wrong


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", type=Path)
    parser.add_argument("--until", type=float, required=True, help="minutes from now in which a repetition may begin")
    given = parser.parse_args(arguments)
    reports: Path = given.reports
    deadline = time.monotonic() + given.until * 60
    quick, e2e = halves("test"), halves("e2e")
    files = {name: reports / f"{name}.xml" for name in (*quick, *e2e)}
    there = {name: read(path) for name, path in files.items() if path.exists()}
    others, first = (
        {test: case for name in names for test, case in there.get(name, {}).items()} for names in (quick, e2e)
    )
    numbers = iter(range(REPEATED_AT_MOST))
    ended, repeated = repeat(
        first, lambda test: alone(test, reports, next(numbers)), lambda: time.monotonic() < deadline
    )
    lines, good = closing(
        [*others.values(), *ended.values()],
        repeated,
        collected("tests/e2e") - set(first),
        [name for name in files if name not in there],
    )
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
