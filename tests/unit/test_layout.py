"""Imports point one way: components, engine and policies know nobody above them, and the evaluator knows only policies."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("addons", "components", "engine", "gitops", "policies", "sandbox", "tests")
# What each package may import of ours, besides itself.
ALLOWED = {
    "addons": ("components", "engine"),
    "components": (),
    "components/tailnet/evaluator": ("components.tailnet.hujson",),
    "engine": (),
    "gitops": ("addons", "components", "engine"),
    "policies": ("components.constants", "components.tailnet.hujson"),
    "sandbox": ("addons", "components", "engine"),
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_nothing_above_it(package: str) -> None:
    itself = package.replace("/", ".")
    allowed = (itself, *ALLOWED[package])
    files = list((ROOT / package).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if name.partition(".")[0] in OURS and not any(name == one or name.startswith(f"{one}.") for one in allowed)
    ]
    assert wrong == []


TESTS = ROOT / "tests"


def test_helpers_of_tests_are_in_one_place() -> None:
    """So that a reader finds them, and no directory of tests has to be on the import path."""
    apart = [
        str(path.relative_to(ROOT))
        for part in ("unit", "policies", "engine", "e2e")
        for path in (TESTS / part).rglob("*.py")
        if not path.name.startswith("test_") and path.name != "conftest.py" and path.parent.name != "programs"
    ]
    assert apart == []


def test_no_test_imports_another() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in TESTS.rglob("*.py")
        for name in imported(path)
        if any(part.startswith("test_") for part in name.split(".")[:-1])
    ]
    assert wrong == []


def test_a_name_of_ours_is_imported_from_the_root() -> None:
    """`from tests.support.configs import ...`: one scheme, whichever directory a test is in."""
    helpers = {path.stem for path in (TESTS / "support").glob("*.py")}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in TESTS.rglob("*.py")
        for name in imported(path)
        if name.partition(".")[0] in helpers
    ]
    assert wrong == []


# So that the line of a `def` is read at one glance, with its parameters.
LONGEST_NAME = 72


def test_the_name_of_a_test_fits_a_line() -> None:
    """What a name cannot say within it is a docstring's."""
    long = [
        f"{path.relative_to(ROOT)}: {name} has {len(name)} characters"
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
        if len(name) > LONGEST_NAME
    ]
    assert long == []
