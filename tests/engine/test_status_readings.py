"""The readings against a real API server and a real control server: what a stack has put there is what they say."""

from collections.abc import Generator

import pytest
import yaml

from addons.status.cluster import Cluster
from addons.status.control import Control, Credential
from addons.status.declared import declared
from addons.status.facts import ClusterFacts, Declared
from addons.status.kubernetes_api import KubernetesApi
from addons.status.poller import Poller
from components.settings import Cluster as ClusterSettings
from components.settings import Tailnet as TailnetSettings
from components.settings.load import parse
from sandbox.control_plane import CONTEXT
from sandbox.world import World
from tests.support import engine_world
from tests.support.engine_world import MakeStack, Stack, Tailnet, eventually, instance

STACK = "status"
HOME = instance("status-home")


@pytest.fixture(scope="module")
def owned(stack: MakeStack, tailnet: Tailnet) -> Generator[Stack]:
    """A stack with one gateway, whose pod is played by the simulated node."""
    owned = stack(STACK, owned=True)
    owned.up(HOME)
    yield owned
    owned.destroy()


@pytest.fixture(scope="module")
def home() -> Declared:
    tailnet = {"name": "sandbox.internal", "ownership": "owned", "tagOwners": ["admin@example.com"]}
    (home,) = declared(parse({"tailnet": tailnet, "instances": [HOME]}))
    return home


@pytest.fixture(scope="module")
def api(world: World) -> KubernetesApi:
    return KubernetesApi(ClusterSettings(kubeconfig=str(world.kubeconfig), context=CONTEXT))


@pytest.fixture(scope="module")
def control(world: World) -> Control:
    settings = TailnetSettings.model_validate({"name": "sandbox.internal", "apiUrl": world.api_url})
    return Control(settings, Credential(world.api_key))


def facts(cluster: Cluster, home: Declared) -> ClusterFacts:
    reading = cluster.reading(home)
    assert reading.value is not None, reading.reason
    return reading.value


def test_one_list_of_each_kind_finds_what_the_stack_has_made(owned: Stack, api: KubernetesApi, home: Declared) -> None:
    cluster = Cluster(api, STACK)
    cluster.read()
    read = facts(cluster, home)
    assert (read.deployment_exists, read.replicas_wanted, read.phase, read.ready) == (True, 1, "Running", True)
    assert {(container.name, container.state) for container in read.containers} >= {("gateway", "running")}
    assert {claim.name: claim.purpose for claim in read.claims} == {"gateway-home": "home", "tailnet-state": "tailnet"}
    assert cluster.reading(home).reason == ""


def test_changes_arrive_by_the_watch(
    owned: Stack, api: KubernetesApi, home: Declared, cluster: engine_world.Cluster
) -> None:
    following = Cluster(api, STACK)
    following.follow(lambda _: None)
    eventually(lambda: following.reading(home).value, "the first list")
    before = facts(following, home).pod_uid
    cluster.delete(f"/api/v1/namespaces/{home.namespace}/pods/{facts(following, home).pod}")
    eventually(lambda: facts(following, home).pod_uid not in ("", before), "the pod that follows it")
    eventually(lambda: facts(following, home).ready, "it to be ready")
    following.stop()


def test_the_tailnet_s_api_shows_the_key_that_the_stack_minted(owned: Stack, control: Control) -> None:
    reading = control.reading()
    assert reading.value is not None, reading.reason
    keys = [key for key in reading.value.keys or () if key.description == "openclaw status-home"]
    assert [(key.invalid, key.tags) for key in keys] == [(False, ("tag:openclaw-status-home",))]
    assert reading.value.acl_may_be_read is True


def test_a_container_that_nobody_can_enter_is_a_reason(
    owned: Stack, api: KubernetesApi, control: Control, home: Declared
) -> None:
    """The simulated node runs no programs: the connection gets as far as a real one does, with the kubeconfig's certificates."""
    (snapshot,) = Poller([home], Cluster(api, STACK), control, api.execute).once()
    assert snapshot.cluster.value is not None
    assert (snapshot.sidecar.value, snapshot.gateway.value) == (None, None)
    for reading in (snapshot.sidecar, snapshot.gateway):
        assert reading.reason.startswith("Nothing can be run in "), reading.reason
        assert "certificate" not in reading.reason.lower()


def test_another_stack_of_the_cluster_is_not_ours(owned: Stack, api: KubernetesApi, home: Declared) -> None:
    cluster = Cluster(api, "another")
    cluster.read()
    assert facts(cluster, home) == ClusterFacts(deployment_exists=False)


def test_who_has_no_rights_is_told_which_ones_are_lacking(owned: Stack, world: World, home: Declared) -> None:
    """A token that the API server does not know."""
    config = yaml.safe_load(world.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": "of-nobody"}
    kubeconfig = world.home.root / "stranger"
    kubeconfig.write_text(yaml.safe_dump(config))
    cluster = Cluster(KubernetesApi(ClusterSettings(kubeconfig=str(kubeconfig), context=CONTEXT)), STACK)
    cluster.read()
    reading = cluster.reading(home)
    assert reading.value is None
    assert "refuses to list" in reading.reason
    assert "needs to list and watch" in reading.reason
