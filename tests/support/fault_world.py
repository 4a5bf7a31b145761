"""Helpers of the fault tests: an instance of their own that may be broken, and the hands that break things around it."""

import base64
import contextlib
import json
import signal
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import httpx

from components.constants import SIDECAR_CONTAINER
from engine.processes import Process, start_time
from sandbox.kube import Object
from sandbox.node import layout, machine, network
from sandbox.node.devices import Device
from sandbox.supervisor import Supervisor
from sandbox.world import World
from tests.support.e2e_world import ALICE, Gateway, answers
from tests.support.engine_world import instance

T = TypeVar("T")
SPARE: Final = instance("spare", people=[ALICE], storage={"retain": False})
REAL_GATEWAY: Final = ["node", "openclaw.mjs", "gateway", "run"]
# Answers the probes, and starts in a tenth of a second where the real gateway takes half a minute of CPU. For faults of the
# tailnet's side, which is real and as declared: nothing but these arguments differs.
QUICK_GATEWAY: Final = [
    *("node", "-e"),
    "process.on('SIGTERM',()=>process.exit());"
    "require('http').createServer((q,a)=>a.end('{\"status\":\"started\",\"ok\":true}')).listen(18789,'127.0.0.1')",
]
# All datagrams but DNS: no direct path, no STUN.
UDP: Final = "udp dport != 53 drop"


