"""The pages that are made from the code say what the code says."""

import re
from pathlib import Path

from components.settings.document import document

DOCS = Path(__file__).parents[2] / "docs"


def test_the_configuration_page_is_that_of_the_models() -> None:
    assert (DOCS / "configuration.md").read_text() == document(), "run `make docs`"


def test_each_picture_is_small_and_shown() -> None:
    """`SCREENSHOTS=1 make e2e E2E=tests/e2e/test_page.py` writes them."""
    shown = {
        (page.parent / target).resolve()
        for page in (*DOCS.rglob("*.md"), DOCS.parent / "README.md")
        for target in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text())
    }
    there = set((DOCS / "images").iterdir())
    assert shown == there
    assert [path.name for path in there if path.stat().st_size > 150_000] == []
