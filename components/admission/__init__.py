"""The admission guard of one stack: an allow-list of what may come into its namespaces, held by the API server.

Rules are data: each module here has those about some kinds, and `rules` lists them all. Across namespaces the guard also
holds who owns what (I12): a stack never takes over an object of another stack, or of a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.admission.cluster import accounts, volumes
from components.admission.configmaps import CONFIG_MAPS
from components.admission.kinds import KINDS
from components.admission.network import NETWORK
from components.admission.objects import BINDINGS, CLAIMS, SECRETS
from components.admission.ownership import NAMESPACES, OWNERSHIP
from components.admission.pods import PODS
from components.admission.publishing import PUBLISHING, SERVICES, WORKLOADS
from components.admission.rule import Guard, Mode
from components.manifest import register

__all__ = ["AdmissionGuard", "AdmissionGuardArgs", "Described", "guards", "rules"]


def guards(namespaces: Sequence[str]) -> list[Guard]:
    """All parts of a guard. `namespaces` are the stack's, for what is cluster-wide and speaks of them."""
    return [
        *(
            PODS,
            WORKLOADS,
            KINDS,
            SERVICES,
            PUBLISHING,
            NETWORK,
            CONFIG_MAPS,
            SECRETS,
            CLAIMS,
            BINDINGS,
        ),
        *(NAMESPACES, OWNERSHIP, accounts(namespaces), volumes(namespaces)),
    ]


@dataclass(frozen=True)
class Described:
    """One rule for people: its id, its invariant, its message, and whom it judges."""

    id: str
    invariant: str
    message: str
    audience: str


def rules() -> list[Described]:
    """Every rule of the guard, for documents and tests."""
    return [
        Described(f"{guard.part}/{rule.name}", rule.invariant, rule.message.removesuffix(":"), guard.audience)
        for guard in guards([])
        for rule in guard.rules
    ]


@dataclass(frozen=True)
class AdmissionGuardArgs:
    """`stack` is the name in labels, `namespaces` are those of its instances and nodes. `keep_ownership`: that part outlives
    the stack, for namespaces that do, so that no other stack adopts their volumes.
    """

    stack: str
    namespaces: Sequence[str]
    mode: Mode
    keep_ownership: bool


class AdmissionGuard(pulumi.ComponentResource):
    """The guards of one stack, in force for every namespace, and every object, that carries its label."""

    def __init__(self, name: str, args: AdmissionGuardArgs, opts: pulumi.ResourceOptions) -> None:
        stack = args.stack
        super().__init__("openclaw:tailnet:AdmissionGuard", name, {"stack": stack}, opts)
        for guard in guards(args.namespaces):
            kept = args.keep_ownership and guard.part == "ownership"
            policy = register(
                k8s.admissionregistration.v1.ValidatingAdmissionPolicy,
                f"guard-{guard.part}",
                guard.policy(stack),
                pulumi.ResourceOptions(parent=self, retain_on_delete=kept),
            )
            register(
                k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding,
                f"guard-{guard.part}-binding",
                guard.binding(stack, args.mode),
                pulumi.ResourceOptions(parent=self, depends_on=[policy], retain_on_delete=kept),
            )
        self.register_outputs({})
