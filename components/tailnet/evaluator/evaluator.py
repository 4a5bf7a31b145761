"""Who may send what to whom, by one policy in one network: deny by default, and "cannot decide" where that is so."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.tailnet.evaluator import parties, ranges, services
from components.tailnet.evaluator.errors import PolicyError
from components.tailnet.evaluator.network import Network, Party
from components.tailnet.evaluator.policy import Policy
from components.tailnet.evaluator.ranges import Ranges
from components.tailnet.evaluator.rules import Rule, Target
from components.tailnet.evaluator.services import Service


@dataclass(frozen=True)
class Verdict:
    """`allowed` is None when it cannot be decided, `reason` then says why; `by` is the rule that allows (or might)."""

    allowed: bool | None
    by: Rule | None = None
    reason: str = ""


@dataclass(frozen=True)
class Reach:
    """One source that a rule lets reach a destination. `reason` is set when it is not certain that it can."""

    source: str
    services: tuple[Service, ...]
    by: Rule
    reason: str = ""


@dataclass(frozen=True)
class Flows:
    """One packet filter rule of a device: from these addresses, to these, these services."""

    sources: Ranges
    destinations: Ranges
    services: tuple[Service, ...]
    by: Rule


_DENIED = Verdict(False, reason="no rule allows it")
_INTERNET = "whether an exit node carries it is not part of the policy"


class Evaluator:
    """Answers questions about one policy. Pure: nothing is asked of any service."""

    def __init__(self, policy: Policy, network: Network | None = None) -> None:
        self.policy = policy
        self.network = network or Network()
        # Rules that name one tag are found by it: a policy of a thousand gateways stays linear.
        self._by_tag: dict[str, list[tuple[int, Rule, Target]]] = defaultdict(list)
        self._others: list[tuple[int, Rule, Target]] = []
        for index, rule in enumerate(policy.rules):
            for target in rule.targets:
                found = self._by_tag[target.to.text] if target.to.kind == "tag" else self._others
                found.append((index, rule, target))

    def can(self, src: str, dst: str, port: int, proto: str = "tcp") -> Verdict:
        """Whether `src` may reach `port` of `dst`: each a device's name, an address, or anything a rule can name.

        The port counts for every protocol, as in the filter rules; clients also answer pings of whoever may use any
        port. Raises PolicyError for names that nothing defines.
        """
        number = services.protocol(proto)
        sources, destinations = parties.of(src, self.policy, self.network), parties.of(dst, self.policy, self.network)
        if not sources or not destinations:
            return Verdict(None, reason=f"{dst if sources else src} names nobody")
        verdicts = [self.between(source, to, number, port) for source in sources for to in destinations]
        for verdict in verdicts:
            if verdict.allowed is None or verdict.allowed != verdicts[0].allowed:
                return verdict if verdict.allowed is None else Verdict(None, reason="it differs among those named")
        return verdicts[0]

    def between(self, source: Party, to: Party, number: int, port: int) -> Verdict:
        """As `can`, for one party each and a protocol's number."""
        maybe: Verdict | None = None
        for rule, target in self._towards(to):
            if not any((number, port) in service for service in target.services):
                continue
            match = self._match(rule, target, source, to)
            if match.allowed:
                return match
            if match.allowed is None:
                maybe = maybe or match
        if maybe is None and self.policy.unclear:
            return Verdict(None, reason=self.policy.unclear)
        return maybe or _DENIED

    def reaches(self, dst: str) -> tuple[Reach, ...]:
        """Everything that can reach `dst` (a tag, or anything a rule can name), or might; in the order of the rules."""
        found: dict[tuple[str, str, tuple[Service, ...]], Reach] = {}
        for to in parties.of(dst, self.policy, self.network):
            for rule, target in self._towards(to):
                held, reason = self._reached(rule, target, to)
                if held is False or not target.services:
                    continue
                for source in rule.sources:
                    reach = Reach(source.text, target.services, rule, reason)
                    found.setdefault((source.text, rule.place, target.services), reach)
        return tuple(found.values())

    def filter(self, device: str) -> tuple[Flows, ...]:
        """The packet filter of one device, as the control server would send it. Raises PolicyError when unclear."""
        index = next(place for place, known in enumerate(self.network.devices) if known.name == device)
        party, routes = self.network.parties[index], self.network.routes[index]
        return tuple(
            Flows(sources, destinations, target.services, rule)
            for rule, target in self._towards(party, routed=True)
            if target.services
            and (destinations := self._destinations(rule, target, party, routes))
            and (sources := self._sources(rule, target, party))
        )

    def _towards(self, to: Party, routed: bool = False) -> Iterable[tuple[Rule, Target]]:
        """Rules that may be about `to`, in order."""
        tags: Iterable[str] = self._by_tag if to.anonymous and not routed else to.tags
        found = [entry for tag in tags for entry in self._by_tag.get(tag, ())]
        return [(rule, target) for _, rule, target in sorted([*found, *self._others], key=lambda entry: entry[0])]

    def _match(self, rule: Rule, target: Target, source: Party, to: Party) -> Verdict:
        named = [(self.network.holds(selector, source), selector.text) for selector in rule.sources]
        best = max((held for held, _ in named), key=_certainty, default=False)
        held, reason = self._reached(rule, target, to)
        if target.to.kind == "self":
            held = bool(source.user) and source.user == to.user
        if best is False or held is False:
            return _DENIED
        if best is None:
            text = next(text for held, text in named if held is None)
            return Verdict(None, rule, reason or f"{rule}: whether {source.text} is in {text} is not known")
        return Verdict(None if reason else True, rule, reason)

    def _reached(self, rule: Rule, target: Target, to: Party) -> tuple[bool | None, str]:
        """Whether the target is (part of) `to`, and why not for certain."""
        if target.to.kind == "internet":
            public = bool(to.addresses) and to.anonymous and not ranges.overlap(to.addresses, self.network.anywhere)
            return (None, f"{rule}: {_INTERNET}") if public else (False, "")
        # `self` asks for somebody's own device.
        held = bool(to.user) if target.to.kind == "self" else self.network.holds(target.to, to)
        if held is False:
            return False, ""
        if rule.via:
            if not to.anonymous:
                return False, ""
            return None, f"{rule}: whether a router with {', '.join(rule.via)} carries it is not known"
        if rule.unclear:
            return None, f"{rule}: {rule.unclear}"
        return held, "" if held else f"{rule}: whether {to.text} is in {target.to.text} is not known"

    def _destinations(self, rule: Rule, target: Target, party: Party, routes: Ranges) -> Ranges:
        kind = target.to.kind
        if rule.via:
            wanted = () if party.tags.isdisjoint(rule.via) or kind != "addresses" else target.to.addresses
            return tuple(part for part in wanted if ranges.overlap((part,), routes))
        match kind:
            case "internet":
                # Exit nodes get no filter rule for it.
                return ()
            case "any":
                return ranges.EVERYTHING
            case "self":
                return party.addresses if party.user else ()
            case "addresses":
                own = ranges.union([party.addresses, routes])
                return tuple(part for part in target.to.addresses if ranges.overlap((part,), own))
            case _:
                return party.addresses if self._certain(rule, self.network.holds(target.to, party)) else ()

    def _sources(self, rule: Rule, target: Target, party: Party) -> Ranges:
        found: list[Ranges] = []
        for selector in rule.sources:
            own = target.to.kind == "self"
            if selector.kind == "addresses":
                found.append(selector.addresses)
            elif selector.kind in ("any", "danger-all") and not own:
                found.append(self.network.anywhere if selector.kind == "any" else ranges.EVERYTHING)
            else:
                found.extend(
                    other.addresses
                    for other in self.network.parties
                    if (not own or other.user == party.user)
                    and self._certain(rule, self.network.holds(selector, other))
                )
        if found and rule.unclear:
            raise PolicyError(f"{rule}: {rule.unclear}")
        return ranges.union(found)

    def _certain(self, rule: Rule, held: bool | None) -> bool:
        if held is None:
            raise PolicyError(f"{rule} names what cannot be judged offline")
        return held


def _certainty(held: bool | None) -> int:
    return 0 if held is False else 1 if held is None else 2


def describe(reaches: Sequence[Reach]) -> list[str]:
    """One line each, for people."""
    return [
        f"{reach.source} -> {', '.join(map(str, reach.services))} ({reach.by}{'; ' + reach.reason if reach.reason else ''})"
        for reach in reaches
    ]
