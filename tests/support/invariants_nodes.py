"""The invariants of the design for execution nodes: pods like any other, and material that is secret and confined."""

import json
import plistlib
import re
from collections.abc import Iterator
from typing import Any

from components.settings import Node
from tests.support.evaluate import PRIVATE_ADDRESSES, PUBLIC_ADDRESSES, entrances, may_leave
from tests.support.graph import Resource
from tests.support.invariants import DNS_LABEL, TAILNET_MOUNTS, Run

OPEN_PORTS = {"https": "443", "http": "80", "tcp": "18789"}


def pods(run: Run) -> Iterator[tuple[Node, Resource]]:
    """The nodes that are pods, each with its Deployment."""
    for node in run.settings.nodes:
        if node.kind == "kubernetes":
            yield node, run.graph.one("Deployment", f"node-{node.id}-host")


def i1_to_i9_hold_for_the_pods_of_nodes(run: Run) -> None:
    for _, deployment in pods(run):
        pod = deployment.plain["spec"]["template"]["spec"]
        containers = {entry["name"]: entry for entry in [*pod["initContainers"], *pod["containers"]]}
        assert list(containers) == ["unseal", "tailscale", "enrol", "node"]
        assert not any(pod[key] for key in ("hostNetwork", "hostPID", "hostIPC"))
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        assert "serviceAccountName" not in pod
        assert not [volume for volume in pod["volumes"] if {"hostPath", "projected"} & set(volume)]
        for name, container in containers.items():
            context = container["securityContext"]
            # Userspace: not even the sidecar has a capability (I2).
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert (context["privileged"], context["allowPrivilegeEscalation"]) == (False, False)
            assert (context["runAsNonRoot"], context["readOnlyRootFilesystem"]) == (True, True)
            assert "ports" not in container
            mounts = {mount["name"] for mount in container["volumeMounts"]}
            assert bool(mounts & TAILNET_MOUNTS) is (name in ("unseal", "tailscale")), "I3"
            assert set(container["resources"]["limits"]) == set(container["resources"]["requests"]) == {"cpu", "memory"}
            assert re.search(r"(:v?\d+\.\d+\.\d+[^@/:]*|@sha256:[0-9a-f]{64})$", container["image"])
        sidecar = {variable["name"]: variable.get("value") for variable in containers["tailscale"]["env"]}
        assert sidecar["TS_KUBE_SECRET"] == ""
        assert sidecar["TS_USERSPACE"] == "true"
        assert "TS_SERVE_CONFIG" not in sidecar, "it serves nothing (I1)"


def i4_the_gateway_s_secret_is_where_no_command_runs(run: Run) -> None:
    for _, deployment in pods(run):
        pod = deployment.plain["spec"]["template"]["spec"]
        given = {
            container["name"]
            for container in [*pod["initContainers"], *pod["containers"]]
            if "secretKeyRef" in json.dumps(container) or "envFrom" in container
        }
        assert given == {"enrol"}
    exports = run.graph.exports
    for node in run.settings.nodes:
        if node.kind != "kubernetes":
            assert exports.is_secret("join", node.id)
    assert set(exports.plain["join"]) == {node.id for node in run.settings.nodes if node.kind != "kubernetes"}


def i6_the_network_of_a_node_is_closed(run: Run) -> None:
    for node, deployment in pods(run):
        policies = run.graph.of("NetworkPolicy", deployment.namespace)
        labels = deployment.plain["spec"]["template"]["metadata"]["labels"]
        assert entrances(policies, labels) == entrances(policies, {"app": "other"}) == []
        usual = [policy for policy in policies if "extra-egress" not in policy.object_name]
        assert len(policies) - len(usual) == len(node.kubernetes.extra_egress)
        for address in PRIVATE_ADDRESSES:
            assert not may_leave(usual, labels, address, "TCP", 443)
            assert not may_leave(usual, labels, address, "UDP", 41641)
        for address in PUBLIC_ADDRESSES:
            assert may_leave(usual, labels, address, "TCP", 443)
            assert may_leave(usual, labels, address, "UDP", 41641)
        (namespace,) = [entry for entry in run.graph.of("Namespace") if entry.object_name == deployment.namespace]
        assert namespace.plain["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        guard = {entry.urn for entry in run.graph.below(run.graph.one("AdmissionGuard", "guard"))}
        assert deployment.dependencies >= {policy.urn for policy in policies} | guard


def i7_each_key_is_for_one_machine_and_its_own_tag(run: Run) -> None:
    minted = {key.name: key.plain for key in run.graph.of("TailnetKey") if key.name.startswith("node-")}
    for node in run.settings.nodes:
        key = minted.pop(f"node-{node.id}-authkey", None)
        key_expected = node.kind != "mobile" and node.auth_key.value is None
        assert (key is not None) is (key_expected and run.settings.tailnet.ownership != "external")
        if key:
            assert (key["tags"], key["reusable"]) == ([f"tag:openclaw-node-{node.id}"], False)
            assert key["expiry"] == node.auth_key.expiry_days * 86400
    assert minted == {}


def i10_a_node_s_volumes_outlive_it(run: Run) -> None:
    for node, deployment in pods(run):
        claims = run.graph.of("PersistentVolumeClaim", deployment.namespace)
        assert {claim.object_name for claim in claims} == {"gateway-home", "tailnet-state"}
        assert {claim.retain for claim in claims} == {node.kubernetes.storage.retain}


def i12_nodes_share_no_name(run: Run) -> None:
    exported = run.graph.exports.plain["nodes"]
    assert set(exported) == {node.id for node in run.settings.nodes}
    others = run.graph.exports.plain["instances"].values()
    for key in ("hostname", "tag", "namespace"):
        names = [summary[key] for summary in [*exported.values(), *others] if key in summary]
        assert len(set(names)) == len(names)
        assert all(DNS_LABEL.fullmatch(value.removeprefix("tag:")) for value in names)


def the_material_names_the_gateway_and_the_commands(run: Run) -> None:
    for node in run.settings.nodes:
        text: str = run.graph.exports.plain["join"].get(node.id, "")
        (instance,) = [entry for entry in run.settings.instances if entry.id == node.gateway]
        host = f"{instance.tailscale.hostname or f'openclaw-{instance.id}'}.{run.settings.tailnet.name}"
        for words in commands_of(node, text):
            at = words.index("run")
            secure = instance.tailscale.reach == "https"
            assert words[at - 1 : at + 5] == [
                "node",
                "run",
                "--host",
                host,
                "--port",
                OPEN_PORTS[instance.tailscale.reach],
            ]
            assert ("--tls" in words, "--no-tls" in words) == (secure, not secure)
            assert words[words.index("--commands") + 1] == ",".join(node.offered)


def commands_of(node: Node, text: str) -> Iterator[list[str]]:
    """The command lines of the node host in what joins a node."""
    if node.kind == "linux":
        files = {file["path"]: file for file in json.loads(text.removeprefix("#cloud-config\n"))["write_files"]}
        unit = files["/etc/systemd/system/openclaw-node.service"]["content"]
        for line in unit.splitlines():
            if line.startswith("ExecStart"):
                yield line.split()
    if node.kind == "mac":
        yield plist_of(text)["ProgramArguments"]


def plist_of(script: str) -> Any:
    """The launchd agent in a Mac's script."""
    plist = re.search(r"<<'PLIST'\n(.*?)^PLIST$", script, re.DOTALL | re.MULTILINE)
    assert plist
    return plistlib.loads(plist[1].encode())
