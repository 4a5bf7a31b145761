"""The table of docs/reliability.md: each fault's test records its row, a whole run writes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sandbox.home import REPO

DOCUMENT: Final = REPO / "docs" / "reliability.md"
BEGIN: Final = "<!-- faults: written by RELIABILITY_UPDATE=1 make e2e -->"
END: Final = "<!-- faults end -->"
_HEAD: Final = "| fault | what the owner sees | the sign, and where | what holds | over after |"


@dataclass(frozen=True)
class Row:
    """One fault as it was seen. `over`: how it ended, with seconds as measured."""

    fault: str
    sees: str
    sign: str
    holds: str
    over: str


def documented() -> list[str]:
    """Faults in the document's table, in its order."""
    return [line.split("|")[1].strip() for line in _between().splitlines()[2:]]


def keep(rows: Mapping[str, Row], directory: Path) -> Path:
    """Writes the rows, with those of earlier runs of other tests, where `make logs` looks."""
    path = directory / "faults.json"
    directory.mkdir(parents=True, exist_ok=True)
    known: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | {fault: asdict(row) for fault, row in rows.items()}, indent=1))
    return path


def write(source: Path, faults: Sequence[str]) -> None:
    """The table from the recorded rows, in the order of the faults; not written while one was not seen."""
    rows = {fault: Row(**values) for fault, values in json.loads(source.read_text()).items()}
    if lacking := [fault for fault in faults if fault not in rows]:
        print(f"\n{DOCUMENT.name} is left as it is: not seen yet: {', '.join(lacking)}")
        return
    lines = [_HEAD, "|---|---|---|---|---|"]
    for row in (rows[fault] for fault in faults):
        lines.append(
            "| " + " | ".join(_cell(text) for text in (row.fault, row.sees, row.sign, row.holds, row.over)) + " |"
        )
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    table = "\n".join(lines)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def _between() -> str:
    return DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
