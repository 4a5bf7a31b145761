"""The shape of a rule, one function over a resource that yields what is wrong, and of an invariant, which has several."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from policies.rules.kinds import Resource


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. No text holds a property's value: it could be a secret, which the pack gets plain."""

    what: str  # goes on after 'Service "x" '
    path: str
    hint: str


Rule = Callable[[Resource], Iterator[Finding]]


@dataclass(frozen=True)
class Invariant:
    """One invariant of the design, or one piece of advice: what users see and configure as one policy.

    One policy for all of its rules, not one for each: the SDK decodes a resource anew for every policy, and that is nearly
    all of a pack's time.
    """

    id: str
    name: str
    description: str
    rules: tuple[Rule, ...]
    advisory: bool = False

    def messages(self, resource: Resource) -> Iterator[str]:
        for described in resource.objects():
            for rule in self.rules:
                for finding in rule(described):
                    where = f" ({finding.path})" if finding.path else ""
                    yield f'{self.id}: {described.kind} "{described.name}" {finding.what}{where}. {finding.hint}'
