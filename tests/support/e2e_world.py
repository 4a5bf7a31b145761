"""Helpers of the end-to-end tests: looks into a running gateway's pod, its device in the tailnet, and client devices."""

import base64
import contextlib
import dataclasses
import json
import subprocess
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER
from engine.configuration import Values, merged
from sandbox import kubectl
from sandbox.kube import Object
from sandbox.model.provider import ModelServer
from sandbox.node import devices, layout
from sandbox.node.devices import Device
from sandbox.tailnet import headscale
from sandbox.tailnet.client import Node
from sandbox.world import People, World
from tests.support import quick_gateway
from tests.support.engine_world import Cluster, Stack, eventually, instance

ALICE: Final = "alice@example.com"
BOB: Final = "bob@example.com"
# In the tailnet, and in nobody's list of people.
MALLORY: Final = "mallory@example.com"
DOMAIN: Final = "sandbox.internal"
PEOPLE: Final = People(DOMAIN, ("admin@example.com", ALICE, BOB, MALLORY))
# The sandbox's model, at the first sandbox's bridge: a world puts its own there, and adds the key (`Stack.engine`).
_MODEL: Final = ModelServer(f"{layout.FIRST_ADDRESS}:{layout.MODEL_PORT}", "")
# Control server and relay, at private addresses here.
EGRESS: Final = {
    "cidr": f"{layout.FIRST_ADDRESS}/32",
    "ports": [
        {"port": layout.LOGIN_PORT},
        {"port": layout.DERP_PORT},
        {"port": layout.STUN_PORT, "protocol": "UDP"},
    ],
}
# The two instances of the session's stack, as every test finds them. Nothing of the tests' is kept. Alice's has an agent
# that answers; its HTTP API is on, and each command is asked about.
HOME: Final = instance(
    "home",
    people=[ALICE],
    storage={"retain": False},
    gateway={
        "config": _MODEL.config | {"gateway": {"http": {"endpoints": {"chatCompletions": {"enabled": True}}}}},
    },
    extraEgress=[EGRESS, _MODEL.egress],
)
_CALL: Final = Path(__file__).with_name("gateway_call.mjs").read_text()
_HASTY: Final = Path(__file__).parents[1] / "engine" / "programs" / "hasty.py"
Figures = Callable[[str, object], None]


def quick(name: str, **over: Any) -> Values:
    """An instance whose gateway only answers its probes: all of it but OpenClaw is real."""
    gateway = {"image": quick_gateway.IMAGE, "resources": {"cpuRequest": "50m", "memoryRequest": "64Mi"}}
    small = {"gateway": gateway, "storage": {"retain": False}, "extraEgress": [EGRESS]}
    return instance(name, **merged(small, over))


# Bob's.
LAB: Final = quick("lab", people=[BOB])


def with_(base: Values, **over: Any) -> Values:
    """An instance with something changed, object by object: `with_(HOME, tailscale={"enabled": False})`."""
    return merged(base, over)


