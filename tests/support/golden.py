"""Texts that are read and reviewed as files: `GOLDEN_UPDATE=1 pytest ...` writes them anew, with the reason in the commit."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "unit" / "addons" / "golden"


def assert_golden(name: str, text: str) -> None:
    """The file of that name has this text; spaces at the end of a line do not count."""
    file = GOLDEN / name
    plain = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    if os.environ.get("GOLDEN_UPDATE"):
        file.write_text(plain)
    assert plain == file.read_text(), f"{name}: GOLDEN_UPDATE=1 writes it anew"
