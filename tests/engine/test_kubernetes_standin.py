"""The kubernetes stand-in against a real API server, held to what was recorded of the official plugin (4.32.0)."""

import re
import secrets
from collections.abc import Generator
from typing import Any

import pytest

from sandbox.control_plane import CONTEXT
from sandbox.plugins.kubernetes.provider import Kubernetes
from sandbox.plugins.provider import Host, ProviderError, Resource
from sandbox.plugins.values import Props
from sandbox.world import World
from tests.support.engine_world import Cluster

NAMESPACE = "standin"
URN = "urn:pulumi:test::openclaw-tailnet::kubernetes:apps/v1:Deployment::gateway"
CONFLICT = (
    'the Kubernetes API server reported that "standin/{name}" failed to fully initialize or become live: '
    "server-side apply field conflict detected, see https://www.pulumi.com/"
)


class Plugin:
    """One provider with its settings, and what it logged."""

    def __init__(self, world: World, **settings: str) -> None:
        self.said: list[tuple[str, str]] = []
        self.provider = Kubernetes(Host(log=lambda severity, urn, message: self.said.append((severity, message))))
        self.provider.configure({"kubeconfig": str(world.kubeconfig), "context": CONTEXT, **settings})

    def create(self, inputs: Props, preview: bool = False) -> Props:
        return self.provider.create(self._resource(preview), inputs)[1]

    def update(self, state: Props, inputs: Props, preview: bool = False) -> Props:
        return self.provider.update(self._resource(preview), "", state, state, inputs)

    def _resource(self, preview: bool) -> Resource:
        return Resource(URN, "kubernetes:apps/v1:Deployment", "gateway", preview=preview)


@pytest.fixture(scope="module")
def space(cluster: Cluster) -> Generator[str]:
    cluster.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    yield NAMESPACE
    cluster.delete(f"/api/v1/namespaces/{NAMESPACE}")


