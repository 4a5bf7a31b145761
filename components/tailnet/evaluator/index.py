"""Finds the rules that let one endpoint reach another without looking at each: a few operations on sets of bits.

So a policy of 20,000 rules is asked hundreds of questions within seconds.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from components.tailnet.evaluator import ranges
from components.tailnet.evaluator.bits import Bits, Run, Stabbed, union
from components.tailnet.evaluator.network import Endpoint, Network
from components.tailnet.evaluator.rules import Rule, Target
from components.tailnet.evaluator.selectors import Selector
from components.tailnet.evaluator.sides import Named, Side


class Index:
    """All rules of a policy, once for each of their destinations: bit n stands for the n-th of `entries`."""

    def __init__(self, rules: Sequence[Rule], network: Network) -> None:
        self.entries: list[tuple[Rule, Target]] = [(rule, target) for rule in rules for target in rule.targets]
        self._network = network
        bits = Bits(len(self.entries))
        sources: list[tuple[Selector, Run]] = []
        via: defaultdict[str, list[Run]] = defaultdict(list)
        unclear: list[Run] = []
        ports: defaultdict[frozenset[int], list[tuple[int, int, Run]]] = defaultdict(list)
        for rule, run in _runs(rules):
            sources += ((source, run) for source in rule.sources)
            for tag in rule.via:
                via[tag].append(run)
            if rule.unclear:
                unclear.append(run)
            for first, last, protocols, served in _served(rule, run[0]):
                ports[protocols].append((first, last, served))
        kinds: defaultdict[str, list[Run]] = defaultdict(list)
        for place, (_, target) in enumerate(self.entries):
            kinds[target.to.kind].append((place, 1))
        destinations = ((target.to, (place, 1)) for place, (_, target) in enumerate(self.entries))
        self._sources = Side(network, sources, bits, destination=False)
        self._destinations = Side(network, destinations, bits, destination=True)
        self._ports = {protocols: Stabbed(intervals, bits.of) for protocols, intervals in ports.items()}
        self._unclear = bits.of(unclear)
        self._routers = {tag: bits.of(runs) for tag, runs in via.items()}
        self._via = union(self._routers.values())
        to_own = bits.of(kinds["self"]) & ~self._via
        self.to_own = Named(to_own & ~self._unclear, to_own & self._unclear)
        """Those that let people reach their own devices."""
        self._internet = bits.of(kinds["internet"])

    def sources(self, endpoint: Endpoint) -> Named:
        """Those with the endpoint among their sources."""
        return self._sources.naming(endpoint)

    def destinations(self, endpoint: Endpoint) -> Named:
        """Those that reach the endpoint, but for autogroup:self."""
        certain, possible = self._destinations.naming(endpoint)
        if not endpoint.anonymous:
            # What a router carries is no device's own, unless the device is that router.
            routed = union(self._routers.get(tag, 0) for tag in endpoint.tags) if endpoint.addresses else 0
            certain, possible = certain & ~(self._via & ~routed), possible & ~(self._via & ~routed)
        elif not ranges.overlap(endpoint.addresses, self._network.anywhere):
            possible |= self._internet
        uncertain = certain & (self._via | self._unclear)
        return Named(certain & ~uncertain, possible | uncertain)

    @property
    def looked_at(self) -> int:
        """Names of rules that were asked one by one, so far: what makes a question slow."""
        return self._sources.looked_at + self._destinations.looked_at

    def serving(self, number: int, port: int) -> int:
        """Those that are about a port of a protocol."""
        return union(intervals.at(port) for protocols, intervals in self._ports.items() if number in protocols)


def _runs(rules: Sequence[Rule]) -> Iterator[tuple[Rule, Run]]:
    first = 0
    for rule in rules:
        yield rule, (first, len(rule.targets))
        first += len(rule.targets)


def _served(rule: Rule, first: int) -> Iterator[tuple[int, int, frozenset[int], Run]]:
    """The ports of a rule with their bits; a grant's are written once for all of its destinations."""
    start = 0
    for place, target in enumerate(rule.targets):
        following = rule.targets[place + 1] if place + 1 < len(rule.targets) else None
        if following is None or following.services is not target.services:
            for service in target.services:
                yield service.first, service.last, service.protocols, (first + start, place + 1 - start)
            start = place + 1
