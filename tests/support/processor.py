"""Processor time in a unit that a slow or shared machine does not change."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

# Seconds that `_reference` takes of the processor on which the bounds of our tests were set (2.3 GHz, CPython 3.11).
_REFERENCE_SECONDS: Final = 0.055
_ATTEMPTS: Final = 3


def measured(work: Callable[[], T], bound: float) -> tuple[float, T]:
    """Seconds of the processor that `work` takes, as on the machine where bounds are set; and what it returns.

    What else runs here slows a processor down for a while, by two and more: work that exceeds the bound is compared with a
    reference right after it, and tried again. The least of the attempts counts, since noise only adds.
    """
    least, attempts = float("inf"), 0
    while True:
        spent, result = _spent(work)
        least = min(least, spent if spent < bound else spent / _slowdown())
        attempts += 1
        if least < bound or attempts == _ATTEMPTS:
            return least, result


def _slowdown() -> float:
    """How many times slower the processor is now than the one of the bounds; at least 1, so no bound gets tighter."""
    return max(1.0, min(_spent(_reference)[0] for _ in range(2)) / _REFERENCE_SECONDS)


def _spent(work: Callable[[], T]) -> tuple[float, T]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def _reference() -> None:
    """Dictionaries, texts, tuples and sorting: what our own code spends its time on."""
    entries: dict[str, list[tuple[int, int]]] = {}
    for number in range(100_000):
        entries.setdefault(f"tag:t{number % 997}", []).append((number, number * 7 % 1013))
    sorted(pair for pairs in entries.values() for pair in pairs)
