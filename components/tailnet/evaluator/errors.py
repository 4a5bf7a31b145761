"""The one error of a policy that the control server would refuse."""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

# What of a word a message shows: enough to find it, and little of a word of a megabyte.
_SHOWN: Final = 200


@dataclass(frozen=True)
class Failure:
    """The failures of one test, as the hosted API reports it: the test's source, and one line for each assertion."""

    user: str
    errors: tuple[str, ...]


class PolicyError(Exception):
    """`message` is the hosted service's where it is known; `failures` are set when it is `test(s) failed`. `place` is
    the entry that it is about (`ssh[2]`), where somebody told it."""

    def __init__(self, message: str, failures: Sequence[Failure] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.failures = tuple(failures)
        self.place = ""


@contextmanager
def at(place: str) -> Generator[None]:
    """Gives the PolicyError of what is done inside its place."""
    try:
        yield
    except PolicyError as error:
        error.place = error.place or place
        raise


def quoted(word: str) -> str:
    """A word of the policy in a message: in quotes, on one line, and cut where it is very long."""
    shown = word if len(word) <= _SHOWN else f"{word[:_SHOWN]}..."
    return json.dumps(shown, ensure_ascii=not shown.isprintable())
