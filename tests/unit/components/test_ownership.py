"""A stack never takes over what another stack or a person has: said in a preview, before anything is declared (I12)."""

from pathlib import Path

import pulumi
import pytest

from components.ownership import LiveCluster, Namespace, conflicts, read
from components.settings import Cluster
from components.settings.load import parse
from components.tailnet.policy import render
from components.tailnet.signature import signed, writer
from tests.support.cluster_api import CLAIMS, DNS_PODS, NAMESPACES, api_server
from tests.support.configs import Raw, smallest
from tests.support.harness import run_program

DEVS = LiveCluster({"openclaw-home": Namespace("dev")})


@pytest.mark.parametrize("preview", [True, False])
def test_i12_another_stacks_namespace_is_refused_with_the_ways_out(preview: bool) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        run_program(smallest(), stack="prod", preview=preview, cluster=DEVS)
    assert str(refused.value) == (
        "This stack would take over namespaces of others; nothing was changed:\n"
        "  instances[0]: the namespace openclaw-home belongs to the stack dev. Choose another id or namespace here, or ask its "
        "owner to hand it over: kubectl annotate namespace openclaw-home openclaw-tailnet/hand-over=prod"
    )


@pytest.mark.parametrize(
    ("name", "namespace", "refused"),
    [
        ("openclaw-home", Namespace("prod"), ""),
        ("openclaw-home", Namespace("dev", "prod"), ""),
        ("openclaw-home", Namespace("", "prod"), ""),
        ("elsewhere", Namespace("dev"), ""),
        ("openclaw-home", Namespace("dev", "staging"), "belongs to the stack dev"),
        ("openclaw-home", Namespace(), "was there before and belongs to no stack"),
    ],
)
def test_i12_i10_a_stack_adopts_what_it_left_and_what_it_was_handed(
    name: str, namespace: Namespace, refused: str
) -> None:
    lines = list(conflicts(parse(smallest()), "prod", LiveCluster({name: namespace})))
    assert bool(lines) is bool(refused)
    assert refused in "".join(lines)


def test_i12_namespaces_of_nodes_and_chosen_ones_are_looked_at_too() -> None:
    nodes = [{"id": "pod", "kind": "kubernetes"}, {"id": "box", "kind": "linux"}]
    config = {**smallest(namespace="chosen"), "nodes": [{"gateway": "home", **node} for node in nodes]}
    names = ("chosen", "openclaw-node-pod", "openclaw-node-box", "openclaw-home")
    live = LiveCluster({name: Namespace("dev") for name in names})
    assert [line.partition(" belongs")[0] for line in conflicts(parse(config), "prod", live)] == [
        "instances[0]: the namespace chosen",
        "nodes[0]: the namespace openclaw-node-pod",
    ]


def test_a_cluster_that_cannot_be_read_is_told_and_left_to_its_api_server(tmp_path: Path) -> None:
    live = read(Cluster(kubeconfig=str(tmp_path / "none")), "prod")
    assert live.reason
    graph = run_program(smallest(), stack="prod", cluster=LiveCluster(reason="connection refused"))
    assert [line for line in graph.logs if "(connection refused)" in line]
    assert graph.one("Deployment", "home-gateway")


DEVICE = {
    "id": "1",
    "nodeId": "n1CNTRL",
    "name": "openclaw-home.example.ts.net",
    "hostname": "openclaw-home",
    "tags": ["tag:openclaw-home"],
    "lastSeen": "2026-11-20T10:00:00Z",
}


@pytest.mark.parametrize("preview", [True, False])
def test_i12_a_tag_that_another_stacks_device_carries_is_refused(preview: bool) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        run_program(smallest(), stack="prod", preview=preview, devices=[DEVICE])
    assert str(refused.value) == (
        "instances[0].id: device n1CNTRL (openclaw-home.example.ts.net, tag:openclaw-home, last seen 2026-11-20T10:00:00Z) "
        "carries its tag, but no volume of this stack in this cluster has that device's identity: it belongs to another stack, or "
        "was left behind by an earlier one. Nothing of home was deployed. Choose another id here, or, if nobody uses that device "
        'any more, remove it: curl --request DELETE --user "$TAILSCALE_API_KEY:" '
        "https://api.tailscale.com/api/v2/device/n1CNTRL"
    )


