"""The tables of faults in docs: each fault's test records its rows, a whole run writes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sandbox.home import REPO

BEGIN: Final = "<!-- faults: written by RELIABILITY_UPDATE=1 make e2e -->"
END: Final = "<!-- faults end -->"


@dataclass(frozen=True)
class Row:
    """One fault as it was seen. `over`: how it ended, with seconds as measured."""

    fault: str
    sees: str
    sign: str
    holds: str
    over: str


@dataclass(frozen=True)
class ToldRow:
    """What the Addons said of a fault: the finding of the status, after how many seconds, and the doctor's cause."""

    fault: str
    status: str
    after: str
    doctor: str


@dataclass(frozen=True)
class Table:
    """`head` has the names of the columns, `kept` is the file in which rows outlive their run."""

    document: Path
    kept: str
    head: tuple[str, ...]

    def documented(self) -> list[str]:
        """Faults in the document's table, in its order."""
        table = self.document.read_text().partition(BEGIN)[2].partition(END)[0].strip()
        return [line.split("|")[1].strip() for line in table.splitlines()[2:]]

    def keep(self, rows: Mapping[str, Row | ToldRow], directory: Path) -> Path:
        """Writes the rows, with those of earlier runs of other tests, where `make logs` looks."""
        path = directory / self.kept
        directory.mkdir(parents=True, exist_ok=True)
        known: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(known | {fault: asdict(row) for fault, row in rows.items()}, indent=1))
        return path

    def write(self, source: Path, faults: Sequence[str]) -> None:
        """The table from the recorded rows, in the order of the faults; not written while one was not seen."""
        rows: dict[str, dict[str, str]] = json.loads(source.read_text())
        if lacking := [fault for fault in faults if fault not in rows]:
            print(f"\n{self.document.name} is left as it is: not seen yet: {', '.join(lacking)}")
            return
        lines = [self.head, ("---",) * len(self.head), *(tuple(map(_cell, rows[fault].values())) for fault in faults)]
        before, _, rest = self.document.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        table = (
            "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("| --- ", "|---").replace("--- |", "---|")
        )
        self.document.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


SEEN: Final = Table(
    REPO / "docs" / "reliability.md",
    "faults.json",
    ("fault", "what the owner sees", "the sign, and where", "what holds", "over after"),
)
TOLD: Final = Table(
    REPO / "docs" / "addons.md", "faults-told.json", ("fault", "what the status says", "after", "the doctor's cause")
)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
