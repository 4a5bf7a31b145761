"""What is wrong between the resources of a stack, though each of them is right."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from policies.rules.kinds import Resource
from policies.rules.rule import Finding


@dataclass(frozen=True)
class StackRule:
    """A check over all objects, and the policy that it belongs to."""

    policy: str
    check: Callable[[Sequence[Resource]], Iterator[tuple[Resource, Finding]]]
