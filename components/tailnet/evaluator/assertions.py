"""Runs a policy's own `tests`, with the hosted service's rules for their shape and its words for what failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from components.tailnet.evaluator import services
from components.tailnet.evaluator.answers import Group
from components.tailnet.evaluator.errors import Failure, PolicyError, quoted
from components.tailnet.evaluator.evaluator import Evaluator
from components.tailnet.evaluator.policy import AccessTest
from components.tailnet.evaluator.ranges import single
from components.tailnet.evaluator.selectors import Selector, split_port
from components.tailnet.evaluator.ssh_assertions import LoginOutcome, run_ssh_tests

# Endpoints and names that all tests together may make us look at one by one: some, and some for each name of the policy.
# Beyond that a small policy would take minutes.
_LOOKS: Final = 100_000
_LOOKS_PER_NAME: Final = 10


@dataclass(frozen=True)
class Outcome:
    """Failures of one test, and what could not be decided. Passed when both are empty."""

    test: AccessTest
    failed: tuple[str, ...]
    undecided: tuple[str, ...] = ()


def run_tests(evaluator: Evaluator) -> tuple[Outcome, ...]:
    """The outcome of every test, in order. Raises PolicyError when they are too many to be judged."""
    run = _Run(evaluator)
    return tuple(run.outcome(test) for test in evaluator.policy.tests)


def run_login_tests(evaluator: Evaluator) -> tuple[LoginOutcome, ...]:
    """The outcome of every test of `sshTests`, in order."""
    return run_ssh_tests(evaluator, _logins(evaluator))


def check(evaluator: Evaluator) -> tuple[Outcome | LoginOutcome, ...]:
    """Raises PolicyError as the control server refuses a policy whose tests fail; returns what stays undecided."""
    outcomes = (*run_tests(evaluator), *run_login_tests(evaluator))
    if failures := [Failure(outcome.test.src, outcome.failed) for outcome in outcomes if outcome.failed]:
        raise PolicyError("test(s) failed", failures)
    return tuple(outcome for outcome in outcomes if outcome.undecided)


class _TooManyError(PolicyError):
    """All tests together, not one of them."""


class _Run:
    """The tests of one policy."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._logins = _logins(evaluator)
        self._most = _LOOKS + _LOOKS_PER_NAME * _size(evaluator)

    def outcome(self, test: AccessTest) -> Outcome:
        try:
            sources, numbers = self._source(test)
        except _TooManyError:
            raise
        except PolicyError as error:
            return Outcome(test, (error.message,))
        failed: list[str] = []
        undecided: list[str] = []
        for wanted, addresses in ((True, test.accept), (False, test.deny)):
            for address in addresses:
                said = f"address {quoted(address)}: "
                try:
                    allowed, reason = self._allowed(test, address, sources, numbers)
                except _TooManyError:
                    raise
                except PolicyError as error:
                    failed.append(said + error.message)
                    continue
                if test.unclear or allowed is None:
                    undecided.append(said + (test.unclear or reason))
                elif allowed is not wanted:
                    want, got = ("Accept", "Drop") if wanted else ("Drop", "Accept")
                    failed.append(f"{said}want: {want}, got: {got}")
        return Outcome(test, tuple(failed), tuple(undecided))

    def _source(self, test: AccessTest) -> tuple[Group, frozenset[int]]:
        if not test.src:
            raise PolicyError("a test needs a src")
        if not test.accept and not test.deny:
            raise PolicyError('test entry must have at least one of "accept" or "deny"')
        numbers = services.protocols(test.proto)
        if test.proto and not numbers <= {*services.WITH_PORTS}:
            raise PolicyError(f"test protocol must be tcp, udp, sctp, or empty: {quoted(test.proto)}")
        if self._known(test.src).kind in ("self", "internet", "service"):
            raise PolicyError(f"{quoted(test.src)} not valid on the src side of a rule")
        return self._named(test.src, self._evaluator.sources(test.src)), numbers

    def _allowed(
        self, test: AccessTest, address: str, sources: Group, numbers: frozenset[int]
    ) -> tuple[bool | None, str]:
        """As the control server tests: everybody of the source must be able to reach somebody of the destination."""
        destination, port = split_port(address)
        ports = services.ports(port)
        if len(ports) != 1 or ports[0][0] != ports[0][1]:
            raise PolicyError("test destination port must be a single port")
        if "/" in destination:
            raise PolicyError("test destination must be a single host, not a CIDR range")
        selector = self._known(destination)
        if selector.kind in ("self", "internet"):
            raise PolicyError(f"{destination} not valid as a test destination")
        if selector.kind == "danger-all":
            raise PolicyError("cannot use autogroup:danger-all as a dst")
        if selector.kind == "addresses" and not single(selector.addresses):
            raise PolicyError("test destination must be a single host, not a CIDR range")
        targets = self._named(destination, self._evaluator.targets(destination))
        if self._evaluator.looked_at > self._most:
            raise _TooManyError(
                "the tests are about too many people and addresses to be judged: write fewer, or groups"
            )
        verdict = self._evaluator.every(sources, targets, numbers, ports[0][0])
        unsure = self._evaluator.uncertain(test.src) or self._evaluator.uncertain(destination)
        if unsure and not verdict.allowed:
            return None, unsure
        return verdict.allowed, verdict.reason

    def _known(self, text: str) -> Selector:
        selector = self._evaluator.policy.names.selector(text)
        if selector.kind == "people" and not text.startswith("group:") and not selector.people <= self._logins:
            raise PolicyError(f"user not found: {quoted(text)}")
        return selector

    def _named(self, text: str, group: Group) -> Group:
        if not group.endpoints and not self._evaluator.uncertain(text):
            raise PolicyError(f"{quoted(text)} names nobody")
        return group


def _logins(evaluator: Evaluator) -> frozenset[str]:
    """The people of the tailnet; when nobody listed them, those whom the policy names."""
    if evaluator.network.roles:
        return frozenset(evaluator.network.roles)
    named: dict[str, Sequence[str] | frozenset[str]] = dict(evaluator.policy.names.groups)
    for rule in evaluator.policy.rules:
        named |= {one.text: one.people for one in (*rule.sources, *(target.to for target in rule.targets))}
    for rule in evaluator.policy.ssh:
        named |= {one.text: one.people for one in (*rule.sources, *rule.targets)}
    return frozenset[str]().union(*named.values())


def _size(evaluator: Evaluator) -> int:
    """About how many names the policy has."""
    policy = evaluator.policy
    in_rules = sum(len(rule.sources) + len(rule.targets) for rule in policy.rules)
    in_tests = sum(1 + len(test.accept) + len(test.deny) for test in policy.tests)
    return in_rules + in_tests + sum(map(len, policy.names.groups.values())) + len(policy.names.hosts)