@pytest.fixture
def declared(space: str) -> Props:
    """A Deployment that starts nothing, under a name of its own for each test."""
    labels = {"app": "standin"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}}
    metadata = {"name": f"one-{secrets.token_hex(4)}", "namespace": space, "labels": {"who": "we"}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def path(declared: Props) -> str:
    return f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{declared['metadata']['name']}"


def managers(cluster: Cluster, declared: Props) -> dict[str, str]:
    """Operation by manager, without those of the cluster's own controllers."""
    fields = cluster.one("Deployment", NAMESPACE, declared["metadata"]["name"])["metadata"]["managedFields"]
    return {entry["manager"]: entry["operation"] for entry in fields if not entry.get("subresource")}


def relabelled(declared: Props, value: str, **annotations: str) -> Props:
    metadata = {**declared["metadata"], "labels": {"who": value}, "annotations": annotations}
    return {**declared, "metadata": metadata}


def edit(cluster: Cluster, declared: Props, manager: str | None = None) -> None:
    query = f"?fieldManager={manager}" if manager else ""
    cluster.merge(f"{path(declared)}{query}", {"metadata": {"labels": {"who": "they"}}})


def label(cluster: Cluster, declared: Props) -> Any:
    return cluster.one("Deployment", NAMESPACE, declared["metadata"]["name"])["metadata"]["labels"]["who"]


def test_a_create_is_a_post_by_one_manager_and_a_second_one_an_error(
    world: World, cluster: Cluster, declared: Props
) -> None:
    plugin = Plugin(world)
    state = plugin.create(declared)
    assert managers(cluster, declared) == {"pulumi-kubernetes": "Update"}
    assert re.fullmatch(r"pulumi-kubernetes-[0-9a-f]{8}", state["__fieldManager"])
    with pytest.raises(ProviderError) as refused:
        plugin.create(declared)
    name = declared["metadata"]["name"]
    assert str(refused.value) == (
        f'resource "{URN}" was not successfully created by the Kubernetes API server: deployments.apps "{name}" already exists'
    )


def test_the_manager_of_updates_is_another_one_each_time(world: World, cluster: Cluster, declared: Props) -> None:
    plugin = Plugin(world)
    first = plugin.create(declared)
    cluster.delete(path(declared))
    assert plugin.create(declared)["__fieldManager"] != first["__fieldManager"]


@pytest.mark.parametrize("manager", ["kubectl-edit", "kubectl", "before-first-apply"])
def test_an_update_takes_over_what_kubectl_wrote_and_its_own_create(
    world: World, cluster: Cluster, declared: Props, manager: str
) -> None:
    plugin = Plugin(world)
    state = plugin.create(declared)
    edit(cluster, declared, manager)
    state = plugin.update(state, relabelled(declared, "we-again"))
    assert label(cluster, declared) == "we-again"
    assert managers(cluster, declared) == {state["__fieldManager"]: "Apply"}


@pytest.mark.parametrize("preview", [False, True])
def test_the_edit_of_any_other_manager_is_a_conflict(
    world: World, cluster: Cluster, declared: Props, preview: bool
) -> None:
    plugin = Plugin(world)
    state = plugin.update(plugin.create(declared), relabelled(declared, "we-again"))
    edit(cluster, declared)
    with pytest.raises(ProviderError) as refused:
        plugin.update(state, relabelled(declared, "we-once-more"), preview)
    said = str(refused.value)
    assert said.startswith(CONFLICT.format(name=declared["metadata"]["name"]))
    assert (
        f'The resource managed by field manager "{state["__fieldManager"]}" had an apply conflict: '
        'Apply failed with 1 conflict: conflict with "python-httpx" using apps/v1: .metadata.labels.who'
    ) in said
    assert label(cluster, declared) == "they"


def test_a_preview_takes_nothing_over_and_forces_what_was_only_created(
    world: World, cluster: Cluster, declared: Props
) -> None:
    plugin = Plugin(world)
    state = plugin.create(declared)
    edit(cluster, declared)
    before = managers(cluster, declared)
    assert (
        plugin.update(state, relabelled(declared, "we-again"), preview=True)["metadata"]["labels"]["who"] == "we-again"
    )
    assert managers(cluster, declared) == before
    with pytest.raises(ProviderError, match="had an apply conflict"):
        plugin.update(state, relabelled(declared, "we-again"))


@pytest.mark.parametrize("by", ["provider", "annotation"])
@pytest.mark.parametrize("preview", [False, True])
def test_a_conflict_is_resolved_by_force(
    world: World, cluster: Cluster, declared: Props, by: str, preview: bool
) -> None:
    state = Plugin(world).update(Plugin(world).create(declared), relabelled(declared, "we-again"))
    edit(cluster, declared)
    plugin = Plugin(world, enablePatchForce="true") if by == "provider" else Plugin(world)
    wanted = relabelled(declared, "we", **({"pulumi.com/patchForce": "true"} if by == "annotation" else {}))
    assert plugin.update(state, wanted, preview)["metadata"]["labels"]["who"] == "we"
    assert label(cluster, declared) == ("they" if preview else "we")


def test_an_upserting_create_applies_and_conflicts_unless_forced(
    world: World, cluster: Cluster, declared: Props
) -> None:
    Plugin(world).update(Plugin(world).create(declared), relabelled(declared, "we-again"))
    edit(cluster, declared)
    upserting = Plugin(world, upsertExistingObjects="true")
    assert upserting.create(relabelled(declared, "we"), preview=True)["metadata"]["labels"]["who"] == "we"
    with pytest.raises(ProviderError, match="had an apply conflict"):
        upserting.create(relabelled(declared, "we"))
    forcing = Plugin(world, upsertExistingObjects="true", enablePatchForce="true")
    state = forcing.create(relabelled(declared, "we"))
    assert label(cluster, declared) == "we"
    assert managers(cluster, declared)[state["__fieldManager"]] == "Apply"


def test_a_preview_shows_an_immutable_upsert_under_another_name(
    world: World, cluster: Cluster, declared: Props
) -> None:
    Plugin(world).create(declared)
    other = {"app": "other"}
    template = {**declared["spec"]["template"], "metadata": {"labels": other}}
    changed = {**declared, "spec": {**declared["spec"], "selector": {"matchLabels": other}, "template": template}}
    plugin = Plugin(world, upsertExistingObjects="true")
    shown = plugin.create(changed, preview=True)
    assert re.fullmatch(rf"{declared['metadata']['name']}-[0-9a-f]{{8}}", shown["metadata"]["name"])
    assert [severity for severity, _ in plugin.said] == ["info"]
    with pytest.raises(ProviderError, match="field is immutable"):
        plugin.create(changed)


@pytest.mark.parametrize("settings", [{}, {"upsertExistingObjects": "true"}])
def test_a_preview_in_a_namespace_that_is_not_there_yet_is_no_error(
    world: World, declared: Props, settings: dict[str, str]
) -> None:
    elsewhere = {**declared, "metadata": {**declared["metadata"], "namespace": "not-yet"}}
    assert Plugin(world, **settings).create(elsewhere, preview=True)["spec"] == declared["spec"]
    with pytest.raises(ProviderError, match='namespaces "not-yet" not found'):
        Plugin(world, **settings).create(elsewhere)
