"""Common parts of several sections: how their entries are written, and answers that may stay open."""

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from components.tailnet.evaluator import ranges, shape
from components.tailnet.evaluator.ranges import Ranges
from components.tailnet.evaluator.selectors import trimmed

_BITS: Final = re.compile(r"0|[1-9][0-9]{0,2}")


def words(value: object, place: str) -> tuple[str, ...]:
    """A list of words without the blanks around them, which the control server ignores in these sections."""
    return tuple(map(trimmed, shape.words(value, place)))


def unclear(raw: Mapping[str, object], known: Collection[str]) -> str:
    """Why an entry with keys that are not `known` (such as `srcPosture`) cannot be judged; empty when it can."""
    unknown = sorted(key for key, value in raw.items() if key not in known and value not in ([], None, ""))
    return f"it has {', '.join(unknown)}, which cannot be judged offline" if unknown else ""


def prefix(text: str) -> Ranges | None:
    """The addresses of `address/bits` (bits of the host allowed); None for anything else, a lone address too."""
    address, slash, bits = text.partition("/")
    if not slash or not _BITS.fullmatch(bits) or "%" in address:
        return None
    try:
        ipaddress.ip_address(address)
        return ranges.parse(text)
    except ValueError:
        return None


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """True when one is; else None when one may be."""
    given = {*answers}
    return True if True in given else None if None in given else False


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """False when one is; else None when one may be."""
    given = {*answers}
    return False if False in given else None if None in given else True
