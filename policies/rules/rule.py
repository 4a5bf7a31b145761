"""The shape of a rule, one function over an object that yields what is wrong, and of an invariant, which has several."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

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
    """One invariant of the design, or one theme of advice: what users see and configure as one policy.

    `parameters` are JSON Schema properties of its configuration. `excepted`: an annotation may except an object from it,
    unless the configuration says otherwise.
    """

    id: str
    name: str
    description: str
    rules: tuple[Rule, ...]
    advisory: bool = False
    excepted: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
