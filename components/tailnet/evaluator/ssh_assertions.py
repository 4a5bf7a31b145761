"""Runs a policy's own `sshTests`: who must, and who must not, be able to log in by its SSH rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from components.tailnet.evaluator import endpoints
from components.tailnet.evaluator.errors import PolicyError, quoted
from components.tailnet.evaluator.evaluator import Evaluator
from components.tailnet.evaluator.logins import TOO_MANY, Logins
from components.tailnet.evaluator.network import Endpoint
from components.tailnet.evaluator.ssh_tests import SshTest

Want: TypeAlias = Literal["Accept", "Drop", "Check"]
_SELF: Final = "autogroup:self"


class _UndecidableError(Exception):
    """The endpoints that a word names cannot be told offline."""


@dataclass(frozen=True)
class LoginOutcome:
    """Failures of one test, and what could not be decided. Passed when both are empty."""

    test: SshTest
    failed: tuple[str, ...]
    undecided: tuple[str, ...] = ()


def run_ssh_tests(evaluator: Evaluator, known: frozenset[str]) -> tuple[LoginOutcome, ...]:
    """The outcome of every test of `sshTests`, in order. `known` are the logins of the tailnet."""
    logins = Logins(evaluator)
    return tuple(_run(test, evaluator, logins, known) for test in evaluator.policy.ssh_tests)


def _run(test: SshTest, evaluator: Evaluator, logins: Logins, known: frozenset[str]) -> LoginOutcome:
    if not test.accept and not test.deny and not test.check:
        return LoginOutcome(test, ('test entry must have at least one of "accept", "deny" or "check"',))
    failed: list[str] = []
    undecided: list[str] = []
    try:
        sources = _sources(test.src, evaluator, known)
    except PolicyError as error:
        return LoginOutcome(test, (error.message,))
    except _UndecidableError as error:
        return LoginOutcome(test, (), (str(error),))
    for dst in test.dst:
        if logins.exhausted:
            undecided.append(f"dst {quoted(dst)}: {TOO_MANY}")
            continue
        try:
            targets = _targets(dst, test.src, sources, evaluator, known)
        except PolicyError as error:
            failed.append(f"dst {quoted(dst)}: {error.message}")
            continue
        except _UndecidableError as error:
            undecided.append(f"dst {quoted(dst)}: {error}")
            continue
        for want, user in _wanted(test):
            got, reason = _got(want, user, sources, targets, logins)
            if test.unclear or reason:
                undecided.append(f"dst {quoted(dst)}, user {quoted(user)}: {test.unclear or reason}")
            elif got != want:
                failed.append(f"dst {quoted(dst)}, user {quoted(user)}: want: {want}, got: {got}")
    return LoginOutcome(test, tuple(failed), tuple(undecided))


def _wanted(test: SshTest) -> list[tuple[Want, str]]:
    lists: tuple[tuple[Want, tuple[str, ...]], ...]
    lists = (("Accept", test.accept), ("Drop", test.deny), ("Check", test.check))
    return [(want, user) for want, users in lists for user in users]


def _got(
    want: Want, user: str, sources: Sequence[Endpoint], targets: Sequence[Endpoint], logins: Logins
) -> tuple[Want, str]:
    """The certain outcome that differs from the wanted one, for somebody of the sources and of the targets; else what is
    wanted, and the reason when it cannot be told."""
    unsure = ""
    for source in sources:
        for to in targets:
            login = logins.of(source, to, user)
            if logins.exhausted:
                return want, login.reason
            given = login.checked if want == "Check" else login.allowed
            if given is None:
                unsure = unsure or login.reason
            elif given is (want == "Drop"):
                return ("Accept" if login.allowed else "Drop"), ""
    return want, unsure


def _sources(src: str, evaluator: Evaluator, known: frozenset[str]) -> Sequence[Endpoint]:
    sources = _endpoints(src, evaluator, known)
    if not sources:
        raise PolicyError(f"{quoted(src)} names nobody")
    return sources


def _targets(
    dst: str, src: str, sources: Sequence[Endpoint], evaluator: Evaluator, known: frozenset[str]
) -> Sequence[Endpoint]:
    if dst == _SELF:
        if "@" not in src:
            raise PolicyError("autogroup:self needs one user as the src")
        return sources
    targets = _endpoints(dst, evaluator, known)
    if not targets or (evaluator.network.devices and any(to.anonymous for to in targets)):
        raise PolicyError("it names no device")
    return targets


def _endpoints(text: str, evaluator: Evaluator, known: frozenset[str]) -> tuple[Endpoint, ...]:
    selector = evaluator.policy.names.selector(text)
    if selector.kind in ("self", "internet"):
        raise PolicyError(f"{quoted(text)} names no device of the tailnet")
    if selector.kind == "people" and not text.startswith("group:") and not selector.people <= known:
        raise PolicyError(f"user not found: {quoted(text)}")
    if reason := endpoints.uncertain(text, evaluator.policy, evaluator.network):
        raise _UndecidableError(reason)
    return endpoints.of(text, evaluator.policy, evaluator.network)
