"""Builders of inputs, and one rule run as the pack runs it."""

from collections.abc import Mapping, Sequence
from typing import Any

from policies.pack import POLICIES, decoded, judge

Props = dict[str, Any]  # untyped on purpose: what a program may hand to the engine

# "I1 services" and so on.
RULES = [f"{policy.id} {rule.__name__}" for policy in POLICIES if not policy.advisory for rule in policy.rules]


def run(rule: str, kind: str, props: Props) -> list[str]:
    """The messages of one rule about a resource named "x"."""
    assert rule in RULES
    violations = judge(decoded(kind, "x", props))
    return [one.message for one in violations if f"{one.invariant} {one.rule}" == rule]


def nested(keys: Sequence[str], value: Props) -> Props:
    for key in reversed(keys):
        value = {key: value}
    return value


def container(name: str = "gateway", **fields: Any) -> Props:
    return {"name": name, **fields}


def pod(*containers: Mapping[str, Any], **fields: Any) -> Props:
    return {"containers": list(containers), "automountServiceAccountToken": False, **fields}


def deployment(spec: Props) -> Props:
    return {"metadata": {"name": "x"}, "spec": {"template": {"spec": spec}}}


DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SPEC = "spec.template.spec"
