"""docs/addons.md has the tables of the rules as they are."""

import pytest

from addons.status.document import DOCUMENT, document
from addons.status.model import Health
from addons.status.rules.table import RULES

PAGE = DOCUMENT.read_text()


def test_the_page_has_the_tables_of_the_rules() -> None:
    assert document(PAGE) == PAGE, "run `make docs`"


def test_every_rule_is_on_the_page() -> None:
    for rule in RULES:
        assert f"| `{rule.name}` | {rule.finds} |" in PAGE


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table of rules"):
        document(PAGE.replace("<!-- rules: written by make docs -->", ""))


def test_the_page_has_the_exit_codes() -> None:
    for health in Health:
        assert f"| {health} | {health.exit_code} |" in PAGE
