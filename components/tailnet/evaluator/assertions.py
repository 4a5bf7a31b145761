"""Runs a policy's own `tests`, with the hosted service's rules for their shape and its words for what failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.tailnet.evaluator import parties, services
from components.tailnet.evaluator.errors import Failure, PolicyError
from components.tailnet.evaluator.evaluator import Evaluator
from components.tailnet.evaluator.network import Party
from components.tailnet.evaluator.policy import Test
from components.tailnet.evaluator.selectors import Selector, split_port
from components.tailnet.evaluator.ssh_assertions import LoginOutcome, run_ssh_tests


@dataclass(frozen=True)
class Outcome:
    """Of one test: what failed, and what could not be decided. Passed when both are empty."""

    test: Test
    failed: tuple[str, ...]
    undecided: tuple[str, ...] = ()


def run_tests(evaluator: Evaluator) -> tuple[Outcome, ...]:
    """The outcome of every test, in order."""
    known = _logins(evaluator)
    return tuple(_run(test, evaluator, known) for test in evaluator.policy.tests)


def run_login_tests(evaluator: Evaluator) -> tuple[LoginOutcome, ...]:
    """The outcome of every test of `sshTests`, in order."""
    return run_ssh_tests(evaluator, _logins(evaluator))


def check(evaluator: Evaluator) -> tuple[Outcome | LoginOutcome, ...]:
    """Raises PolicyError as the control server refuses a policy whose tests fail; returns what stays undecided."""
    outcomes = (*run_tests(evaluator), *run_login_tests(evaluator))
    if failures := [Failure(outcome.test.src, outcome.failed) for outcome in outcomes if outcome.failed]:
        raise PolicyError("test(s) failed", failures)
    return tuple(outcome for outcome in outcomes if outcome.undecided)


def _run(test: Test, evaluator: Evaluator, known: frozenset[str]) -> Outcome:
    try:
        sources, numbers = _sources(test, evaluator, known)
    except PolicyError as error:
        return Outcome(test, (error.message,))
    failed: list[str] = []
    undecided: list[str] = []
    for wanted, addresses in ((True, test.accept), (False, test.deny)):
        for address in addresses:
            try:
                allowed, reason = _allowed(address, sources, numbers, evaluator, known)
            except PolicyError as error:
                failed.append(f'address "{address}": {error.message}')
                continue
            if test.unclear or allowed is None:
                undecided.append(f'address "{address}": {test.unclear or reason}')
            elif allowed is not wanted:
                want, got = ("Accept", "Drop") if wanted else ("Drop", "Accept")
                failed.append(f'address "{address}": want: {want}, got: {got}')
    return Outcome(test, tuple(failed), tuple(undecided))


def _sources(test: Test, evaluator: Evaluator, known: frozenset[str]) -> tuple[Sequence[Party], frozenset[int]]:
    if not test.src:
        raise PolicyError("a test needs a src")
    if not test.accept and not test.deny:
        raise PolicyError('test entry must have at least one of "accept" or "deny"')
    numbers = services.protocols(test.proto)
    if test.proto and not numbers <= {*services.WITH_PORTS}:
        raise PolicyError(f'test protocol must be tcp, udp, sctp, or empty: "{test.proto}"')
    sources = _parties(test.src, evaluator, known)
    if not sources:
        raise PolicyError(f'"{test.src}" names nobody')
    return sources, numbers


def _allowed(
    address: str, sources: Sequence[Party], numbers: frozenset[int], evaluator: Evaluator, known: frozenset[str]
) -> tuple[bool | None, str]:
    """As the control server tests: everybody of the source must be able to reach somebody of the destination."""
    destination, port = split_port(address)
    ports = services.ports(port)
    if len(ports) != 1 or ports[0][0] != ports[0][1]:
        raise PolicyError("test destination port must be a single port")
    if destination == "autogroup:internet":
        raise PolicyError("autogroup:internet not valid as a test destination")
    if "/" in destination:
        raise PolicyError("test destination must be a single host, not a CIDR range")
    targets = _parties(destination, evaluator, known)
    if any(part.addresses and part.anonymous and part.addresses[0][0] != part.addresses[0][1] for part in targets):
        raise PolicyError("test destination must be a single host, not a CIDR range")
    unsure = ""
    for source in sources:
        verdicts = [evaluator.between(source, to, number, ports[0][0]) for to in targets for number in sorted(numbers)]
        if any(verdict.allowed for verdict in verdicts):
            continue
        reason = next((verdict.reason for verdict in verdicts if verdict.allowed is None), "")
        if not reason:
            return False, ""
        unsure = unsure or reason
    return (None, unsure) if unsure else (True, "")


def _parties(text: str, evaluator: Evaluator, known: frozenset[str]) -> tuple[Party, ...]:
    selector = evaluator.policy.names.selector(text)
    if selector.kind == "unknown":
        raise PolicyError(f'"{text}" is not known')
    if selector.kind == "people" and not text.startswith("group:") and not selector.people <= known:
        raise PolicyError(f'user not found: "{text}"')
    return parties.of(text, evaluator.policy, evaluator.network)


def _logins(evaluator: Evaluator) -> frozenset[str]:
    """The people of the tailnet; when nobody listed them, those whom the policy names."""
    if evaluator.network.roles:
        return frozenset(evaluator.network.roles)
    named: list[Selector] = [selector for rule in evaluator.policy.rules for selector in rule.sources]
    named += [target.to for rule in evaluator.policy.rules for target in rule.targets]
    named += [selector for rule in evaluator.policy.ssh for selector in (*rule.sources, *rule.targets)]
    return frozenset[str]().union(*(selector.people for selector in named), *evaluator.policy.names.groups.values())
