"""A program that runs in a container of a pod: what it printed, and how it ended; many facts by one run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from addons.errors import AddonsError
from addons.status.lenient import last_line


@dataclass(frozen=True)
class Place:
    """A container of a running pod."""

    namespace: str
    pod: str
    container: str

    def __str__(self) -> str:
        return f"{self.container} of {self.namespace}/{self.pod}"


@dataclass(frozen=True)
class Printed:
    """What a program wrote to its two streams. `code` is None when it is not known how it ended."""

    out: str
    err: str = ""
    code: int | None = 0


class NotRun(AddonsError):
    """The program did not run, or not to its end in time."""


class Execute(Protocol):
    def __call__(self, place: Place, command: Sequence[str], seconds: float) -> Printed:
        """Runs the command for at most so long. Raises NotRun."""
        ...


@dataclass(frozen=True)
class Section:
    """One program's part of what a script printed, both streams together. `code` is None when it is cut off."""

    text: str
    code: int | None

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def problem(self) -> str:
        """Why there is nothing in it, in the program's own words where it had some."""
        if self.code is None:
            return "the answer was cut off"
        if self.code == 137:
            return "no answer in time"
        return last_line(self.text) or f"ended with exit code {self.code}, without a word"


# A section that the script lacks altogether.
MISSING = Section("", None)


def sections(output: str, mark: str) -> dict[str, Section]:
    """The sections by name: each is headed by a line "MARK name", and ended by "MARK = code" (sidecar.sh)."""
    parts = re.split(rf"^{re.escape(mark)} (\w+)\n", output, flags=re.MULTILINE)
    found: dict[str, Section] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        words, _, code = body.partition(f"\n{mark} = ")
        digits = code.split("\n")[0]
        found[name] = Section(words, int(digits) if "\n" in code and digits.isdecimal() else None)
    return found