@dataclass(frozen=True)
class Gateway:
    """One instance, as its administrator sees it. What it says is asked anew each time."""

    world: World
    cluster: Cluster
    id: str

    @property
    def namespace(self) -> str:
        return f"openclaw-{self.id}"

    @property
    def hostname(self) -> str:
        """Its name in the tailnet, unless a test gave it another."""
        return f"openclaw-{self.id}.{DOMAIN}"

    @property
    def url(self) -> str:
        return f"http://{self.hostname}"

    @property
    def chat(self) -> str:
        """Its HTTP API, in the words of OpenAI's."""
        return f"{self.url}/v1/chat/completions"

    @property
    def pod(self) -> Object:
        """Its only pod that is not on its way out."""
        pods = [pod for pod in self.pods() if "deletionTimestamp" not in pod["metadata"]]
        assert len(pods) == 1, f"{self.namespace} has {len(pods)} pods"
        return pods[0]

    def pods(self) -> list[Object]:
        return self.cluster.items(f"/api/v1/namespaces/{self.namespace}/pods")

    @property
    def ready(self) -> bool:
        """All containers of the only pod are ready."""
        pods = self.pods()
        if len(pods) != 1 or "deletionTimestamp" in pods[0]["metadata"]:
            return False
        conditions = {entry["type"]: entry["status"] for entry in pods[0]["status"].get("conditions", [])}
        return conditions.get("Ready") == "True"

    def wait_ready(self, seconds: float = 300) -> float:
        """Seconds until it was ready; the message of a failure says what the containers are doing."""
        begin = time.monotonic()
        while not self.ready:
            if time.monotonic() - begin > seconds:
                raise AssertionError(f"{self.namespace} is not ready after {seconds:.0f} s: {self.states()}")
            time.sleep(0.3)
        return time.monotonic() - begin

    def statuses(self) -> dict[str, Object]:
        """Status of each container of its pods by name: `restartCount`, `state`, `lastState`, `containerID`."""
        return {
            entry["name"]: entry
            for pod in self.pods()
            for part in ("initContainerStatuses", "containerStatuses")
            for entry in pod["status"].get(part, [])
        }

    def states(self) -> dict[str, Any]:
        return {name: [status.get("state"), status.get("lastState")] for name, status in self.statuses().items()}

    def restarts(self) -> dict[str, int]:
        """Restarts of each container."""
        return {name: int(status["restartCount"]) for name, status in self.statuses().items()}

    def pid(self, container: str) -> int:
        """First process of a running container, as this machine counts."""
        return process_of(self.statuses()[container])

    def kubectl(self, *arguments: str, seconds: float = 180, text: str = "") -> subprocess.CompletedProcess[str]:
        """kubectl in its namespace; also returns what failed."""
        return subprocess.run(
            self.kubectl_command(*arguments), input=text, capture_output=True, text=True, timeout=seconds, check=False
        )

    def kubectl_command(self, *arguments: str) -> list[str]:
        program = str(kubectl.program(self.world.home))
        return [program, f"--kubeconfig={self.world.kubeconfig}", f"--namespace={self.namespace}", *arguments]

    def exec(self, *command: str, container: str = GATEWAY_CONTAINER, seconds: float = 180) -> str:
        """The output of a command in a container; it must succeed."""
        result = self.attempt(*command, container=container, seconds=seconds)
        assert result.returncode == 0, f"{' '.join(command)[:200]}: {result.stdout}{result.stderr}"
        return result.stdout

    def attempt(
        self, *command: str, container: str = GATEWAY_CONTAINER, seconds: float = 180
    ) -> subprocess.CompletedProcess[str]:
        return self.kubectl(
            "exec", self.pod["metadata"]["name"], f"--container={container}", "--", *command, seconds=seconds
        )

    def call(self, method: str, **params: Any) -> Object:
        """One of its methods: `{"ok": true, "payload": ...}`, or `{"ok": false, "error": {"message": ...}}`."""
        said = self.exec("node", "--input-type=module", "--eval", _CALL, "--", method, json.dumps(params))
        return json.loads(said)

    def asked(self, method: str, **params: Any) -> Object:
        """The payload of a call that must succeed."""
        answer = self.call(method, **params)
        assert answer["ok"], (method, answer["error"])
        return answer["payload"]

    def openclaw(self, *arguments: str) -> str:
        """The CLI in the gateway's container; the token is in its environment. Its start takes seconds of CPU: see `call`."""
        return self.exec("node", "openclaw.mjs", *arguments)

    def tailscale(self, *arguments: str) -> str:
        """The CLI of its tailscaled."""
        return self.exec(
            "tailscale", "--socket=/var/run/tailscale/tailscaled.sock", *arguments, container=SIDECAR_CONTAINER
        )

    def logs(self, container: str, *options: str) -> str:
        result = self.kubectl("logs", self.pod["metadata"]["name"], f"--container={container}", *options)
        return result.stdout + result.stderr

    def token(self) -> str:
        data = self.cluster.secret_of(self.namespace, "gateway-token")["data"]
        return base64.b64decode(data["token"]).decode()

    def device(self) -> Node:
        """Its one device in the tailnet; two (or one with another name) is what I10 forbids."""
        devices = self.devices()
        assert len(devices) == 1, f"devices of {self.id}: {[(node.id, node.given_name) for node in devices]}"
        return devices[0]

    def devices(self) -> list[Node]:
        with headscale.connected(self.world.home.tailnet) as control:
            return [node for node in control.nodes() if f"tag:openclaw-{self.id}" in node.tags]

    def identity(self) -> tuple[str, str, tuple[str, ...], str]:
        """The identity that must outlive everything: the device's number, name, addresses and key."""
        node = self.device()
        return node.id, node.given_name, tuple(node.ip_addresses), node.machine_key

    def auth_keys(self) -> set[str]:
        """All auth keys that the control server knows, by id."""
        with headscale.connected(self.world.home.tailnet) as control:
            return {key.id for key in control.auth_keys()}


