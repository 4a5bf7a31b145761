"""Decides who may send what to whom, by one policy in one network: deny by default, and "cannot decide" where that is so."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from components.tailnet.evaluator import endpoints, ranges, services
from components.tailnet.evaluator.answers import Access, Flows, Group, Opening, Verdict
from components.tailnet.evaluator.bits import lowest, places, union
from components.tailnet.evaluator.errors import PolicyError
from components.tailnet.evaluator.index import Index
from components.tailnet.evaluator.network import Endpoint, Network
from components.tailnet.evaluator.policy import Policy
from components.tailnet.evaluator.ranges import Ranges
from components.tailnet.evaluator.rules import Rule, Target
from components.tailnet.evaluator.services import Service
from components.tailnet.evaluator.sides import Named

_NONE = Named(0, 0)
_DENIED = Verdict(False, reason="no rule allows it")
# Names that a reason shows.
SHOWN = 5
_MOST_PAIRS = 200_000
# Endpoints whose bits are kept for the questions to come.
_REMEMBERED = 20_000
# Verdicts that are kept for the questions to come.
_VERDICTS = 1000
_INTERNET = "whether an exit node carries it is not part of the policy"


class Evaluator:
    """Answers questions about one policy. Pure: nothing is asked of any service."""

    def __init__(self, policy: Policy, network: Network | None = None) -> None:
        self.policy = policy
        self.network = network or Network()
        self._index = Index(policy.rules, self.network)
        self._groups: dict[tuple[str, str], Group] = {}
        self._services: dict[tuple[Service, ...], tuple[Service, ...]] = {}
        self._objects: dict[int, tuple[Service, ...]] = {}
        self._verdicts: dict[tuple[int, int, int, frozenset[str] | None], tuple[Group, Verdict]] = {}
        self._kept = self._looked_up = 0

    def can(self, src: str, dst: str, port: int, proto: str = "tcp") -> Verdict:
        """True when `src` may reach `port` of `dst`: each a device's name, an address, or anything a rule can name.

        The port counts for every protocol, as in the filter rules; clients also answer pings of whoever may use any
        port. Raises PolicyError for names that nothing defines.
        """
        numbers = (services.protocol(proto),)
        sources, targets = self.sources(src), self.targets(dst)
        if not sources.endpoints or not targets.endpoints:
            return Verdict(None, reason=f"{dst if sources.endpoints else src} names nobody")
        if len(sources.endpoints) * len(targets.endpoints) > _MOST_PAIRS:
            return Verdict(None, reason=f"{src} and {dst} name too many to look at each pair")
        verdicts = [
            self.every(source, to, numbers, port)
            for source in map(self._source, sources.endpoints)
            for to in map(self._target, targets.endpoints)
        ]
        for verdict in verdicts:
            if verdict.allowed is None or verdict.allowed != verdicts[0].allowed:
                return verdict if verdict.allowed is None else Verdict(None, reason="it differs among those named")
        unsure = self.uncertain(src) or self.uncertain(dst)
        return Verdict(None, verdicts[0].by, unsure) if unsure else verdicts[0]

    def sources(self, text: str) -> Group:
        """Those whom a question means as its source. Raises PolicyError for names that nothing defines."""
        return self._group(text, self._index.sources)

    def targets(self, text: str) -> Group:
        """Those whom a question means as its destination. Raises PolicyError for names that nothing defines."""
        return self._group(text, self._index.destinations)

    def uncertain(self, text: str) -> str:
        """Why it is not known whom a word means, or nothing."""
        device = any(endpoint.text == text for endpoint in self.network.endpoints)
        return "" if device else endpoints.uncertain(text, self.policy, self.network)

    def every(self, sources: Group, targets: Group, numbers: Iterable[int], port: int) -> Verdict:
        """True when each of the sources may reach at least one of the targets, by at least one of the protocols."""
        serving = union(self._index.serving(number, port) for number in numbers)
        to_own = self._index.to_own if not sources.users.isdisjoint(targets.users) else _NONE
        certain, possible = targets.all.certain & serving, union(targets.all) & serving
        if len(sources.endpoints) == 1:
            self._looked_up += 1
            return self._every(sources, targets, certain, possible, serving)
        # Of many ports and destinations that the same rules are about, tests ask the same.
        key = (id(sources), certain, possible, targets.users if union(to_own) & serving else None)
        if key not in self._verdicts:
            if len(self._verdicts) >= _VERDICTS:
                self._verdicts.clear()
            self._looked_up += len(sources.endpoints)
            self._verdicts[key] = sources, self._every(sources, targets, certain, possible, serving)
        return self._verdicts[key][1]

    def _every(self, sources: Group, targets: Group, certain: int, possible: int, serving: int) -> Verdict:
        verdict = _DENIED
        first = True
        serving_own = Named(self._index.to_own.certain & serving, union(self._index.to_own) & serving)
        for source, named in zip(sources.endpoints, sources.named, strict=True):
            to_own = serving_own if source.user in targets.users else _NONE
            if held := named.certain & (certain | to_own.certain):
                if first:
                    verdict = Verdict(True, self._index.entries[lowest(held)][0])
            elif maybe := union(named) & (possible | to_own.possible):
                if first or verdict.allowed:
                    verdict = self._maybe(lowest(maybe), source, named, targets)
            elif not self.policy.unclear:
                return _DENIED
            elif first or verdict.allowed:
                verdict = Verdict(None, reason=self.policy.unclear)
            first = False
        return verdict

    @property
    def looked_at(self) -> int:
        """Endpoints and names that were looked at one by one, so far: what makes questions slow."""
        return self._looked_up + self._index.looked_at

    def access_to(self, dst: str) -> tuple[Access, ...]:
        """The access of each source that can reach `dst` (a tag, or anything a rule can name), or might; in the rules' order."""
        by_source: dict[tuple[str, str, int], Access] = {}
        for opening in self.openings([dst]):
            for source in opening.rule.sources:
                key = (source.text, opening.rule.place, id(opening.services))
                if key not in by_source or (by_source[key].reason and not opening.reason):
                    by_source[key] = Access(source.text, opening.services, opening.rule, opening.reason)
        return tuple(by_source.values())

    def openings(self, names: Sequence[str]) -> list[Opening]:
        """The rules that open any of `names` (each as in `access_to`), in order; one that opens all is there once."""
        groups = [endpoints.of(name, self.policy, self.network) for name in names]
        reached = [self._reached(group) for group in groups]
        everywhere = _common(reached) if len(names) > 1 else _NONE
        numbered = [
            opening
            for name, group, bits in zip(names, groups, reached, strict=True)
            for opening in self._openings(bits.without(everywhere), group, (name,))
        ]
        if names:
            numbered += self._openings(everywhere, groups[0], tuple(names))
        return [opening for _, opening in sorted(numbered, key=lambda entry: entry[0])]

    def _openings(
        self, bits: Named, group: Sequence[Endpoint], names: tuple[str, ...]
    ) -> Iterator[tuple[int, Opening]]:
        for place in places(union(bits)):
            rule, target = self._index.entries[place]
            if target.services:
                certain = bits.certain >> place & 1
                reason = "" if certain else next(filter(None, (self._unsure(rule, target, to) for to in group)), "")
                yield place, Opening(rule, self._alike(target.services), names, reason)

    def _reached(self, group: Sequence[Endpoint]) -> Named:
        named = [self._index.destinations(endpoint) for endpoint in group]
        named += [self._index.to_own for endpoint in group if endpoint.user]
        certain = union(one.certain for one in named)
        return Named(certain, union(one.possible for one in named) & ~certain)

    def _alike(self, services: tuple[Service, ...]) -> tuple[Service, ...]:
        """One object for all that are equal: some rules have thousands of services, which are slow to compare."""
        if id(services) not in self._objects:
            self._objects[id(services)] = self._services.setdefault(services, services)
        return self._objects[id(services)]

    def filter(self, device: str) -> tuple[Flows, ...]:
        """The packet filter of one device, as the control server would send it. Raises PolicyError when unclear."""
        index = next(place for place, known in enumerate(self.network.devices) if known.name == device)
        endpoint, routes = self.network.endpoints[index], self.network.routes[index]
        return tuple(
            Flows(sources, destinations, target.services, rule)
            for rule, target in self._index.entries
            if target.services
            and (destinations := self._destinations(rule, target, endpoint, routes))
            and (sources := self._sources(rule, target, endpoint))
        )

    def _group(self, text: str, naming: Callable[[Endpoint], Named]) -> Group:
        key = (text, naming.__name__)
        if key not in self._groups:
            members = endpoints.of(text, self.policy, self.network)
            self._looked_up += len(members)
            self._kept += len(members)
            if self._kept > _REMEMBERED:
                self._groups.clear()
                self._kept = len(members)
            self._groups[key] = Group(members, naming, self._index.to_own)
        return self._groups[key]

    def _source(self, endpoint: Endpoint) -> Group:
        return Group((endpoint,), self._index.sources, self._index.to_own)

    def _target(self, endpoint: Endpoint) -> Group:
        return Group((endpoint,), self._index.destinations, self._index.to_own)

    def _maybe(self, place: int, source: Endpoint, named: Named, targets: Group) -> Verdict:
        """A rule that might let the source reach one of the targets, and why it is not certain."""
        rule, target = self._index.entries[place]
        to = next(
            (
                to
                for to, reached in zip(targets.endpoints, targets.named, strict=True)
                if (reached.certain | reached.possible) >> place & 1
            ),
            targets.endpoints[0],
        )
        reason = self._unsure(rule, target, to)
        if not reason and not named.certain >> place & 1:
            unknown = (one.text for one in rule.sources if self.network.holds(one, source) is None)
            reason = f"{rule}: whether {source.text} is in {next(unknown, 'its sources')} is not known"
        return Verdict(None, rule, reason)

    def _unsure(self, rule: Rule, target: Target, to: Endpoint) -> str:
        """Why it is not certain that a target of a rule is (part of) `to`, or nothing."""
        if target.to.kind == "internet":
            return f"{rule}: {_INTERNET}"
        if rule.via:
            return f"{rule}: whether a router with {', '.join(rule.via[:SHOWN])} carries it is not known"
        if rule.unclear:
            return f"{rule}: {rule.unclear}"
        if target.to.kind == "self" or self.network.holds(target.to, to, destination=True):
            return ""
        if target.to.kind == "addresses" and self.network.joined and not to.addresses:
            if ranges.overlap(target.to.addresses, self.network.joined_addresses(to)):
                return ""
            return f"{rule}: no other device has {target.to.text}, so {to.text} may come to have it"
        return f"{rule}: whether {to.text} is in {target.to.text} is not known"

    def _destinations(self, rule: Rule, target: Target, endpoint: Endpoint, routes: Ranges) -> Ranges:
        kind = target.to.kind
        if rule.via:
            wanted = () if endpoint.tags.isdisjoint(rule.via) or kind != "addresses" else target.to.addresses
            return tuple(part for part in wanted if ranges.overlap((part,), routes))
        match kind:
            case "internet":
                # Exit nodes get no filter rule for it.
                return ()
            case "any":
                return ranges.EVERYTHING
            case "self":
                return endpoint.addresses if endpoint.user else ()
            case "addresses":
                carried = ranges.union([endpoint.addresses, routes])
                return tuple(part for part in target.to.addresses if ranges.overlap((part,), carried))
            case _:
                return endpoint.addresses if self._certain(rule, self.network.holds(target.to, endpoint)) else ()

    def _sources(self, rule: Rule, target: Target, endpoint: Endpoint) -> Ranges:
        addresses: list[Ranges] = []
        for selector in rule.sources:
            to_own_devices = target.to.kind == "self"
            if selector.kind == "addresses":
                addresses.append(selector.addresses)
            elif selector.kind in ("any", "danger-all") and not to_own_devices:
                addresses.append(self.network.anywhere if selector.kind == "any" else ranges.EVERYTHING)
            else:
                addresses.extend(
                    other.addresses
                    for other in self.network.endpoints
                    if (not to_own_devices or other.user == endpoint.user)
                    and self._certain(rule, self.network.holds(selector, other))
                )
        if addresses and rule.unclear:
            raise PolicyError(f"{rule}: {rule.unclear}")
        return ranges.union(addresses)

    def _certain(self, rule: Rule, held: bool | None) -> bool:
        if held is None:
            raise PolicyError(f"{rule} names what cannot be judged offline")
        return held


def _common(reached: Sequence[Named]) -> Named:
    """The bits that all of them have."""
    certain, possible = reached[0]
    for one in reached[1:]:
        certain &= one.certain
        possible &= one.possible
    return Named(certain, possible)
