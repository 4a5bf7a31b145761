"""I1: nothing is deployed that the rules cannot read, and nothing changes other objects after they have."""

from collections.abc import Iterator
from typing import Final

from policies.rules.kinds import Resource
from policies.rules.rule import Finding
from policies.rules.values import get, items, present

# Kinds by which an operator makes objects that no rule can read, by API group; None = every kind.
_OPAQUE: Final[dict[str, frozenset[str] | None]] = {
    "helm.toolkit.fluxcd.io": None,
    "kustomize.toolkit.fluxcd.io": None,
    "helm.cattle.io": None,
    "fleet.cattle.io": None,
    "helm.crossplane.io": None,
    "apiextensions.crossplane.io": frozenset({"Composition"}),
    "kappctrl.k14s.io": None,
    "packaging.carvel.dev": None,
    "addons.cluster.x-k8s.io": None,
    "operators.coreos.com": frozenset({"Subscription", "CatalogSource", "ClusterServiceVersion"}),
    "app.kiegroup.org": None,
    "kro.run": None,
    "argoproj.io": frozenset({"Application", "ApplicationSet"}),
    "config.projectsveltos.io": None,
    "pulumi.com": frozenset({"Stack", "Program"}),
    "infra.contrib.fluxcd.io": None,
    "work.open-cluster-management.io": frozenset({"ManifestWork", "ManifestWorkReplicaSet"}),
    "apps.open-cluster-management.io": frozenset({"Subscription", "Channel"}),
    "source.toolkit.fluxcd.io": frozenset(),
    "openclaw.rocks": None,
    "k0smotron.io": None,
    "helm.openshift.io": frozenset({"HelmChart"}),
    "charts.helm.k8s.io": None,
    "glasskube.dev": None,
    "core.oam.dev": frozenset({"Application"}),
    "gitops.weave.works": None,
}
OPAQUE_KINDS: Final = frozenset({"Release", "HelmRelease", "HelmChart", "Kustomization"})
# Kinds that change other objects after the rules have read those.
_CHANGING: Final[dict[str, frozenset[str]]] = {
    "apps.kruise.io": frozenset({"SidecarSet", "ResourceDistribution"}),
    "mutations.gatekeeper.sh": frozenset({"Assign", "ModifySet", "AssignImage", "AssignMetadata"}),
    "kyverno.io": frozenset({"ClusterPolicy", "Policy"}),
    "policies.kyverno.io": frozenset({"MutatingPolicy", "GeneratingPolicy"}),
    "admissionregistration.k8s.io": frozenset({"MutatingAdmissionPolicy"}),
    "operator.1password.io": frozenset(),
    "cert-manager.io": frozenset(),
}
_CHANGES: Final = ("mutate", "generate")


def opaque_releases(resource: Resource) -> Iterator[Finding]:
    """Nothing is deployed that the rules cannot read.

    yaml.v2 ConfigGroup and ConfigFile, kustomize Directory and helm.v4 Chart declare each object as a resource of its
    own, so the rules see those. A helm.v3 Release renders in the provider: its objects pass neither engine nor pack.
    """
    if not resource.is_kubernetes:
        return
    kinds = _OPAQUE.get(resource.group, frozenset[str]())
    if kinds is None or resource.kind in kinds or (resource.group == "helm.sh" and resource.kind == "Release"):
        yield Finding(
            "deploys objects that no rule can read; one of them may be public",
            resource.path,
            "Use kubernetes.helm.v4.Chart: its objects are resources of the stack, each seen by the rules.",
        )


def changing_kinds(resource: Resource) -> Iterator[Finding]:
    """Nothing changes other objects after the rules have read those: no set of sidecars, no policy that mutates."""
    kinds = _CHANGING.get(resource.group, frozenset[str]()) if resource.is_kubernetes else frozenset[str]()
    if resource.kind not in kinds:
        return
    if resource.group == "kyverno.io" and not any(
        present(get(rule, change)) for _, rule in items(get(resource.props, "spec", "rules"), "") for change in _CHANGES
    ):
        return
    yield Finding(
        "changes other objects after the rules have read those", resource.path, "Declare the objects as they are to be."
    )
