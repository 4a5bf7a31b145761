"""The sources, or the destinations, of all rules: which of them name a endpoint, without looking at each."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from components.tailnet.evaluator.bits import Bits, Run, Stabbed, union
from components.tailnet.evaluator.network import Endpoint, Network
from components.tailnet.evaluator.selectors import Kind, Selector

# Kinds that name a endpoint or not, whatever their text is.
_ALIKE: Final[tuple[Kind, ...]] = ("any", "danger-all", "member", "tagged", "shared", "service", "unknown")
# As those, for an address that no known device has.
_ALIKE_FOR_ADDRESSES: Final[tuple[Kind, ...]] = (*_ALIKE, "people", "domain", "tag", "role")
# How many endpoints are remembered: each may need as many bits as there are rules.
_REMEMBERED: Final = 2000
_JOINS: Final = Endpoint("a device that joins")


class Named(NamedTuple):
    """The bits of those that certainly name a endpoint, and of those that may."""

    certain: int
    possible: int

    def without(self, other: "Named") -> "Named":
        return Named(self.certain & ~other.certain, self.possible & ~other.possible)


class Side:
    """`Network.holds` for all selectors of one side at once."""

    def __init__(self, network: Network, named: Iterable[tuple[Selector, Run]], bits: Bits, destination: bool) -> None:
        self._network = network
        self._bits = bits
        self._destination = destination
        self._selectors: dict[str, Selector] = {}
        self._runs: defaultdict[str, list[Run]] = defaultdict(list)
        for selector, run in named:
            self._selectors[selector.text] = selector
            self._runs[selector.text].append(run)
        # The names of each kind, of each person and of each domain.
        self._kinds: defaultdict[str, list[str]] = defaultdict(list)
        self._people: defaultdict[str, list[str]] = defaultdict(list)
        self._domains: defaultdict[str, list[str]] = defaultdict(list)
        for text, selector in self._selectors.items():
            self._kinds[selector.kind].append(text)
            for person in selector.people:
                self._people[person].append(text)
            if selector.kind == "domain":
                self._domains[selector.detail].append(text)
        self._all: dict[str, int] = {}
        self._known: dict[Endpoint, Named] = {}
        self._stabbed: Stabbed[str] | None = None
        self._joining: Named | None = None
        self.looked_at = 0
        """Selectors that were asked one by one, so far."""

    def naming(self, endpoint: Endpoint) -> Named:
        if endpoint not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[endpoint] = _named(self._groups(endpoint))
        return self._known[endpoint]

    def _groups(self, endpoint: Endpoint) -> Iterator[tuple[int, bool | None]]:
        """Sets of bits, with what `Network.holds` says of all in one."""
        for kind in _ALIKE_FOR_ADDRESSES if endpoint.anonymous else _ALIKE:
            if texts := self._kinds.get(kind):
                holds = self._network.holds(self._selectors[texts[0]], endpoint, self._destination)
                yield 0 if holds is False else self._whole(kind), holds
        if not endpoint.anonymous:
            yield from self._identity(endpoint)
        if "addresses" in self._kinds:
            yield from self._addresses(endpoint)

    def _identity(self, endpoint: Endpoint) -> Iterator[tuple[int, bool | None]]:
        for tag in endpoint.tags:
            yield self._of([tag] if tag in self._runs else []), True
        if endpoint.user:
            yield self._of(self._people.get(endpoint.user, ())), True
            yield self._of(self._domains.get(endpoint.user.rpartition("@")[2], ())), True
            if "@" not in endpoint.user:
                yield self._whole("domain"), None
        for text in self._kinds.get("role", ()):
            yield self._of([text]), self._network.holds(self._selectors[text], endpoint)

    def _addresses(self, endpoint: Endpoint) -> Iterator[tuple[int, bool | None]]:
        if endpoint.addresses and all(low == high for low, high in endpoint.addresses):
            yield self._at(low for low, _ in endpoint.addresses), True
        elif endpoint.addresses:
            yield from self._each(endpoint)
        else:
            if self._joining is None:
                self._joining = _named(self._each(_JOINS))
            yield self._joining.certain, True
            yield self._joining.possible, None
            # A rule towards one device of the endpoint reaches the endpoint; one from one of its devices is not all of them.
            joined = self._network.joined_addresses(endpoint)
            yield self._at(low for low, _ in joined), True if self._destination else None

    def _each(self, endpoint: Endpoint) -> Iterator[tuple[int, bool | None]]:
        texts: dict[bool | None, list[str]] = {True: [], None: [], False: []}
        self.looked_at += len(self._kinds["addresses"])
        for text in self._kinds["addresses"]:
            texts[self._network.holds(self._selectors[text], endpoint)].append(text)
        yield self._of(texts[True]), True
        yield self._of(texts[None]), None

    def _at(self, points: Iterable[int]) -> int:
        """Those whose addresses hold one of these."""
        if self._stabbed is None:
            self._stabbed = Stabbed(
                (
                    (low, high, text)
                    for text in self._kinds["addresses"]
                    for low, high in self._selectors[text].addresses
                ),
                self._of,
            )
        return union(map(self._stabbed.at, points))

    def _whole(self, kind: str) -> int:
        if kind not in self._all:
            self._all[kind] = self._bits.of(run for text in self._kinds.get(kind, ()) for run in self._runs[text])
        return self._all[kind]

    def _of(self, texts: Sequence[str]) -> int:
        few = [text for text in texts if len(self._runs[text]) > 1]
        rest = self._bits.of(run for text in texts if len(self._runs[text]) == 1 for run in self._runs[text])
        return rest | union(self._bits.named(text, self._runs[text]) for text in few)


def _named(groups: Iterable[tuple[int, bool | None]]) -> Named:
    certain = possible = 0
    for bits, holds in groups:
        if holds:
            certain |= bits
        elif holds is None:
            possible |= bits
    return Named(certain, possible & ~certain)