def until(condition: Callable[[], T | None], what: str, seconds: float = 60.0) -> T:
    """The condition's value, once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)
    return found


def reached(device: Device, gateway: Gateway, seconds: float = 60.0) -> float:
    """Seconds until the gateway answered the device."""
    begin = time.monotonic()
    until(lambda: answers(device, f"{gateway.url}/healthz", 2), f"{gateway.url} answers {device.name}", seconds)
    return time.monotonic() - begin


def closed(device: Device, gateway: Gateway) -> None:
    """Nobody but the listed gets an answer: not by name, not by address, whatever else is broken."""
    node = gateway.devices()
    for host in (gateway.hostname, *(each.ip_addresses[0] for each in node)):
        for port in (80, 18789, 9002):
            assert not answers(device, f"http://{host}:{port}/healthz", 1), f"{device.name} reached {host}:{port}"


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """A signal to one process of our world, by its number and start time."""
    started = start_time(pid)
    assert started is not None, f"there is no process {pid}"
    Process(pid, started).signal(number)


class Parts:
    """The supervised parts: stopped and started through process-compose, killed by their number."""

    def __init__(self, world: World) -> None:
        self._supervisor = Supervisor(world.home)

    def pid(self, name: str) -> int:
        return self._supervisor.states()[name].pid

    def well(self, name: str) -> bool:
        state = self._supervisor.states().get(name)
        return state is not None and state.running and state.ready

    def names(self) -> list[str]:
        return list(self._supervisor.states())

    @contextlib.contextmanager
    def without(self, name: str) -> Generator[None]:
        """Nobody starts the part again until the block ends."""
        self._ask("PATCH", f"/process/stop/{name}")
        until(lambda: not self._supervisor.states()[name].running, f"{name} stops")
        try:
            yield
        finally:
            self._ask("POST", f"/process/start/{name}")
            # process-compose gives up a part whose probe failed while what it needs was away; `make up` starts it again, too.
            for other, state in self._supervisor.states().items():
                if other != name and not state.running:
                    self._ask("POST", f"/process/start/{other}")
            until(lambda: all(map(self.well, self.names())), f"all parts are well after {name}")

    def kill(self, name: str) -> float:
        """SIGKILL; seconds until the supervisor has a well one again."""
        before, begin = self.pid(name), time.monotonic()
        kill(before)
        until(lambda: self.pid(name) not in (0, before) and self.well(name), f"{name} is back")
        return time.monotonic() - begin

    def _ask(self, method: str, path: str) -> None:
        transport = httpx.HTTPTransport(uds=str(self._supervisor.socket))
        with httpx.Client(transport=transport, base_url="http://process-compose", timeout=15) as client:
            client.request(method, path).raise_for_status()


@contextlib.contextmanager
def dropped(world: World, *rules: str) -> Generator[None]:
    """Silently lose packets of pods and devices: a table of its own, on our bridges only."""
    node = layout.of(world.home)
    table, inside = f"{node.table}f", f'{{ "{node.pod_bridge}", "{node.client_bridge}" }}'
    lines = "\n".join(f"iifname {inside} {rule}" for rule in rules)
    chains = "\n".join(
        f"chain {hook} {{ type filter hook {hook} priority -20; policy accept;\n{lines}\n}}"
        for hook in ("forward", "input")
    )
    network.run(["nft", "-f", "-"], f"table inet {table} {{\n{chains}\n}}\n")
    try:
        yield
    finally:
        network.run(["nft", "delete", "table", "inet", table])


@dataclass(frozen=True)
class Breakable(Gateway):
    """An instance that one may break."""

    def status(self, container: str) -> Object:
        return self.statuses().get(container, {})

    def up(self, container: str = SIDECAR_CONTAINER) -> bool:
        return bool(self.status(container).get("ready"))

    def wait(self, container: str = SIDECAR_CONTAINER, seconds: float = 60.0) -> float:
        begin = time.monotonic()
        until(lambda: len(self.pods()) == 1 and self.up(container), f"{container} of {self.id} is ready", seconds)
        return time.monotonic() - begin

    def uid(self) -> str:
        """Of the pod that is to stay; empty while there is none."""
        pods = [pod for pod in self.pods() if "deletionTimestamp" not in pod["metadata"]]
        return str(pods[0]["metadata"]["uid"]) if pods else ""

    def replace_pod(self) -> None:
        """As when its node is drained; returns when the old pod is gone and the next one is there."""
        self.kubectl("delete", "pod", self.pod["metadata"]["name"], "--wait=true")
        until(self.uid, f"{self.id} has a new pod")

    @property
    def _deployment(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/openclaw"

    def scale(self, replicas: int) -> None:
        self.cluster.merge(self._deployment, {"spec": {"replicas": replicas}})
        until(lambda: len(self.pods()) == replicas, f"{self.id} has {replicas} pods")

    @contextlib.contextmanager
    def absent(self) -> Generator[None]:
        """No pod while the block runs."""
        self.scale(0)
        try:
            yield
        finally:
            self.scale(1)

    def play(self, arguments: list[str], wait: bool = True) -> None:
        """Makes the gateway's container run these arguments from now on. `wait`: for the new pod."""
        found = self.cluster.get(self._deployment)
        assert found is not None
        containers: list[Object] = found["spec"]["template"]["spec"]["containers"]
        if containers[0]["args"] != arguments:
            containers[0]["args"] = arguments
            before = self.uid()
            self.cluster.merge(self._deployment, {"spec": {"template": {"spec": {"containers": containers}}}})
            if wait:
                until(lambda: self.uid() not in ("", before), f"{self.id} has its new pod")

    @contextlib.contextmanager
    def quick(self, operation: Callable[[], object]) -> Generator["Future[object]"]:
        """While an engine works that waits for the pod, its gateway becomes the quick one as soon as it is declared."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(operation)
            yield future
            while not future.done():
                found = self.cluster.get(self._deployment)
                if found and found["spec"]["template"]["spec"]["containers"][0]["args"] != QUICK_GATEWAY:
                    self.play(QUICK_GATEWAY, wait=False)
                time.sleep(0.3)

    def restart(self, container: str, number: signal.Signals = signal.SIGTERM) -> float:
        """A signal to the container's first process; seconds until the next one is ready."""
        before, begin = self.restarts()[container], time.monotonic()
        kill(self.pid(container), number)
        until(lambda: self.restarts()[container] > before and self.up(container), f"{container} is back", 120)
        return time.monotonic() - begin

    def events(self) -> str:
        """Messages about its pods."""
        found = self.cluster.items(f"/api/v1/namespaces/{self.namespace}/events")
        return "\n".join(str(event.get("message", "")) for event in found)

    def said(self, container: str) -> str:
        """The container's log, and that of the one before it."""
        return self.logs(container, "--previous") + self.logs(container)

    def health(self) -> str:
        """The complaints of tailscaled itself."""
        text = self.attempt("tailscale", "status", "--json", container=SIDECAR_CONTAINER).stdout
        return "\n".join(json.loads(text).get("Health") or []) if text.startswith("{") else ""

    def memory(self, container: str) -> Path:
        """The memory control group of a running container."""
        wanted = str(self.status(container)["containerID"]).rpartition("/")[2]
        root = machine.CGROUPS / "memory"
        root = root if root.is_dir() else machine.CGROUPS
        return next((root / layout.of(self.world.home).cgroup.lstrip("/")).glob(f"**/{wanted}"))

    def secret(self, part: str) -> Object:
        return self.cluster.secret_of(self.namespace, part)

    def put_secret(self, like: Object, **data: str) -> None:
        """A Secret in the place of `like`, with other content where some is given."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        meta = {key: like["metadata"][key] for key in ("name", "labels", "annotations") if key in like["metadata"]}
        values = like["data"] | {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        self.cluster.delete(f"{path}/{meta['name']}")
        made = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": values, "immutable": True}
        assert self.cluster.create(path, made)

    def remove_secret(self, part: str) -> Object:
        found = self.secret(part)
        self.cluster.delete(f"/api/v1/namespaces/{self.namespace}/secrets/{found['metadata']['name']}")
        return found

    def volume(self, claim: str) -> Path:
        """The directory of a claim's data on this machine."""
        found = self.cluster.get(f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/{claim}")
        assert found is not None
        return self.world.home.volumes / str(found["spec"]["volumeName"])

    @contextlib.contextmanager
    def bounded(self, claim: str, mebibytes: int) -> Generator[Path]:
        """A volume that can be full or read-only: a small file system in its place, with its data. The pod is replaced
        before and after; what was written meanwhile is kept."""
        volume = self.volume(claim)
        aside = volume.with_name(f"{volume.name}.aside")
        try:
            with self.absent():
                network.run(["cp", "--archive", str(volume), str(aside)])
                network.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(volume)])
                network.run(["cp", "--archive", f"{aside}/.", str(volume)])
                machine.remove_tree(aside)
            yield volume
        finally:
            with self.absent():
                if machine.mounts(volume):
                    network.run(["cp", "--archive", str(volume), str(aside)])
                    machine.unmount(volume)
                    network.run(["cp", "--archive", f"{aside}/.", str(volume)])
                    machine.remove_tree(aside)

    def hog(self, container: str, spare: int = 4) -> None:
        """Leave the container only so many MiB more than it has, and ask inside it for more than that."""
        group = self.memory(container)
        old = (group / "memory.usage_in_bytes").exists()
        usage, limit = ("memory.usage_in_bytes", "memory.limit_in_bytes") if old else ("memory.current", "memory.max")
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        # The kernel gives up the page cache first: that much more is asked for.
        cache = int(stat["total_cache" if old else "file"]) >> 20
        (group / limit).write_text(str(int((group / usage).read_text()) + spare * 2**20))
        self.attempt("sh", "-c", f"head -c {cache + 64}m /dev/zero | tail >/dev/null", container=container)
