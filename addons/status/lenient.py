"""Values out of others' JSON: what is missing, null, empty or of another type is "not said", never an error."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

Json = Mapping[str, Any]
NOTHING: Final[Json] = {}

# A line of JSON as Go indents it: log lines between them begin with a date, a word or a hash.
_JSON_LINE: Final = re.compile(r'\s*["{}\[\]]')
# Lines with a brace that begin no object: a stranger's output may have a million, each of which is read to its end.
_FAILURES_MAX: Final = 1000
# How much of a stranger's words a reason may hold.
_LINE_MAX: Final = 240


def mapping(value: object) -> Json:
    """The object; an empty one where there is none."""
    return cast(Json, value) if isinstance(value, dict) else NOTHING


def items(value: object) -> Sequence[object]:
    """The list; an empty one where there is none."""
    return cast(list[object], value) if isinstance(value, list) else []


def text(value: object) -> str:
    """The text, as it can be written as UTF-8; empty where there is none."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """The texts of a list that are not empty."""
    return tuple(filter(None, map(text, items(value))))


def flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def number(value: object) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer that no float holds
        return None


def count(value: object) -> int:
    """A whole number from 0 on; 0 where there is none."""
    return max(0, int(number(value) or 0))


def when(value: object) -> datetime | None:
    """A time in RFC 3339, in UTC where it names no zone. Go writes "never" as the first moment of the year 1."""
    try:
        at = datetime.fromisoformat(text(value))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year > 1 else None


def since_epoch(value: object) -> datetime | None:
    """A time in milliseconds, as JavaScript has it."""
    try:
        return datetime.fromtimestamp(count(value) / 1000, UTC) if count(value) else None
    except (ValueError, OverflowError, OSError):
        return None


def json_objects(output: str) -> Iterator[Json]:
    """Every JSON object in the output of a program that also logs: before it, behind it, or between its lines."""
    yield from _decoded(output)
    lines = output.split("\n")
    kept = [line for line in lines if _JSON_LINE.match(line)]
    if len(kept) < len(lines):
        yield from _decoded("\n".join(kept))


def _decoded(output: str) -> Iterator[Json]:
    decoder = json.JSONDecoder()
    start, failures = output.find("{"), 0
    while start >= 0 and failures < _FAILURES_MAX:
        try:
            value, end = decoder.raw_decode(output, start)
        except (ValueError, RecursionError):
            failures += 1
            # At the next line: no object of theirs begins in the middle of one.
            start = output.find("{", _next_line(output, start))
            continue
        yield mapping(value)
        start = output.find("{", end)


def _next_line(output: str, start: int) -> int:
    end = output.find("\n", start)
    return len(output) if end < 0 else end + 1


def last_line(output: str) -> str:
    """The last line with something in it, where programs say why they failed."""
    return shortened(next((line for line in reversed(output.splitlines()) if line.strip()), ""))


def shortened(words: str) -> str:
    """The words on one line of a bounded length, as a reason may quote them."""
    line = " ".join(text(words).split())
    return line if len(line) <= _LINE_MAX else f"{line[: _LINE_MAX - 3]}..."
