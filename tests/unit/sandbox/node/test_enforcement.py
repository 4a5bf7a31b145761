"""NetworkPolicies are enforced in a namespace that only this sandbox has; its DNS is the pod that they name."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings import Cluster
from sandbox.home import Home
from sandbox.node import config, dns, enforcement, layout
from sandbox.node.layout import Layout


@pytest.fixture
def node(tmp_path: Path) -> Layout:
    home = Home(tmp_path, tmp_path / "bin")
    home.create()
    found = layout.of(home)
    found.run.mkdir(parents=True)
    return found


def ran(script: Path, programs: Path, **variables: str) -> list[str]:
    """What a wrapper runs at last: its `nsenter` only says what it was given, and which address was asked for."""
    programs.mkdir(exist_ok=True)
    (programs / "nsenter").write_text('#!/bin/sh\necho "$CNI_ARGS"\nprintf "%s\\n" "$@"\n')
    (programs / "nsenter").chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", **variables}
    said = subprocess.run([str(script), "given"], env=environment, capture_output=True, text=True, check=True)
    return said.stdout.splitlines()


def test_pods_and_rules_are_in_the_namespace(node: Layout, tmp_path: Path) -> None:
    enforcement.write(node)
    plugin = ran(node.run / "cni-bin" / "bridge", tmp_path / "programs", CNI_ARGS="K8S_POD_NAME=dns-1")
    assert plugin == ["K8S_POD_NAME=dns-1", f"--net={node.namespace}", f"{node.packages}/usr/lib/cni/bridge", "given"]
    for name in ("iptables", "iptables-save", "iptables-restore", "ipset"):
        words = ran(node.run / "netfilter" / name, tmp_path / "programs")
        assert words[1] == f"--net={node.namespace}"
        assert words[2].endswith(f"/{name}")
    # kube-router finds no other ones first.
    assert enforcement.parts(node)[0].environment["PATH"].startswith(f"{node.run}/netfilter:")


@pytest.mark.parametrize(
    ("pod", "fixed"),
    [
        ("K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=dns-5c-x", True),
        # In any order: that of a map of Go.
        ("K8S_POD_NAME=dns-5c-x;K8S_POD_INFRA_CONTAINER_ID=a;K8S_POD_NAMESPACE=kube-system", True),
        ("K8S_POD_NAME=dns-5c-x;K8S_POD_NAMESPACE=kube-system-2", False),
        ("K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=other", False),
        ("K8S_POD_NAMESPACE=default;K8S_POD_NAME=dns-5c-x", False),
    ],
)
def test_only_the_dns_has_a_fixed_address(node: Layout, tmp_path: Path, pod: str, fixed: bool) -> None:
    enforcement.write(node)
    arguments = f"IgnoreUnknown=1;{pod};K8S_POD_UID=1"
    (said, *_) = ran(node.run / "cni-bin" / "bridge", tmp_path / "programs", CNI_ARGS=arguments)
    assert said == (f"{arguments};IP={node.dns}" if fixed else arguments)


def test_the_dns_is_the_pod_that_policies_name(node: Layout) -> None:
    deployment = dns.deployment(node.address)
    template: dict[str, Any] = deployment["spec"]["template"]
    cluster = Cluster()
    assert cluster.dns_labels.items() <= template["metadata"]["labels"].items()
    assert deployment["metadata"]["namespace"] == cluster.dns_namespace
    assert yaml.safe_load(config.kubelet(node))["clusterDNS"] == [node.dns]
    assert f"--server={node.address}" in template["spec"]["containers"][0]["args"]


def test_the_rules_of_two_sandboxes_never_meet(tmp_path: Path) -> None:
    first, second = (Layout(Home(tmp_path / name, tmp_path), index) for index, name in enumerate("ab"))
    assert first.namespace != second.namespace
    assert first.uplink != second.uplink
    assert max(len(first.uplink), len(first.pod_bridge)) <= 15


def test_pods_reach_the_machine_through_the_node(node: Layout) -> None:
    (bridge,) = json.loads(config.cni(node))["plugins"]
    assert (bridge["bridge"], bridge["isGateway"]) == (layout.PODS, False)
    assert bridge["ipam"]["ranges"][0][0]["gateway"] == node.address
    assert bridge["ipam"]["routes"] == [{"dst": "0.0.0.0/0"}]
