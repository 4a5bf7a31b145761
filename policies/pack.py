"""The invariants as policies: `judge` for one resource, `Stack` for all of them together, `analyze` for both at once."""

import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from policies.decode import TooMuchError, properties
from policies.exceptions import ANNOTATION, exceptions
from policies.rules import ADVICE, INVARIANTS, STACK_RULES
from policies.rules.kinds import Resource
from policies.rules.rule import Finding, Invariant, Rule
from policies.rules.settings import PackSettings
from policies.rules.stack import StackRule

NAME: Final = "openclaw-tailnet"
DESCRIPTION: Final = "Refuses what would expose a gateway: public bindings, privileges, tokens, Tailscale's secrets."
POLICIES: Final = (*INVARIANTS, *ADVICE)
# Types that have nothing that a rule could look at: components, and providers that make values.
# Kinds of Kubernetes that run nothing, publish nothing and hold nothing.
_UNSEEN_KINDS: Final = frozenset(
    {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "PriorityClass", "RuntimeClass", "IngressClass"}
    | {"CustomResourceDefinition", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
)
_ANY_KIND: Final = "kubernetes:apiextensions.k8s.io:CustomResource"
_UNSEEN: Final = ("openclaw:", "random:", "pulumi:pulumi:", "tls:", "time:")


@dataclass(frozen=True)
class Violation:
    invariant: str
    type: str
    name: str
    message: str
    advisory: bool = False
    policy: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Setup:
    """How an owner has configured the pack: parameters, the policies whose exceptions count, those that are off."""

    settings: PackSettings = field(default_factory=PackSettings)
    excepted: frozenset[str] = frozenset(policy.name for policy in POLICIES if policy.excepted)
    disabled: frozenset[str] = frozenset()


DEFAULT: Final = Setup()


def is_seen(kind: str) -> bool:
    """Says whether any rule looks at resources of a type."""
    return not kind.startswith(_UNSEEN) and kind.rpartition(":")[2] not in _UNSEEN_KINDS


def decoded(kind: str, name: str, props: Any, setup: Setup = DEFAULT) -> Resource:
    """A resource as the rules see it. Raises TooMuchError."""
    read = properties(props)
    if kind == _ANY_KIND and isinstance(version := read.get("apiVersion"), str) and isinstance(read.get("kind"), str):
        # The API server takes what is written inside.
        kind = f"kubernetes:{'core/v1' if version == 'v1' else version}:{read['kind']}"
    return Resource(kind, name, read, settings=setup.settings)


def judge(resource: Resource, setup: Setup = DEFAULT) -> Iterator[Violation]:
    """What is wrong with a resource, and with the objects inside it."""
    for described in resource.objects:
        reasons = exceptions(described.annotations) if ANNOTATION in described.annotations else {}
        for policy in POLICIES:
            if policy.name in setup.disabled:
                continue
            for rule in policy.rules:
                for finding in _findings(rule, described, policy):
                    yield _violation(policy, rule.__name__, described, finding, reasons, setup)


def unreadable(kind: str, name: str) -> Violation:
    """The answer to a resource that is larger than any is."""
    message = f'I1: resource "{name}" is nested deeper, or has more values, than any rule reads. Declare it in parts.'
    return Violation("I1", kind, name, message, policy=INVARIANTS[0].name, rule="too_much")


def _findings(rule: Rule, resource: Resource, policy: Invariant) -> Iterator[Finding]:
    try:
        yield from rule(resource)
    # A rule that fails must not let the resource pass, and no traceback reaches a person.
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        refused = "" if policy.advisory else ", so it is refused"
        yield Finding(f"cannot be judged{refused}", "", f"Report this: {where}")


def _violation(
    policy: Invariant, rule: str, resource: Resource, finding: Finding, reasons: Mapping[str, str], setup: Setup
) -> Violation:
    where = f" ({finding.path})" if finding.path else ""
    said = f'{policy.id}: {_kind(resource)} "{resource.name}" {finding.what}{where}'
    reason = reasons.get(policy.id) if policy.name in setup.excepted else None
    if reason is not None:
        message = f"{said}. It is excepted by its annotation {ANNOTATION}: {reason}"
        return Violation(policy.id, resource.type, resource.name, message, True, policy.name, rule)
    return Violation(
        policy.id, resource.type, resource.name, f"{said}. {finding.hint}", policy.advisory, policy.name, rule
    )


def _kind(resource: Resource) -> str:
    # The kind of an object inside another is a value of that one's.
    return resource.kind if not resource.path or (resource.kind.isalpha() and len(resource.kind) <= 40) else "object"


class Stack:
    """The resources of a stack together: what is wrong between them."""

    def __init__(self, setup: Setup = DEFAULT) -> None:
        self._setup = setup
        self._objects: list[Resource] = []

    def add(self, resource: Resource) -> None:
        self._objects += resource.objects

    def judge(self) -> Iterator[Violation]:
        by_name = {policy.name: policy for policy in POLICIES}
        for stack_rule in STACK_RULES:
            policy = by_name[stack_rule.policy]
            if policy.name in self._setup.disabled:
                continue
            for resource, finding in self._findings(stack_rule, policy):
                reasons = exceptions(resource.annotations)
                yield _violation(policy, stack_rule.check.__name__, resource, finding, reasons, self._setup)

    def _findings(self, stack_rule: StackRule, policy: Invariant) -> Iterator[tuple[Resource, Finding]]:
        try:
            yield from stack_rule.check(self._objects)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
            yield Resource("stack", "stack", {}), Finding("cannot be judged as a whole", "", f"Report this: {where}")


def analyze(resources: Iterable[tuple[str, str, Mapping[str, Any]]], setup: Setup = DEFAULT) -> list[Violation]:
    """Judges resources without an engine, each (type token, name, inputs: recorded or plain), and all of them together."""
    violations: list[Violation] = []
    stack = Stack(setup)
    for kind, name, props in resources:
        if not is_seen(kind):
            continue
        try:
            resource = decoded(kind, name, props, setup)
        except TooMuchError:
            violations.append(unreadable(kind, name))
            continue
        violations += judge(resource, setup)
        stack.add(resource)
    violations += stack.judge()
    return violations
