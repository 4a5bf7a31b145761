"""One owned stack with two gateways, through everything that its owner does to it: nothing is lost (I10), nothing moves by itself (I11)."""

import base64
from typing import Any

import pytest

from engine.configuration import merged
from engine.stack import Result
from engine.state import HIDDEN
from tests.support.engine_world import Cluster, MakeStack, Stack, Tailnet, Values, containers, instance, steps, unsealed
from tests.support.plain_text import everything_kept, hidden_in, marked_secret, secrets_of

NAMESPACE, GUEST = "openclaw-life", "openclaw-guest"
OTHER = {"openclaw-tailnet/instance": "other"}


class Life:
    """The stack and its present configuration: each test changes what it needs, from whatever was before."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.home = instance("life", tailscale={"enabled": True})
        self.guest: Values | None = instance("guest", people=["bob@example.com"], tailscale={"enabled": False})

    @property
    def instances(self) -> list[Values]:
        return [self.home, *([self.guest] if self.guest else [])]

    def change(self, **over: Any) -> Result:
        """Lay `over` on the first instance and apply it."""
        self.home = merged(self.home, over)
        return self.stack.up(*self.instances)

    def at(self, **over: Any) -> None:
        """The same, if it is not so already."""
        self.home = merged(self.home, over)
        self.stack.at(*self.instances)


@pytest.fixture(scope="module")
def life(stack: MakeStack, tailnet: Tailnet) -> Life:
    return Life(stack("life", owned=True))


def token(cluster: Cluster, namespace: str = NAMESPACE) -> str:
    return cluster.secret_of(namespace, "gateway-token")["data"]["token"]


def test_a_preview_shows_everything_and_creates_nothing(
    stack: MakeStack, cluster: Cluster, tailnet: Tailnet, life: Life
) -> None:
    untouched = tailnet.policy()
    result = stack("never", owned=True).preview(instance("never"))
    assert result.changes["create"] == len(steps(result)), result.output
    assert {"never-gateway", "never-gateway-home", "never-authkey", "guard-pods"} <= steps(result).keys()
    assert cluster.inventory("never") == {}
    assert cluster.get("/api/v1/namespaces/openclaw-never") is None
    assert tailnet.policy() == untouched
    assert not [key for key in tailnet.valid_keys().values() if "never" in key["description"]]


def test_up_brings_a_ready_pod_and_says_where_it_is(cluster: Cluster, life: Life) -> None:
    life.at()
    assert {*containers(cluster.pod(NAMESPACE))} == {"unseal", "tailscale", "gateway"}
    shown = life.stack.engine(*life.instances).preview().outputs
    home = shown["instances"]["life"]
    assert (home["address"], home["hostname"]) == ("http://openclaw-life.sandbox.internal", "openclaw-life")
    assert (home["namespace"], home["tag"]) == (NAMESPACE, "tag:openclaw-life")
    assert cluster.secret_of(NAMESPACE, "gateway-token")["metadata"]["name"] in home["tokenCommand"]
    assert shown["tokens"] == {"life": HIDDEN, "guest": HIDDEN}


def test_the_tailnet_lets_each_person_reach_their_gateway_and_nobody_else(tailnet: Tailnet, life: Life) -> None:
    life.at(tailscale={"enabled": True})
    assert '"tag:openclaw-life"' in tailnet.policy()
    [key] = [key for key in tailnet.valid_keys().values() if "openclaw life" in key["description"]]
    assert key["capabilities"]["devices"]["create"] == {
        "reusable": True,
        "ephemeral": False,
        "preauthorized": True,
        "tags": ["tag:openclaw-life"],
    }


def test_i11_a_second_up_and_a_preview_after_it_change_nothing(cluster: Cluster, life: Life) -> None:
    life.at()
    before = cluster.inventory("life")
    again, after = life.stack.up(*life.instances), life.stack.preview(*life.instances)
    assert again.unchanged, steps(again)
    assert after.unchanged, steps(after)
    assert cluster.inventory("life") == before


def test_a_new_limit_updates_the_deployment_in_place_and_nothing_else(cluster: Cluster, life: Life) -> None:
    life.at()
    uid = cluster.deployment(NAMESPACE)["metadata"]["uid"]
    result = life.change(gateway={"resources": {"memoryLimit": "3Gi"}})
    assert steps(result) == {"life-gateway": "update"}
    deployment = cluster.deployment(NAMESPACE)
    assert deployment["metadata"]["uid"] == uid
    assert containers(deployment)["gateway"]["resources"]["limits"]["memory"] == "3Gi"
    assert containers(cluster.pod(NAMESPACE))["gateway"]["resources"]["limits"]["memory"] == "3Gi"


def test_i10_disabling_tailscale_keeps_data_and_token(cluster: Cluster, tailnet: Tailnet, life: Life) -> None:
    """All that is Tailscale's is removed."""
    life.at(tailscale={"enabled": True})
    claims, secret = cluster.claims(NAMESPACE), token(cluster)
    life.change(tailscale={"enabled": False})
    assert {*containers(cluster.pod(NAMESPACE))} == {"gateway"}
    assert len(cluster.names("Secret", NAMESPACE)) == 1, "the key's two Secrets should be gone"
    assert not [name for name in cluster.names("ConfigMap", NAMESPACE) if "serve" in name]
    assert "allow-wireguard" not in cluster.names("NetworkPolicy", NAMESPACE)
    assert not [key for key in tailnet.valid_keys().values() if "openclaw life" in key["description"]]
    labels = cluster.one("Namespace", "", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert (cluster.claims(NAMESPACE), token(cluster)) == (claims, secret)
    assert claims.keys() == {"gateway-home", "tailnet-state"}


def test_i10_enabling_tailscale_again_returns_to_the_same_volumes(cluster: Cluster, life: Life) -> None:
    life.at(tailscale={"enabled": False})
    claims, secret = cluster.claims(NAMESPACE), token(cluster)
    life.change(tailscale={"enabled": True})
    pod = cluster.pod(NAMESPACE)
    assert {*containers(pod)} == {"unseal", "tailscale", "gateway"}
    mounted = {volume["name"]: volume.get("persistentVolumeClaim") for volume in pod["spec"]["volumes"]}
    assert mounted["tailnet-state"] == {"claimName": "tailnet-state"}
    assert "allow-wireguard" in cluster.names("NetworkPolicy", NAMESPACE)
    assert (cluster.claims(NAMESPACE), token(cluster)) == (claims, secret)


def test_i10_rotating_the_auth_key_seals_anew_and_rolls_the_pod(cluster: Cluster, tailnet: Tailnet, life: Life) -> None:
    life.at(tailscale={"enabled": True})

    def now() -> dict[str, str]:
        return {
            "ciphertext": cluster.secret_of(NAMESPACE, "tailnet-authkey")["data"]["authkey.jwe"],
            "kek": cluster.secret_of(NAMESPACE, "tailnet-kek")["data"]["kek"],
            "key": unsealed(cluster, NAMESPACE, "life"),
            "pod": cluster.pod(NAMESPACE)["metadata"]["uid"],
            "id": next(id for id, key in tailnet.valid_keys().items() if "openclaw life" in key["description"]),
        }

    before, claims, secret = now(), cluster.claims(NAMESPACE), token(cluster)
    life.change(tailscale={"authKey": {"rotation": "next"}})
    after = now()
    assert not {name for name in before if before[name] == after[name]}, "these should be new"
    assert before["id"] not in tailnet.valid_keys(), "the old key should be revoked"
    assert (cluster.claims(NAMESPACE), token(cluster)) == (claims, secret)


def test_i10_rotating_the_token_makes_a_new_one_and_rolls_the_pod(cluster: Cluster, life: Life) -> None:
    life.at()
    before, pod, claims = token(cluster), cluster.pod(NAMESPACE)["metadata"]["uid"], cluster.claims(NAMESPACE)
    result = life.change(gateway={"auth": {"rotation": "next"}})
    assert steps(result).keys() == {"life-token", "life-gateway-token", "life-gateway"}
    assert token(cluster) != before
    assert cluster.pod(NAMESPACE)["metadata"]["uid"] != pod
    assert cluster.claims(NAMESPACE) == claims


DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/openclaw"
POLICY = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies/allow-https"


def edit(cluster: Cluster, manager: str) -> None:
    """Edits two of our objects as somebody else would: `kubectl edit`, a script or k9s (a write), a controller (an apply)."""
    limited = [{"name": "gateway", "resources": {"limits": {"memory": "9Gi"}}}]
    changes: dict[str, Values] = {
        DEPLOYMENT: {"metadata": {"labels": OTHER}, "spec": {"template": {"spec": {"containers": limited}}}},
        POLICY: {"spec": {"policyTypes": ["Ingress", "Egress"]}},
    }
    for path, change in changes.items():
        if manager == "a-controller":
            cluster.apply_as(manager, path, change)
        else:
            cluster.strategic(f"{path}?fieldManager={manager}", change)


@pytest.mark.parametrize("manager", ["kubectl-edit", "k9s", "a-controller"])
def test_drift_by_anybody_is_found_shown_and_healed(cluster: Cluster, life: Life, manager: str) -> None:
    """A refresh finds it, a preview shows it, and an update heals it."""
    life.at(tailscale={"enabled": True})
    edit(cluster, manager)
    secret = cluster.secret_of(NAMESPACE, "gateway-token")
    cluster.delete(f"/api/v1/namespaces/{NAMESPACE}/secrets/{secret['metadata']['name']}")

    refreshed = life.stack.refresh(*life.instances)
    drifted = {"life-gateway": "update", "life-allow-https": "update", "life-gateway-token": "delete"}
    assert steps(refreshed) == drifted, refreshed.output
    shown = life.stack.preview(*life.instances)
    mended = {"life-gateway": "update", "life-allow-https": "update", "life-gateway-token": "create"}
    assert steps(shown) == mended, shown.output
    assert steps(life.stack.up(*life.instances)) == mended

    assert_declared(cluster)
    assert token(cluster) == secret["data"]["token"]
    assert life.stack.preview(*life.instances).unchanged


def assert_declared(cluster: Cluster) -> None:
    deployment = cluster.deployment(NAMESPACE)
    assert deployment["metadata"]["labels"]["openclaw-tailnet/instance"] == "life"
    assert containers(deployment)["gateway"]["resources"]["limits"]["memory"] != "9Gi"
    assert cluster.one("NetworkPolicy", NAMESPACE, "allow-https")["spec"]["policyTypes"] == ["Egress"]
    assert cluster.pod(NAMESPACE)


@pytest.mark.parametrize("manager", ["k9s", "a-controller"])
def test_a_change_wins_over_an_edit_that_nobody_refreshed(cluster: Cluster, life: Life, manager: str) -> None:
    life.at(tailscale={"enabled": True})
    edit(cluster, manager)
    size = "5Gi" if life.home["gateway"]["resources"]["memoryLimit"] == "4Gi" else "4Gi"
    life.home = merged(life.home, {"gateway": {"resources": {"memoryLimit": size}}})
    assert steps(life.stack.preview(*life.instances)) == {"life-gateway": "update"}
    assert steps(life.stack.up(*life.instances)) == {"life-gateway": "update"}
    assert containers(cluster.deployment(NAMESPACE))["gateway"]["resources"]["limits"]["memory"] == size
    # What did not change in the program is healed when somebody refreshes.
    life.stack.refresh(*life.instances)
    life.stack.up(*life.instances)
    assert_declared(cluster)


def test_a_forged_secret_is_replaced_and_no_pod_keeps_it(cluster: Cluster, life: Life) -> None:
    life.at(tailscale={"enabled": True})
    good, pod = cluster.secret_of(NAMESPACE, "tailnet-authkey"), cluster.pod(NAMESPACE)["metadata"]["uid"]
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    kept = {key: good["metadata"][key] for key in ("name", "labels")}
    cluster.delete(f"{path}/{kept['name']}")
    forged = {"authkey.jwe": base64.b64encode(b"forged").decode()}
    assert cluster.create(path, {"metadata": kept, "data": forged, "immutable": True})

    life.stack.refresh(*life.instances)
    life.stack.up(*life.instances)

    now = cluster.secret_of(NAMESPACE, "tailnet-authkey")
    assert (now["metadata"]["name"], now["data"]) == (kept["name"], good["data"])
    # A kubelet that has seen an immutable Secret does not look at it again: only a new pod gets the good one.
    assert cluster.pod(NAMESPACE)["metadata"]["uid"] != pod
    assert life.stack.preview(*life.instances).unchanged


def test_i10_an_instance_removed_and_added_again_finds_its_volumes(cluster: Cluster, life: Life) -> None:
    life.at()
    claims, guest = cluster.claims(GUEST), life.guest
    assert claims.keys() == {"gateway-home", "tailnet-state"}

    life.guest = None
    life.at()
    left = {place for place in cluster.inventory("life") if f" {GUEST}/" in place or place.endswith(f"/{GUEST}")}
    assert left == {
        f"Namespace /{GUEST}",
        f"PersistentVolumeClaim {GUEST}/gateway-home",
        f"PersistentVolumeClaim {GUEST}/tailnet-state",
    }
    assert cluster.claims(GUEST) == claims, "storage.retain is true by default"
    assert cluster.items(f"/api/v1/namespaces/{GUEST}/pods") == []
    assert cluster.pod(NAMESPACE), "the other instance should not notice"

    life.guest = guest
    life.at()
    assert cluster.claims(GUEST) == claims
    assert cluster.pod(GUEST)


def test_i4_nothing_secret_is_kept_or_shown_in_any_encoding(cluster: Cluster, life: Life) -> None:
    life.at(tailscale={"enabled": True})
    shown = [life.stack.preview(*life.instances)]
    home = life.stack.world.home
    secrets = secrets_of(life.stack, *life.instances) | {
        "the gateway's token": base64.b64decode(token(cluster)).decode(),
        "the auth key": unsealed(cluster, NAMESPACE, "life"),
        "the key-encryption key": base64.b64decode(cluster.secret_of(NAMESPACE, "tailnet-kek")["data"]["kek"]).decode(),
        "the API key": life.stack.world.api_key,
        "the passphrase": home.secret("passphrase"),
    }
    assert {"life-token.outputs.result", "life-kek.outputs.result", "life-authkey.outputs.key"} <= secrets.keys()
    assert {"life-tailnet-kek.outputs.data.kek", "life-gateway-token.inputs.data.token"} <= secrets.keys()
    kept = everything_kept(life.stack.world, cluster, "life", shown)
    assert {"state/.pulumi/stacks/openclaw-tailnet/life.json", "logs/pulumi-life.log", "events 0"} <= kept.keys()
    assert [place for place in kept if place.startswith("state/.pulumi/backups/")], "backups are searched too"
    assert hidden_in(kept, secrets) == []


def test_i4_the_state_marks_every_secret(life: Life) -> None:
    life.at(tailscale={"enabled": True})
    resources = life.stack.resources()
    for name in ("life-gateway-token", "life-tailnet-kek", "life-tailnet-authkey"):
        assert marked_secret(resources[name]["inputs"], "data"), name
        assert marked_secret(resources[name]["outputs"], "data"), name
    assert marked_secret(resources["life-authkey"]["outputs"], "key")
    assert marked_secret(resources["tailscale"]["inputs"], "apiKey")
    for name in ("life-token", "life-kek"):
        assert marked_secret(resources[name]["outputs"], "result", "bcryptHash"), name
