"""One error for all that is wrong with a configuration: path, problem and hint.

People paste secrets into the wrong place: as a value, as a key, a line too high. So a message repeats of what they wrote
only what is harmless by its own type: small numbers, known words, and values that did validate as what they are to be.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from components.errors import Refusal
from components.settings.places import HIDDEN, Place, place_of
from components.settings.vocabulary import is_spelling_of, is_usual, nearest

# A longer list helps nobody; the first of each kind tell what to do about the others.
_LINES: Final = 20
_OF_ONE_KIND: Final = 3
# Above, a number may be somebody's PIN or a key without letters.
_LARGEST_SHOWN: Final = 99_999


@dataclass(frozen=True)
class Problem:
    """A mistake at one place: `path` as in `instances[2].tailscale.hostname`, `message` with a hint."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path} {self.message}"

    @property
    def kind(self) -> tuple[str, str]:
        """The same for problems that differ only in where in a list they are, and in the values that they show."""
        return re.sub(r"\[\d+\]", "[]", self.path), re.sub(r'"[^"]*"|\d+', "_", self.message)


class SettingsError(Refusal):
    """The configuration cannot be used; `problems` has everything that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        head = f"{count} in the stack's configuration; nothing was changed:"
        super().__init__("\n".join([head, *(f"  {line}" for line in _lines(self.problems))]))


def _lines(problems: tuple[Problem, ...]) -> Iterator[str]:
    if len(problems) <= _LINES:
        yield from map(str, problems)
        return
    by_kind: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        by_kind.setdefault(problem.kind, []).append(problem)
    room, shown = _LINES, 0
    for alike in by_kind.values():
        if room == 0:
            break
        chosen = alike[: min(_OF_ONE_KIND, room)]
        yield from map(str, chosen)
        room -= len(chosen)
        shown += len(chosen)
        if more := len(alike) - len(chosen):
            shown += more
            yield f"... and {more} more of this kind"
    if more := len(problems) - shown:
        yield f"and {more} more problems, of other kinds"


def problems_of(root: str, model: type[BaseModel], error: ValidationError, words: Iterable[str]) -> list[Problem]:
    """The problems of one failed model, in words that name the fix. `words`: all keys that there are, here or elsewhere."""
    problems: dict[str, Problem] = {}
    hidden: Counter[Problem] = Counter()
    details = error.errors(include_url=False)
    # A list whose items failed is also reported as too short.
    inner = {detail["loc"][:end] for detail in details for end in range(len(detail["loc"]))}
    for detail in details:
        if detail["type"] == "too_short" and detail["loc"] in inner:
            continue
        # A key that is no text is none of ours either.
        if detail["type"] in ("extra_forbidden", "invalid_key"):
            place = place_of(root, model, detail["loc"][:-1])
            path, message = unknown_key(place.path, str(detail["loc"][-1]), place.keys, words)
        else:
            place = place_of(root, model, detail["loc"])
            path, message = place.path, _message(detail, place)
        problem = Problem(path, message)
        # Several keys may hide behind one path.
        hidden[problem] += HIDDEN in path
        problems.setdefault(str(problem) if HIDDEN in path else path, problem)
    return [counted(problem, hidden[problem]) for problem in problems.values()]


def counted(problem: Problem, count: int) -> Problem:
    """The problem, with the number of keys that hide behind its path."""
    return Problem(problem.path, f"({count} keys) {problem.message}") if count > 1 else problem


def unknown_key(path: str, key: str, known: Iterable[str], words: Iterable[str] = ()) -> tuple[str, str]:
    """Path and message of a key that is none; the key itself is shown where it is nearly one, or a word of configurations."""
    known = list(known)
    close = nearest(key, known)
    known_word = key in {*known, *words} or is_usual(key) or (close is not None and is_spelling_of(key, close))
    shown = key if known_word else HIDDEN
    hint = f"Did you mean {close}?" if close else f"Known here: {', '.join(known)}."
    why = "" if shown == key else ", and is not repeated here in case it is a secret"
    return f"{path}.{shown}".removeprefix("."), f"is not a known key{why}. {hint}"


def _message(detail: ErrorDetails, place: Place) -> str:
    value = detail["input"]
    if place.choices and detail["type"] != "missing":
        close = nearest(value, place.choices) if isinstance(value, str) else None
        return f"must be one of {', '.join(place.choices)}.{f' Did you mean {close}?' if close else ''}"
    match detail["type"]:
        case "missing":
            return "is missing. Add it."
        case "value_error":
            return f"{_shown(place, value)}{detail.get('ctx', {})['error']}."
        case "too_short":
            return "is empty. Add at least one entry."
        case "model_type" | "dict_type":
            known = f" Known here: {', '.join(place.keys)}." if place.keys else ""
            return f"must be an object: a mapping of keys.{known}"
        case "tuple_type":
            return "must be a list. Begin each entry with a dash."
        case _:
            # Nothing of pydantic's own words: they may quote what was written.
            return "cannot be used here. See docs/configuration.md."


def _shown(place: Place, value: object) -> str:
    """`"value" `, where a small number stands in the place of one; else nothing."""
    if place.number and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_SHOWN:
        return f'"{value}" '
    return ""