def process_of(status: Object) -> int:
    """First process of a running container, by its status, as this machine counts."""
    wanted = str(status["containerID"]).rpartition("/")[2]
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            numbers = next(line for line in (entry / "status").read_text().splitlines() if line.startswith("NSpid"))
            if wanted in (entry / "cgroup").read_text() and numbers.split()[-1] == "1":
                return int(entry.name)
    raise AssertionError(f"no process of {status['name']}")


def join(world: World, name: str, person: str, *, userspace: bool = False) -> Device:
    """A client device of `person`; one that has joined stays who it is."""
    world.admit([person])
    node = layout.of(world.home)

    def key() -> str:
        return headscale.device_key(world.home.tailnet, person)

    return devices.join(node, name, node.login_server, key, userspace=userspace)


def answers(device: Device, url: str, seconds: int = 3) -> bool:
    """True when a GET from the device brings a 200."""
    return device.curl("--fail", "--output", "/dev/null", url, seconds=seconds).returncode == 0


def wait_answer(device: Device, url: str, seconds: float = 180) -> float:
    """Seconds until the device got an answer."""
    begin = time.monotonic()
    eventually(lambda: answers(device, url, 2), f"{url} to answer {device.name}", seconds)
    return time.monotonic() - begin


@dataclass
class Outage:
    """The longest time without an answer while something was done."""

    seconds: float = 0.0


@contextlib.contextmanager
def watched(device: Device, *urls: str, seconds: float = 90) -> Generator[Outage]:
    """Measures the longest time without an answer at any of the URLs; ends with the first answer after the block."""
    # In the device, one process: a Python here would compete for the processor that it measures.
    script = """
while :; do
  for url in "$@"; do curl -fsS -m 1 -o /dev/null "$url" 2>/dev/null && date +%s.%N; done
  echo
  sleep 0.1
done"""
    process = subprocess.Popen(device.command("sh", "-c", script, "sh", *urls), stdout=subprocess.PIPE, text=True)
    outage = Outage()
    try:
        begin = time.time()
        yield outage
        done = time.time()
        times = [begin]
        assert process.stdout is not None
        for line in process.stdout:
            assert time.time() < done + seconds, f"none of {urls} answers {device.name} any more"
            times += [float(line)] if line.strip() else []
            if times[-1] > done:
                break
        outage.seconds = max(later - earlier for earlier, later in pairwise(times))
    finally:
        process.terminate()
        process.wait()


def apply(cluster: Cluster, stack: Stack, *instances: Values) -> None:
    """Exactly these instances, as declared. The device of one that was removed meanwhile is removed too, as `up` asks for
    when it warns of it: a new device would get the name with a suffix."""
    for one in instances:
        if cluster.get(f"/api/v1/namespaces/openclaw-{one['id']}") is None:
            with headscale.connected(stack.world.home.tailnet) as control:
                for node in control.nodes():
                    if f"tag:openclaw-{one['id']}" in node.tags:
                        control.delete_node(node.id)
    stack.at(*instances)


def hasty(stack: Stack, seconds: int) -> Stack:
    """The stack with the real program, whose updates wait only so long for a gateway that does not come."""
    stack.applied = None
    return dataclasses.replace(stack, program=_HASTY, config=merged(stack.config, {"hasty:seconds": seconds}))


def restore(stack: Stack, gateway: Gateway) -> None:
    """The state from which every test starts, whatever ran before: both instances as declared, this one ready."""
    apply(gateway.cluster, stack, HOME, LAB)
    gateway.wait_ready()


def as_json(text: str) -> Any:
    """The JSON in what a command printed, from its first brace on."""
    return json.loads(text[text.index("{") :])
