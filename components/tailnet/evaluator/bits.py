"""Sets of small numbers as the bits of one integer, and what of many intervals holds a point."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

T = TypeVar("T")
# Bits in a row: the first, and how many.
Run: TypeAlias = tuple[int, int]
# Beyond this many runs a set is made as a line of digits.
_FEW: Final = 16


class Bits:
    """Makes sets of bits out of runs, and remembers those that take long to make."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: dict[str, int] = {}

    def of(self, runs: Iterable[Run]) -> int:
        distinct = set(runs)
        if len(distinct) <= _FEW:
            return union(((1 << count) - 1) << first for first, count in distinct)
        digits = bytearray(b"0") * self._size
        for first, count in distinct:
            digits[self._size - first - count : self._size - first] = b"1" * count
        return int(digits, 2)

    def named(self, name: str, runs: Sequence[Run]) -> int:
        """As `of`, always with the same runs for the same name."""
        if len(runs) <= _FEW:
            return self.of(runs)
        if name not in self._known:
            self._known[name] = self.of(runs)
        return self._known[name]


def union(sets: Iterable[int]) -> int:
    """The bits of all of them."""
    whole = 0
    for one in sets:
        whole |= one
    return whole


def places(bits: int) -> Iterator[int]:
    """The bits that are set, in order."""
    digits = f"{bits:b}"[::-1]
    place = digits.find("1")
    while place >= 0:
        yield place
        place = digits.find("1", place + 1)


def lowest(bits: int) -> int:
    """The first bit that is set (there must be one)."""
    return (bits & -bits).bit_length() - 1


class Stabbed(Generic[T]):
    """Finds, among many intervals, the bits of those that hold a point."""

    def __init__(self, intervals: Iterable[tuple[int, int, T]], bits: Callable[[Sequence[T]], int]) -> None:
        known = list(intervals)
        self._bits = bits
        # A tree over the pieces between the cuts: node n is over the nodes 2n and 2n + 1.
        self._cuts = sorted({low for low, _, _ in known} | {high + 1 for _, high, _ in known})
        self._nodes: defaultdict[int, list[T]] = defaultdict(list)
        self._made: dict[int, int] = {}
        for low, high, one in known:
            for node in self._over(bisect_left(self._cuts, low), bisect_left(self._cuts, high + 1)):
                self._nodes[node].append(one)

    def at(self, point: int) -> int:
        piece = bisect_right(self._cuts, point) - 1
        node, held = piece + len(self._cuts), 0
        while piece >= 0 and node:
            if node in self._nodes:
                if node not in self._made:
                    self._made[node] = self._bits(self._nodes[node])
                held |= self._made[node]
            node >>= 1
        return held

    def _over(self, first: int, end: int) -> Iterator[int]:
        """The fewest nodes over the pieces from `first` to before `end`."""
        left, right = first + len(self._cuts), end + len(self._cuts)
        while left < right:
            if left & 1:
                yield left
                left += 1
            if right & 1:
                right -= 1
                yield right
            left >>= 1
            right >>= 1
