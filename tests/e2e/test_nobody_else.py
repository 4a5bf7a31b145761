"""Nobody but the owner gets anything: stranger, host, other pods, other ports. The pod binds nothing outwards (I1, I6, I7)."""

import json
import subprocess
import sys
from typing import Final

from sandbox.node import layout
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import Figures, Gateway, wait_answer
from tests.support.engine_world import Cluster
from tests.support.port_scan import PORTS, SCAN, listed, own_ports, scan
from tests.support.visitors import visitor

# The same from a pod, over all that is given as `host:port`.
POD_SCAN: Final = """
const open = (target) => new Promise((done) => {
  const at = target.lastIndexOf(':');
  const socket = require('net').connect({host: target.slice(0, at), port: Number(target.slice(at + 1))});
  const end = (found) => { socket.destroy(); done(found); };
  socket.on('connect', () => end([target])).on('error', () => end([]));
  setTimeout(() => end([]), 3000);
});
Promise.all(process.argv.slice(1).map(open)).then((found) => console.log(JSON.stringify(found.flat())));
"""


def test_only_the_served_port_answers_the_owner_i7(home: Gateway, owner: Device, figures: Figures) -> None:
    """And tailscaled's own peer API, which no policy closes to a device that may reach the gateway at all: it says hello."""
    wait_answer(owner, f"{home.url}/healthz")
    device = json.loads(home.tailscale("status", "--json"))["Self"]
    greeters: list[str] = device["PeerAPIURL"]
    ports = {*PORTS, *range(1, 1025), *own_ports(home)}
    for address in home.device().ip_addresses:
        peer_api = [int(url.rpartition(":")[2]) for url in greeters if address in url]
        assert scan(owner, address, ports) == sorted([80, *peer_api])
    for path in (
        "/v0/env",
        "/v0/metrics",
        "/v0/goroutines",
        "/v0/magicsock",
        "/v0/put/file",
        "/v0/dnsquery",
        "/healthz",
    ):
        method = "PUT" if "put" in path else "GET"
        code = ("--output", "/dev/null", "--write-out", "%{http_code}")
        answer = owner.curl("--request", method, *code, "--data", "", f"{greeters[0]}{path}").stdout
        assert answer in ("403", "404", "405"), f"{path}: {answer}"
    figures("ports tried on each tailnet address", len(ports))


def test_a_stranger_in_the_tailnet_gets_nothing_i7(home: Gateway, owner: Device, stranger: Device) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    for address in home.device().ip_addresses:
        assert scan(stranger, address, {*PORTS, *own_ports(home)}) == []
    # Not even the name: a device sees only those that it may reach.
    assert stranger.curl(f"{home.url}/healthz", seconds=5).returncode == 6
    assert not stranger.status()["Peer"]


def test_a_device_reaches_no_pod_around_the_tailnet_i1(home: Gateway, owner: Device, stranger: Device) -> None:
    for device in (owner, stranger):
        assert scan(device, home.pod["status"]["podIP"], {*PORTS, *own_ports(home)}) == []


def test_the_host_reaches_no_port_of_the_pod_i1(home: Gateway, figures: Figures) -> None:
    """All 65535: this machine is on the pod's network, with nothing in between."""
    command = [sys.executable, "-c", SCAN, str(home.pod["status"]["podIP"]), "2"]
    text = listed(range(1, 65536))
    result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(result.stdout) == []
    figures("ports of the pod's address tried from the host", 65535)


def test_no_address_of_the_node_leads_to_a_gateway_i1(home: Gateway, owner: Device, world: World) -> None:
    node = layout.of(world.home)
    targets = [
        f"{address}:{port}" for address in (node.address, node.client_gateway) for port in (80, 443, 18789, 9002)
    ]
    for target in targets:
        seen = owner.curl(f"http://{target}/healthz", seconds=2).stdout
        # 443 is the relay's.
        assert "live" not in seen, target


def test_no_object_of_the_cluster_publishes_anything_i1(home: Gateway, lab: Gateway, cluster: Cluster) -> None:
    services = cluster.items("/api/v1/services")
    assert {(published["metadata"]["namespace"], published["metadata"]["name"]) for published in services} == {
        ("default", "kubernetes")
    }
    assert cluster.items("/apis/networking.k8s.io/v1/ingresses") == []
    slices = cluster.items("/apis/discovery.k8s.io/v1/endpointslices")
    assert {published["metadata"]["namespace"] for published in slices} == {"default"}
    for gateway in (home, lab):
        spec = gateway.pod["spec"]
        assert not spec.get("hostNetwork")
        containers = [*spec["containers"], *spec["initContainers"]]
        assert [port for entry in containers for port in entry.get("ports", [])] == []


def test_other_pods_get_nothing_i6(home: Gateway, lab: Gateway, cluster: Cluster, world: World) -> None:
    """Neither by the pod's address, the tailnet's or the node's. NetworkPolicies hide an open port from them: that there is none
    is what the machine sees, whom they let in."""
    addresses = [home.pod["status"]["podIP"], *home.device().ip_addresses, lab.pod["status"]["podIP"]]
    targets = [f"{address}:{port}" for address in addresses for port in sorted({*PORTS, *own_ports(home)})]
    node = layout.of(world.home)
    targets += [f"{address}:{port}" for address in (node.address, node.client_gateway) for port in (80, 18789, 9002)]
    for namespace in (home.namespace, "default"):
        with visitor(cluster, namespace) as name:
            command = ("exec", f"--namespace={namespace}", name, "--", "node", "-e", POD_SCAN, "--", *targets)
            result = home.kubectl(*command, seconds=60)
            assert result.returncode == 0, result.stderr
            assert json.loads(result.stdout) == [], namespace
