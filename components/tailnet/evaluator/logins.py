"""Decides who may log in where, by the SSH rules of one policy in one network."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from components.tailnet.evaluator.evaluator import Evaluator
from components.tailnet.evaluator.network import Endpoint
from components.tailnet.evaluator.ssh import SshRule
from components.tailnet.evaluator.written import all_of, any_of

# Rules that all questions together make us look at: a few seconds. Beyond that a small policy could take hours.
_LOOKS: Final = 1_000_000
TOO_MANY: Final = "the policy has more SSH rules and tests than can be judged"


@dataclass(frozen=True)
class Login:
    """Answers whether somebody may log in at all, and after a check; `reason` says why one of them is None."""

    allowed: bool | None
    checked: bool | None
    reason: str = ""


class Logins:
    """Answers questions about logins. After very many of them it decides nothing any more."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._network, self._unclear = evaluator.network, evaluator.policy.unclear
        self._looks = 0
        # Rules are found by the tags that they lead to: many tests of many rules stay linear.
        self._by_tag: dict[str, list[SshRule]] = defaultdict(list)
        self._beyond_tags: list[SshRule] = []
        for rule in evaluator.policy.ssh:
            for tag in rule.tags:
                self._by_tag[tag].append(rule)
            if rule.beyond_tags != (frozenset(), False):
                self._beyond_tags.append(rule)
        self._known: dict[tuple[Endpoint, str], list[tuple[SshRule, bool | None]]] = {}

    @property
    def exhausted(self) -> bool:
        """True when it was asked so much that it decides nothing any more."""
        return self._looks > _LOOKS

    def of(self, source: Endpoint, to: Endpoint, user: str) -> Login:
        """True when `source` may log in to `to` as `user`. Without a rule that lets them, nobody may."""
        # What is not understood may let somebody in, after a check or without.
        allowed = checked = None if self._unclear else False
        unsure: dict[str, SshRule] = {}
        for rule, answer in self._answers(source, to, user):
            allowed = any_of([allowed, answer])
            if rule.action == "check":
                checked = any_of([checked, answer])
            if answer is None:
                unsure.setdefault(rule.action, rule)
        if self.exhausted:
            return Login(None, None, TOO_MANY)
        if allowed is not None and checked is not None:
            return Login(allowed, checked)
        why = unsure.get("check") or (unsure.get("accept") if allowed is None else None)
        return Login(allowed, checked, why.why(source, to, user) if why else self._unclear)

    def _answers(self, source: Endpoint, to: Endpoint, user: str) -> Iterator[tuple[SshRule, bool | None]]:
        self._looks += 1
        for rule in self._towards(to):
            self._looks += 1
            if self.exhausted:
                return
            admitted = rule.admits(source, user, self._network)
            # Which device an address is, nobody may know.
            yield rule, all_of([admitted, None]) if to.anonymous else admitted
        for rule, admitted in self._wide(source, user):
            self._looks += 1
            yield rule, all_of([admitted, rule.leads(source, to, self._network)])

    def _towards(self, to: Endpoint) -> Sequence[SshRule]:
        if not to.anonymous:
            return [rule for tag in sorted(to.tags) for rule in self._by_tag.get(tag, ())]
        if self._network.devices:
            return ()
        return [rule for rules in self._by_tag.values() for rule in rules]

    def _wide(self, source: Endpoint, user: str) -> Sequence[tuple[SshRule, bool | None]]:
        """The rules that admit `source` as `user`, or may, and lead not only to tags: one of those that say the same."""
        if (source, user) not in self._known:
            distinct: dict[object, tuple[SshRule, bool | None]] = {}
            for rule in self._beyond_tags:
                self._looks += 1
                if self.exhausted:
                    break
                if (admitted := rule.admits(source, user, self._network)) is not False:
                    distinct.setdefault((rule.beyond_tags, rule.action, admitted), (rule, admitted))
            self._known[source, user] = [*distinct.values()]
        return self._known[source, user]
