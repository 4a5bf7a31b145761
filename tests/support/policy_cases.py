"""Builders of inputs, and one policy run as the SDK runs it (proxies that raise at unknown values)."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyCustomTimeouts, PolicyResourceOptions, ResourceValidationArgs
from pulumi_policy.proxy import unknown_checking_proxy

from policies.pack import policy
from policies.rules import INVARIANTS

Props = dict[str, Any]  # untyped on purpose: what a program may hand to the engine

# "I1 services" and so on; each as a policy of its own, so that a test speaks of one rule.
RULES: dict[str, Any] = {
    f"{invariant.id} {rule.__name__}": policy(dataclasses.replace(invariant, rules=(rule,)))
    for invariant in INVARIANTS
    for rule in invariant.rules
}
_OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def run(rule: str, kind: str, props: Props) -> list[str]:
    """The messages of one rule about a resource named "x"."""
    messages: list[str] = []

    def report(message: str, urn: str | None) -> None:
        messages.append(message)

    args = ResourceValidationArgs(kind, unknown_checking_proxy(props), "urn:x", "x", _OPTIONS, None, {})
    RULES[rule].validate(args, report)
    return messages


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
