"""The evaluator's answers: a verdict, the access to a destination, the rules that open it, and a device's filter."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from components.tailnet.evaluator.bits import union
from components.tailnet.evaluator.network import Endpoint
from components.tailnet.evaluator.ranges import Ranges
from components.tailnet.evaluator.rules import Rule
from components.tailnet.evaluator.services import Service
from components.tailnet.evaluator.sides import Named


@dataclass(frozen=True)
class Verdict:
    """`allowed` is None when it cannot be decided, `reason` then says why; `by` is the rule that allows (or might)."""

    allowed: bool | None
    by: Rule | None = None
    reason: str = ""


@dataclass(frozen=True)
class Access:
    """The access of one source to a destination, and the rule that gives it. `reason` is set when it is not certain."""

    source: str
    services: tuple[Service, ...]
    by: Rule
    reason: str = ""


@dataclass(frozen=True)
class Opening:
    """A rule that opens some destinations, all in the same way. `reason` is set when it is not certain that it does."""

    rule: Rule
    services: tuple[Service, ...]
    """One object for all that are equal."""
    names: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class Flows:
    """One packet filter rule of a device: from these addresses, to these, these services."""

    sources: Ranges
    destinations: Ranges
    services: tuple[Service, ...]
    by: Rule


class Group:
    """Endpoints that a question names together; those whom all rules take alike are there once."""

    def __init__(self, endpoints: Iterable[Endpoint], naming: Callable[[Endpoint], Named], to_own: Named) -> None:
        any_to_own = to_own.certain | to_own.possible
        members: dict[tuple[Named, str], Endpoint] = {}
        users: set[str] = set()
        for endpoint in endpoints:
            named = naming(endpoint)
            users.add(endpoint.user)
            members.setdefault((named, endpoint.user if any_to_own else ""), endpoint)
        self.endpoints = tuple(members.values())
        self.named = tuple(named for named, _ in members)
        self.users = frozenset(users - {""})
        self.all = Named(union(one.certain for one in self.named), union(one.possible for one in self.named))
