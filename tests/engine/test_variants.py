"""Each shape of a gateway comes up: modes, reaches, kinds of auth; in a tailnet that is not ours, with given keys."""

import base64
import json
from typing import Any

import pytest

from components.constants import PROJECT
from engine.stack import Result
from sandbox.kube import Object
from tests.support.engine_world import Cluster, MakeStack, Stack, containers, given_key, instance, unsealed
from tests.support.placements import PLACED, TO_THE_PROXY
from tests.support.plain_text import everything_kept, hidden_in, marked_secret

MODEL_KEY = "sk-test-variants-0123456789abcdef"
SECRET = {f"{PROJECT}:instances[0].gateway.secrets.OPENAI_API_KEY": MODEL_KEY}
# The simulated node has these labels.
PLACEMENT: Object = {**PLACED, "nodeSelector": {"kubernetes.io/os": "linux"}}
VARIANTS = (
    instance("user", tailscale={"mode": "userspace", "metrics": True}, gateway={"auth": {"mode": "password"}}),
    instance("raw", tailscale={"reach": "tcp", "metrics": True}),
    instance("login", gateway={"auth": {"mode": "identity"}}),
    instance("plain", tailscale={"reach": "https"}),
    instance("off", tailscale={"enabled": False}),
    instance("placed", pod=PLACEMENT, extraEgress=[TO_THE_PROXY]),
)
NAMES = [str(variant["id"]) for variant in VARIANTS]


@pytest.fixture(scope="module")
def variants(stack: MakeStack) -> Stack:
    new_stack = stack("variants")
    new_stack.secret = SECRET
    return new_stack


@pytest.fixture(scope="module")
def result(variants: Stack, classes: None) -> Result:
    return variants.up(*VARIANTS)


def config(cluster: Cluster, namespace: str, part: str) -> dict[str, Any]:
    """The JSON in the ConfigMap for `part`."""
    [name] = [name for name in cluster.names("ConfigMap", namespace) if f"-{part}-" in name]
    [text] = cluster.one("ConfigMap", namespace, name)["data"].values()
    return json.loads(text)


@pytest.mark.parametrize("name", NAMES)
def test_each_variant_gets_a_ready_pod(result: Result, cluster: Cluster, name: str) -> None:
    assert cluster.pod(f"openclaw-{name}")


def test_a_placement_is_in_the_pod_that_the_guard_admitted(result: Result, cluster: Cluster) -> None:
    pod = cluster.pod("openclaw-placed")
    for key in ("nodeSelector", "runtimeClassName", "priorityClassName"):
        assert pod["spec"][key] == PLACEMENT[key]
    # The API server adds tolerations of its own.
    assert [one for one in PLACEMENT["tolerations"] if one not in pod["spec"]["tolerations"]] == []
    assert PLACEMENT["labels"].items() <= pod["metadata"]["labels"].items()
    assert PLACEMENT["annotations"].items() <= pod["metadata"]["annotations"].items()
    [name] = [name for name in cluster.names("ConfigMap", "openclaw-placed") if "-ca-bundle-" in name]
    assert cluster.one("ConfigMap", "openclaw-placed", name)["data"] == {"ca.crt": PLACEMENT["caBundle"]["pem"]}


@pytest.mark.parametrize("name", NAMES)
def test_i2_pod_security_is_as_tight_as_the_mode_allows(result: Result, cluster: Cluster, name: str) -> None:
    enforced = "restricted" if name in ("user", "off") else "privileged"
    labels = cluster.one("Namespace", "", f"openclaw-{name}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == enforced
    assert labels["pod-security.kubernetes.io/warn"] == "restricted"


def test_i2_a_userspace_sidecar_has_neither_capability_nor_device(result: Result, cluster: Cluster) -> None:
    pod = cluster.pod("openclaw-user")
    assert containers(pod)["tailscale"]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not [volume for volume in pod["spec"]["volumes"] if "hostPath" in volume]


def test_password_mode_gives_the_gateway_a_password(result: Result, cluster: Cluster) -> None:
    gateway = containers(cluster.pod("openclaw-user"))["gateway"]
    assert [entry["name"] for entry in gateway["env"] if "valueFrom" in entry] == ["OPENCLAW_GATEWAY_PASSWORD"]
    assert config(cluster, "openclaw-user", "config")["gateway"]["auth"]["mode"] == "password"


def test_i1_every_variant_binds_loopback(result: Result, cluster: Cluster) -> None:
    binds = [config(cluster, f"openclaw-{name}", "config")["gateway"]["bind"] for name in NAMES]
    assert binds == ["loopback"] * len(NAMES)


def test_tcp_serves_the_raw_port_and_nothing_else(result: Result, cluster: Cluster) -> None:
    assert config(cluster, "openclaw-raw", "serve") == {"TCP": {"18789": {"TCPForward": "127.0.0.1:18789"}}}


def test_metrics_open_one_port_to_the_monitoring_namespace(result: Result, cluster: Cluster) -> None:
    for namespace in ("openclaw-user", "openclaw-raw"):
        [rule] = cluster.one("NetworkPolicy", namespace, "allow-metrics")["spec"]["ingress"]
        assert [port["port"] for port in rule["ports"]] == [9002]
        [source] = rule["from"]
        assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    assert "allow-metrics" not in cluster.names("NetworkPolicy", "openclaw-plain")


def test_identity_lets_in_the_listed_logins_by_serves_header(result: Result, cluster: Cluster) -> None:
    auth = config(cluster, "openclaw-login", "config")["gateway"]["auth"]
    assert (auth["mode"], auth["trustedProxy"]["allowUsers"]) == ("trusted-proxy", ["alice@example.com"])


def test_an_external_tailnet_is_not_touched(variants: Stack, result: Result) -> None:
    types = {resource["type"] for resource in variants.resources().values()}
    assert not [kind for kind in types if "tailscale" in kind], types


@pytest.mark.parametrize("name", ["user", "raw", "login", "plain", "placed"])
def test_i4_a_given_key_is_in_the_cluster_only_sealed(result: Result, cluster: Cluster, name: str) -> None:
    assert unsealed(cluster, f"openclaw-{name}", name) == given_key(name)


def test_i4_nothing_secret_is_kept_or_shown_in_plain(variants: Stack, result: Result, cluster: Cluster) -> None:
    preview = variants.preview(*VARIANTS)
    needles = {f"given key of {name}": given_key(name) for name in NAMES}
    needles["model key"] = MODEL_KEY
    for name in NAMES:
        data = cluster.secret_of(f"openclaw-{name}", "gateway-token")["data"]
        needles[f"token of {name}"] = base64.b64decode(data["token"]).decode()
    kept = everything_kept(variants.world, cluster, variants.name, [result, preview])
    assert {
        "state/.pulumi/stacks/openclaw-tailnet/variants.json",
        "logs/pulumi-variants.log",
        "events 1",
    } <= kept.keys()
    assert hidden_in(kept, needles) == []


def test_i4_the_state_marks_every_secret(variants: Stack, result: Result) -> None:
    resources = variants.resources()
    assert marked_secret(resources["user-agent-secrets"]["inputs"], "data")
    for name in NAMES:
        assert marked_secret(resources[f"{name}-gateway-token"]["inputs"], "data")
    assert result.outputs["tokens"] == dict.fromkeys(NAMES, "[secret]")
