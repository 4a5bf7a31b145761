"""The pages that are made from the code say what the code says."""

import re
from pathlib import Path

from components.admission.document import document as rails_of_the_guard
from components.settings.document import document
from policies.document import document as rails_of_the_pack
from tests.support import flows

DOCS = Path(__file__).parents[2] / "docs"


def test_the_configuration_page_is_that_of_the_models() -> None:
    assert (DOCS / "configuration.md").read_text() == document(), "run `make docs`"


def test_the_table_of_flows_is_the_one_that_is_tried() -> None:
    assert flows.documented() == flows.table(), "run `python -m tests.support.flows`"


def test_the_page_of_guard_rails_is_that_of_the_rules() -> None:
    assert (DOCS / "guard-rails.md").read_text() == rails_of_the_pack() + rails_of_the_guard(), "run `make docs`"


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