@pytest.mark.parametrize(
    ("config", "cluster"),
    [
        (smallest(), LiveCluster(joined=frozenset({"home"}))),
        (smallest(), LiveCluster(reason="no connection")),
        (smallest(tailscale={"enabled": False}), LiveCluster()),
    ],
    ids=["its own device", "a cluster that cannot be read", "Tailscale off"],
)
def test_i10_the_device_that_a_stack_left_is_its_own(config: Raw, cluster: LiveCluster) -> None:
    assert run_program(config, stack="prod", devices=[DEVICE], cluster=cluster).one("Deployment", "home-gateway")


def owned_by(stack: str, config: Raw) -> str:
    return signed(render(parse(config)), stack)


def test_i12_a_verified_stack_has_no_tag_of_the_stack_that_writes_the_policy() -> None:
    with pytest.raises(pulumi.RunError) as refused:
        run_program(smallest(), stack="prod", preview=True, live=owned_by("dev", smallest()))
    assert str(refused.value) == (
        "The stack dev writes the tailnet's policy, and already uses tag:openclaw-home; nothing was changed. Two stacks in one "
        "tailnet must not share a tag: choose another id here."
    )


def test_i7_an_owned_policy_of_another_stack_is_named() -> None:
    config = {**smallest(), "tailnet": {"name": "example.ts.net", "ownership": "owned"}}
    with pytest.raises(pulumi.RunError, match=r"left unchanged\. It was written by the stack dev\.\n"):
        run_program(config, stack="prod", preview=True, live=owned_by("dev", config))


def test_a_policy_that_a_person_wrote_has_no_signature() -> None:
    assert writer('{"grants": []}') == ""
    assert writer(signed("{}", "dev")) == "dev"


MINE = {"openclaw-tailnet/stack": "prod", "openclaw-tailnet/instance": "home"}


def test_the_cluster_tells_who_owns_what(tmp_path: Path) -> None:
    namespaces = [
        {"metadata": {"name": "kube-system"}},
        {"metadata": {"name": "openclaw-home", "labels": MINE, "annotations": {"openclaw-tailnet/hand-over": "next"}}},
    ]
    claims = [
        {"metadata": {"name": "gateway-home", "labels": {**MINE, "openclaw-tailnet/instance": "other"}}},
        {"metadata": {"name": "tailnet-state", "labels": MINE}},
    ]
    answers: dict[str, tuple[int, object]] = {
        NAMESPACES: (200, {"items": namespaces}),
        CLAIMS: (200, {"items": claims}),
        # Of neither kind may there be a doubt: see test_cluster_dns.py.
        DNS_PODS: (403, {}),
    }
    with api_server(answers, tmp_path) as cluster:
        assert read(cluster, "prod") == LiveCluster(
            {
                "kube-system": Namespace(),
                "openclaw-home": Namespace("prod", "next"),
            },
            frozenset({"home"}),
        )


ODD: list[tuple[tuple[int, object], str]] = [
    ((200, {"items": None}), ""),
    ((403, {"message": "no"}), "HTTP 403 Forbidden"),
    ((500, {}), "HTTP 500 Internal Server Error"),
    ((200, ["no list"]), "list indices must be integers or slices, not str"),
]


@pytest.mark.parametrize(("answer", "reason"), ODD)
def test_what_an_api_server_answers_is_no_traceback(tmp_path: Path, answer: tuple[int, object], reason: str) -> None:
    with api_server({NAMESPACES: answer, CLAIMS: answer, DNS_PODS: (403, {})}, tmp_path) as cluster:
        assert read(cluster, "prod") == LiveCluster(reason=reason)
