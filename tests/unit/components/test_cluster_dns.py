"""A preview says when the cluster's DNS is not where the NetworkPolicies expect it."""

from pathlib import Path

import pytest

from components.ownership import read
from tests.support.cluster_api import CLAIMS, DNS_PODS, NAMESPACES, api_server
from tests.support.configs import smallest
from tests.support.harness import run_program

OWN = "/api/v1/namespaces/dns/pods"
SOME = {"items": [{"metadata": {"name": "one"}}]}
NONE = {"items": None}
CACHE = "cluster.dnsAddresses: this cluster has NodeLocal DNSCache"
NO_PODS = "cluster.dnsLabels: no pod of the namespace "


@pytest.mark.parametrize(
    ("pods", "cache", "warnings"),
    [
        (SOME, NONE, []),
        (SOME, SOME, [CACHE]),
        (NONE, NONE, [f"{NO_PODS}dns has the labels app=dns,tier=one"]),
        (NONE, SOME, [f"{NO_PODS}dns has the labels app=dns,tier=one", CACHE]),
    ],
)
def test_what_the_cluster_shows_is_what_is_said(
    tmp_path: Path, pods: object, cache: object, warnings: list[str]
) -> None:
    answers = {NAMESPACES: (200, NONE), CLAIMS: (200, NONE), OWN: (200, pods), DNS_PODS: (200, cache)}
    with api_server(answers, tmp_path) as cluster:
        given = cluster.model_copy(update={"dns_namespace": "dns", "dns_labels": {"app": "dns", "tier": "one"}})
        said = read(given, "prod").warnings
    assert [line.startswith(start) for line, start in zip(said, warnings, strict=True)] == [True] * len(warnings)


def test_set_addresses_are_believed_and_nothing_is_asked(tmp_path: Path) -> None:
    with api_server({NAMESPACES: (200, NONE), CLAIMS: (200, NONE)}, tmp_path) as cluster:
        given = cluster.model_copy(update={"dns_addresses": ("169.254.20.10",)})
        assert read(given, "prod").reason == ""


def test_who_may_not_list_pods_hears_nothing(tmp_path: Path) -> None:
    answers: dict[str, tuple[int, object]] = {NAMESPACES: (200, NONE), CLAIMS: (200, NONE), DNS_PODS: (403, {})}
    with api_server(answers, tmp_path) as cluster:
        live = read(cluster, "prod")
    assert (live.reason, live.warnings) == ("", ())


def test_the_preview_warns_and_goes_on(tmp_path: Path) -> None:
    answers = {NAMESPACES: (200, NONE), CLAIMS: (200, NONE), DNS_PODS: (200, NONE)}
    with api_server(answers, tmp_path) as cluster:
        live = read(cluster, "prod")
    graph = run_program(smallest(), stack="prod", preview=True, cluster=live)
    assert [line for line in graph.logs if f"{NO_PODS}kube-system" in line]
    assert graph.one("Deployment", "home-gateway")
