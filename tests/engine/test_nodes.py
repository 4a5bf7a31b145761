"""Execution nodes through the real engine: what joins them is secret, nothing moves by itself, and removing one takes its access."""

import dataclasses
import json
from typing import Final

import pytest

from components.constants import PROJECT
from engine.configuration import Values
from engine.state import HIDDEN
from tests.support.engine_world import Cluster, MakeStack, Stack, Tailnet, containers, instance, steps, unsealed
from tests.support.plain_text import everything_kept, hidden_in

HOME: Final = instance("work")
SMALL: Final = {"home": {"size": "64Mi"}, "tailnet": {"size": "64Mi"}}
MACHINE: Final[Values] = {"id": "machine", "kind": "linux", "gateway": "work"}
POD: Final[Values] = {"id": "pod", "kind": "kubernetes", "gateway": "work", "kubernetes": {"storage": SMALL}}
POD_NAMESPACE: Final = "openclaw-node-pod"


def listing(stack: Stack, *nodes: Values) -> Stack:
    """The stack with these nodes."""
    return dataclasses.replace(stack, config={f"{PROJECT}:nodes": list(nodes)})


@pytest.fixture(scope="module")
def work(stack: MakeStack, tailnet: Tailnet) -> Stack:
    return stack("work", owned=True)


def test_i4_what_joins_a_node_is_in_no_text_that_the_stack_leaves(cluster: Cluster, work: Stack) -> None:
    ours = listing(work, MACHINE, POD)
    result = ours.up(HOME)
    assert result.outputs["join"] == {"machine": HIDDEN}
    assert result.outputs["nodes"]["machine"]["tag"] == "tag:openclaw-node-machine"
    written = json.loads(ours.engine(HOME).outputs()["join"]["machine"].partition("\n")[2])["write_files"]
    files = {file["path"]: file["content"].strip() for file in written}
    token = files["/var/lib/openclaw-node/gateway-secret"].partition("=")[2]
    secrets = {
        "the machine's key": files["/etc/openclaw-node/tailnet-key"],
        "the pod's key": unsealed(cluster, POD_NAMESPACE, "node-pod"),
        "the gateway's token": token,
    }
    assert all(len(value) > 20 for value in secrets.values())
    assert hidden_in(everything_kept(work.world, cluster, "work", [result]), secrets) == []


def test_each_node_has_a_key_for_one_machine(tailnet: Tailnet, work: Stack) -> None:
    listing(work, MACHINE, POD).up(HOME)
    keys = {
        tag: key["capabilities"]["devices"]["create"]
        for key in tailnet.valid_keys().values()
        for tag in key["capabilities"]["devices"]["create"]["tags"]
        if "-node-" in tag
    }
    assert keys.keys() == {"tag:openclaw-node-machine", "tag:openclaw-node-pod"}
    assert not any(key["reusable"] or key["ephemeral"] for key in keys.values())


def test_i11_a_second_up_and_a_preview_after_it_change_nothing(work: Stack) -> None:
    ours = listing(work, MACHINE, POD)
    ours.up(HOME)
    again, after = ours.up(HOME), ours.preview(HOME)
    assert again.unchanged, steps(again)
    assert after.unchanged, steps(after)


def test_i2_the_guard_and_pod_security_take_the_pod_of_a_node(cluster: Cluster, work: Stack) -> None:
    listing(work, MACHINE, POD).up(HOME)
    labels = cluster.one("Namespace", "", POD_NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {*containers(cluster.pod(POD_NAMESPACE))} == {"unseal", "tailscale", "enrol", "node"}


def test_a_machine_that_is_lost_gets_a_new_key_and_nothing_else_changes(work: Stack) -> None:
    ours = listing(work, MACHINE, POD)
    ours.up(HOME)
    before = ours.engine(HOME).outputs()["join"]["machine"]
    anew = listing(work, {**MACHINE, "authKey": {"rotation": "again"}}, POD)
    assert steps(anew.up(HOME)).keys() - {"work"} == {"node-machine-authkey"}
    assert ours.engine(HOME).outputs()["join"]["machine"] != before


def test_i10_a_removed_node_loses_access_and_keeps_its_volumes(cluster: Cluster, tailnet: Tailnet, work: Stack) -> None:
    listing(work, MACHINE, POD).up(HOME)
    claims = cluster.claims(POD_NAMESPACE)
    work.up(HOME)
    assert "-node-" not in tailnet.policy()
    assert "node" not in json.dumps([key["description"] for key in tailnet.valid_keys().values()])
    assert cluster.claims(POD_NAMESPACE) == claims
    assert not cluster.items(f"/apis/apps/v1/namespaces/{POD_NAMESPACE}/deployments")
