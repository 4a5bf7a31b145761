"""Durations as the control server reads and writes them: `1h30m`, `90s`, `168h0m0s`."""

import re
from decimal import Decimal
from typing import Final

from components.tailnet.evaluator.errors import PolicyError, quoted

NANOSECOND: Final = 1
MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

_UNITS: Final = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,  # U+00B5, the micro sign
    "μs": MICROSECOND,  # U+03BC, the Greek letter
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
# A number, then everything up to the next number.
_PART: Final = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<unit>[^0-9.]*)")
# The control server counts nanoseconds in 63 bits; a longer number is no duration, and nobody writes one.
_LONGEST: Final = (1 << 63) - 1
_DIGITS: Final = 40


def parse(text: str) -> int:
    """The duration in nanoseconds. Raises PolicyError in the control server's words."""
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return 0
    total = place = 0
    while place < len(unsigned):
        part = _PART.match(unsigned, place)
        if part is None or len(part["number"]) > _DIGITS:
            raise PolicyError(f"time: invalid duration {quoted(text)}")
        if not part["unit"]:
            raise PolicyError(f"time: missing unit in duration {quoted(text)}")
        if part["unit"] not in _UNITS:
            raise PolicyError(f"time: unknown unit {quoted(part['unit'])} in duration {quoted(text)}")
        total += int(Decimal(part["number"]) * _UNITS[part["unit"]])
        place = part.end()
    if not unsigned or total > _LONGEST:
        raise PolicyError(f"time: invalid duration {quoted(text)}")
    return -total if text.startswith("-") else total


def text_of(duration: int) -> str:
    """As the control server writes a duration in its messages: `169h0m0s`, `1m30.5s`, `1.5ms`, `0s`."""
    sign, left = ("-" if duration < 0 else ""), abs(duration)
    if left < SECOND:
        unit, size = next(
            ((unit, size) for unit, size in (("ms", MILLISECOND), ("µs", MICROSECOND)) if left >= size),
            ("ns", NANOSECOND),
        )
        return f"{sign}{_decimal(left, size)}{unit}" if left else "0s"
    hours, left = divmod(left, HOUR)
    minutes, left = divmod(left, MINUTE)
    shown = f"{hours}h" if hours else ""
    shown += f"{minutes}m" if hours or minutes else ""
    return f"{sign}{shown}{_decimal(left, SECOND)}s"


def _decimal(amount: int, size: int) -> str:
    whole, rest = divmod(amount, size)
    digits = len(str(size)) - 1
    return f"{whole}.{rest:0{digits}}".rstrip("0") if rest else str(whole)
