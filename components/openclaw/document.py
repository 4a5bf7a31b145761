"""The table of our keys in docs/gateway.md, from reserved.py: `python -m components.openclaw.document`."""

import json
import sys
from pathlib import Path
from typing import Final

from components.openclaw.reserved import OPEN, RESERVED, Computed, Reserved
from components.unexpected import described, record

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "gateway.md"
_BEGIN: Final = "<!-- keys: written by make docs -->\n"
_END: Final = "<!-- keys end -->"


def table() -> str:
    """The table as Markdown, one row for each reason."""
    rows: dict[tuple[str, str], list[str]] = {}
    for row in RESERVED:
        rows.setdefault((_value(row), row.why), []).append(f"`{row.path}`")
    lines = [f"| {', '.join(paths)} | {value} | {why} |" for (value, why), paths in rows.items()]
    opened = ", ".join(f"`{path}`" for path in OPEN)
    return "\n".join(["| key | ours | why |", "|---|---|---|", *lines, "", f"Open below `gateway`: {opened}.", ""])


def document(text: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = text.partition(_BEGIN)
    return f"{before}{_BEGIN}{table()}{_END}{rest.partition(_END)[2]}"


def _value(row: Reserved) -> str:
    return "" if row.value is Computed.VALUE else f"`{json.dumps(row.value)}`"


if __name__ == "__main__":
    try:
        DOCUMENT.write_text(document(DOCUMENT.read_text()))
    except Exception as error:
        sys.exit(f"error: {described(error)}. Details: {record(error)}. Correct the table, then run `make docs` again.")
