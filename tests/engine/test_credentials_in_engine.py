"""Each credential that the stack makes itself, by the real engine: made once, rotated alone, sealed or not stored at all;
and what the program says of devices that the tailnet really has."""

import base64
import json
from collections.abc import Generator
from typing import Any

import httpx
import pytest

from components.constants import PROJECT
from components.settings import AuthKey
from components.tailnet import credentials
from engine.configuration import merged
from engine.errors import EngineError
from engine.stack import Result
from sandbox.tailnet.headscale import connected
from sandbox.world import World
from tests.support.engine_world import (
    ALICE,
    Cluster,
    MakeStack,
    Stack,
    Tailnet,
    Values,
    containers,
    instance,
    steps,
    unsealed,
)

KEY = instance("key", tailscale={"authKey": {"reusable": False, "expiryDays": 90, "rotateDays": 60}})
CLIENT = instance("client", tailscale={"credential": "oauth"})
POD = instance("pod", tailscale={"credential": "workloadIdentity"})
ALL = (KEY, CLIENT, POD)


@pytest.fixture(scope="module")
def all_forms(stack: MakeStack, tailnet: Tailnet) -> Stack:
    stack_ = stack("credentials", owned=True)
    stack_.config = {f"{PROJECT}:cluster": {"issuer": "https://oidc.example.com/id/1"}}
    stack_.up(*ALL)
    return stack_


def pod(cluster: Cluster, name: str) -> Any:
    return cluster.deployment(f"openclaw-{name}")["spec"]["template"]


def env(cluster: Cluster, name: str) -> dict[str, str]:
    return {
        entry["name"]: entry.get("value", "")
        for entry in containers(cluster.pod(f"openclaw-{name}"))["tailscale"]["env"]
    }


def trusted(world: World) -> dict[str, Values]:
    """Clients and identities in the tailnet, by their words."""
    keys = httpx.get(f"{world.api_url}/api/v2/tailnet/-/keys", auth=(world.api_key, ""), trust_env=False).json()["keys"]
    return {key["description"]: key for key in keys if key["keyType"] != "auth"}


def test_i11_every_form_comes_up_and_a_second_up_changes_nothing(all_forms: Stack, cluster: Cluster) -> None:
    assert all(cluster.pod(f"openclaw-{one['id']}") for one in ALL)
    again = all_forms.up(*ALL)
    assert steps(again) == {}, again.output


def test_i4_a_made_client_is_in_the_cluster_only_sealed(all_forms: Stack, cluster: Cluster, world: World) -> None:
    client = trusted(world)["openclaw client"]
    assert (client["scopes"], client["tags"]) == (["auth_keys"], ["tag:openclaw-client"])
    opened = unsealed(cluster, "openclaw-client", "client")
    assert opened.startswith(f"tskey-client-{client['id']}-")
    assert opened.endswith(f"?ephemeral=false&preauthorized=true&baseURL={world.api_url}")
    assert opened.partition("?")[0] not in all_forms.state_file.read_text()
    assert env(cluster, "client")["TS_EXTRA_ARGS"] == "--reset --advertise-tags=tag:openclaw-client"


def test_i5_an_identity_stores_nothing_and_opens_nothing_here(all_forms: Stack, cluster: Cluster, world: World) -> None:
    identity = trusted(world)["openclaw pod"]
    subject = "system:serviceaccount:openclaw-pod:default"
    assert (identity["issuer"], identity["subject"]) == ("https://oidc.example.com/id/1", subject)
    assert not [name for name in cluster.names("Secret", "openclaw-pod") if "tailnet" in name]
    assert list(containers(pod(cluster, "pod"))) == ["tailscale", "gateway"]
    assert env(cluster, "pod")["TS_CLIENT_ID"] == f"{identity['id']}?ephemeral=false&preauthorized=true"

    # As the kubelet asks for it.
    (source,) = [
        volume["projected"]["sources"] for volume in pod(cluster, "pod")["spec"]["volumes"] if "projected" in volume
    ]
    wanted = source[0]["serviceAccountToken"]
    token = cluster.token("openclaw-pod", "default", wanted["audience"], wanted["expirationSeconds"])
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["aud"], claims["sub"], claims["exp"] - claims["iat"]) == ([identity["audience"]], subject, 600)
    # The Kubernetes API does not know who that is; with a token of its own it does, and refuses by rights.
    assert cluster.as_bearer(token).status_code == 401
    assert cluster.as_bearer(cluster.token("openclaw-pod", "default", None, 600)).status_code == 403


def test_i10_a_new_word_replaces_one_credential_and_rolls_one_gateway(
    all_forms: Stack, cluster: Cluster, tailnet: Tailnet, world: World
) -> None:
    old, keys = trusted(world), tailnet.valid_keys()
    result = all_forms.up(KEY, merged(CLIENT, {"tailscale": {"oauth": {"rotation": "again"}}}), POD)
    done = steps(result)
    assert {name for name in done if not name.startswith("client")} == set(), result.output
    assert (done["client-oauth-again"], done["client-oauth"], done["client-gateway"]) == ("create", "delete", "update")
    new = trusted(world)
    assert new["openclaw client"]["id"] != old["openclaw client"]["id"]
    assert len(new) == len(old), "the old one is gone"
    assert tailnet.valid_keys() == keys
    assert unsealed(cluster, "openclaw-client", "client").startswith(f"tskey-client-{new['openclaw client']['id']}-")


def test_i11_a_schedule_names_its_period_in_the_key(all_forms: Stack, tailnet: Tailnet) -> None:
    settings = AuthKey.model_validate({"rotateDays": 60})
    described = {key["description"] for key in tailnet.valid_keys().values()}
    assert described == {credentials.description("key", settings, credentials.today())}


@pytest.fixture
def stranger(world: World, all_forms: Stack) -> Generator[str]:
    """Somebody's device that has the name of a gateway to come."""
    with connected(world.home.tailnet) as control:
        node = control.register_offline_node(ALICE, "openclaw-late")
        yield node.id
        control.delete_node(node.id)


def test_a_taken_name_stops_a_new_gateway_at_preview(all_forms: Stack, stranger: str) -> None:
    with pytest.raises(EngineError) as refused:
        all_forms.preview(*ALL, instance("late"))
    said = refused.value.output
    assert "late: the name openclaw-late.sandbox.internal is taken by device" in said
    assert f"n{stranger}CNTRL" in said
    assert "Traceback" not in said


def test_a_removed_instances_device_is_told_with_its_id(all_forms: Stack, world: World, stranger: str) -> None:
    with connected(world.home.tailnet) as control:
        control.tag_node(stranger, ["tag:openclaw-key"])
    told: Result = all_forms.preview(CLIENT, POD)
    assert f"device n{stranger}CNTRL (openclaw-late.sandbox.internal, tag:openclaw-key" in told.output
    assert "belongs to no instance or node of this stack" in told.output
    assert f"/api/v2/device/n{stranger}CNTRL" in told.output
