"""Who is not the owner gets nothing: stranger, host, other pods, other ports. The pod binds nothing outwards (I1, I6, I7)."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Final

from e2e_world import Figures, Gateway, wait_answer

from components.settings import Images
from sandbox.kube import Object
from sandbox.node import layout
from sandbox.node.devices import Device
from sandbox.world import World
from tests.engine.engine_world import Cluster, eventually

# What a gateway, its sidecar, a browser relay or a careless default could open.
PORTS: Final = (
    *(22, 25, 53, 80, 111, 443, 1055, 3000, 3128, 5252, 5353, 5900, 6443, 8080, 8443, 8788, 9002, 9090, 9100),
    *(10250, 10255, 18788, 18789, 18790, 18791, 18793, 18800, 18801, 41112, 41641),
)
# Opens all at once, from a device's or this machine's network; prints the ports that answered.
SCAN: Final = """
import asyncio, json, sys
host, wait, ports = sys.argv[1], float(sys.argv[2]), [int(port) for port in sys.stdin.read().split(",")]
async def probe(port, gate):
    async with gate:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), wait)
        except (OSError, asyncio.TimeoutError):
            return []
        writer.close()
        return [port]
async def scan():
    gate = asyncio.Semaphore(800)
    return sum(await asyncio.gather(*(probe(port, gate) for port in ports)), [])
print(json.dumps(asyncio.run(scan())))
"""
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


def scan(device: Device, host: str, ports: Iterable[int], wait: float = 2.0) -> list[int]:
    """The ports of a host that take a connection from the device."""
    result = device.run(sys.executable, "-c", SCAN, host, str(wait), text=listed(ports), seconds=60)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def listed(ports: Iterable[int]) -> str:
    return ",".join(str(port) for port in ports)


def own_ports(gateway: Gateway) -> set[int]:
    """Every TCP port that something in the pod's network listens on, also on loopback."""
    found: set[int] = set()
    for name in ("tcp", "tcp6"):
        lines = Path(f"/proc/{gateway.pid('gateway')}/net/{name}").read_text().splitlines()[1:]
        found |= {int(line.split()[1].rpartition(":")[2], 16) for line in lines if line.split()[3] == "0A"}
    return found


def test_only_the_served_port_answers_the_owner_i7(home: Gateway, owner: Device, figures: Figures) -> None:
    """And tailscaled's own peer API, which no policy closes to a device that may reach the gateway at all: it says hello."""
    wait_answer(owner, f"{home.url}/healthz")
    own = json.loads(home.tailscale("status", "--json"))["Self"]
    greeters: list[str] = own["PeerAPIURL"]
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
    assert {(found["metadata"]["namespace"], found["metadata"]["name"]) for found in services} == {
        ("default", "kubernetes")
    }
    assert cluster.items("/apis/networking.k8s.io/v1/ingresses") == []
    slices = cluster.items("/apis/discovery.k8s.io/v1/endpointslices")
    assert {found["metadata"]["namespace"] for found in slices} == {"default"}
    for gateway in (home, lab):
        spec = gateway.pod["spec"]
        assert not spec.get("hostNetwork")
        containers = [*spec["containers"], *spec["initContainers"]]
        assert [port for entry in containers for port in entry.get("ports", [])] == []


@contextlib.contextmanager
def visitor(cluster: Cluster, namespace: str) -> Generator[str]:
    """A pod of somebody else's, as restricted as the namespaces ask; its name."""
    path, name = f"/api/v1/namespaces/{namespace}/pods", "visitor"
    body: Object = {
        "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "visitor",
                    "image": Images().gateway,
                    "args": ["sleep", "600"],
                    "securityContext": {
                        "runAsUser": 1000,
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }
    assert cluster.create(path, body)
    try:
        eventually(lambda: phase(cluster, f"{path}/{name}") == "Running", f"the visitor in {namespace} to run", 30)
        yield name
    finally:
        cluster.delete(f"{path}/{name}")
        eventually(lambda: cluster.get(f"{path}/{name}") is None, f"the visitor in {namespace} to go", 30)


def phase(cluster: Cluster, path: str) -> str:
    found = cluster.get(path)
    return found["status"]["phase"] if found else ""


def test_other_pods_get_nothing_i6(home: Gateway, lab: Gateway, cluster: Cluster, world: World) -> None:
    """Neither by the pod's address, the tailnet's or the node's; this network enforces no NetworkPolicy, so nothing hides
    an open port here."""
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
