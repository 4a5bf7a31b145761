"""The pages that are made from the code say what the code says."""

from pathlib import Path

from components.settings.document import document

DOCS = Path(__file__).parents[2] / "docs"


def test_the_configuration_page_is_that_of_the_models() -> None:
    assert (DOCS / "configuration.md").read_text() == document(), "run `make docs`"
