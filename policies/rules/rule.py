"""The shape of a rule: one function over a resource, which yields what is wrong with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from policies.rules.kinds import Resource


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. No text holds a property's value: it could be a secret, which the pack gets plain."""

    what: str  # goes on after 'Service "x" '
    path: str
    mend: str


@dataclass(frozen=True)
class Rule:
    """`invariant` is the id of the design (I1 ...), `name` what users see and configure by."""

    invariant: str
    name: str
    description: str
    check: Callable[[Resource], Iterator[Finding]]

    def messages(self, resource: Resource) -> Iterator[str]:
        for found in resource.objects():
            for finding in self.check(found):
                where = f" ({finding.path})" if finding.path else ""
                yield f'{self.invariant}: {found.kind} "{found.name}" {finding.what}{where}. {finding.mend}'
