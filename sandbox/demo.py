"""The demonstration: an agent answers its owner through the tailnet and works on her machine, and a stranger gets nothing."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from components.outputs import InstanceOutput
from sandbox import kubectl
from sandbox.errors import SandboxError
from sandbox.home import Home
from sandbox.node import devices, layout
from sandbox.node.devices import Device
from sandbox.node.linux_machine import LinuxMachine
from sandbox.node.openclaw_client import Client, Refused, Session
from sandbox.tailnet import headscale

# In the tailnet, and in nobody's list of people.
STRANGER = "stranger@example.com"
# The execution node of the sandbox's stack file.
NODE = "build"
# curl's exit codes when nobody answers: no such name, refused, no answer in time.
NOBODY = {6: "no such name", 7: "refused", 28: "no answer"}
_QUESTION = "say: Good morning, Alice."
# One program: a node refuses to have a whole script approved, as nobody could say what it will run.
_COMMAND = "uname -n"


@dataclass(frozen=True)
class Step:
    """Something that happened: who did what, what came, in how many seconds, and whether that is as it has to be."""

    who: str
    what: str
    seen: str
    seconds: float
    holds: bool = True


def join(home: Home, name: str, person: str) -> Device:
    """A client device of `person`, in a network namespace of its own; one that has joined stays as it is."""
    if not (home.root / "node" / "run").exists():
        raise SandboxError("there is no real node, so devices have no tailnet to join", "Run `make up` as root")
    headscale.setup(home.tailnet, [person])
    node = layout.of(home)
    return devices.join(node, name, node.login_server, lambda: headscale.device_key(home.tailnet, person))


@dataclass(frozen=True)
class Demo:
    """One gateway with its owner's device, a stranger's, and the owner's machine.

    `user_data`: what the stack exports for the machine; `doing` hears what takes long.
    """

    home: Home
    instance: str
    gateway: InstanceOutput
    token: str
    person: str
    user_data: Callable[[], str]
    doing: Callable[[str], None]

    @property
    def address(self) -> str:
        return self.gateway["address"]

    def steps(self) -> Iterator[Step]:
        """All of it, each step when it is done."""
        self.doing("joining two devices")
        owner = join(self.home, devices.OWNER, self.person)
        stranger = join(self.home, devices.STRANGER, STRANGER)
        wait_answer(owner, self.address, self.doing)
        yield from self._by_http(owner)
        url, client = f"ws://{self.address.partition('://')[2]}", Client.on(owner)
        yield from self._paired(client, url)
        self.doing(f"{owner.name} connects to its agent")
        with client.session(url, self.token) as session:
            yield from self._node(session)
            yield from self._on_node(owner, session)
        nothing = "no such name or no answer or refused"
        yield _fetched(stranger, "opens the Control UI", nothing, f"{self.address}/")
        yield _fetched(
            stranger, "asks the agent with the token", nothing, *_bearer(self.token), f"{self.address}/v1/models"
        )

    def _by_http(self, owner: Device) -> Iterator[Step]:
        yield _fetched(owner, "opens the Control UI", "200", f"{self.address}/")
        ask = ("--json", json.dumps({"model": "openclaw", "messages": [{"role": "user", "content": _QUESTION}]}))
        url = f"{self.address}/v1/chat/completions"
        yield _fetched(owner, "asks its agent without the token", "401", *ask, url)
        self.doing(f"{owner.name} asks its agent")
        begin = time.monotonic()
        answer = owner.curl(*ask, *_bearer(self.token), url, seconds=50)
        said = _content(answer.stdout) or f"{answer.stdout}{answer.stderr}"
        yield Step(owner.name, "asks its agent", said, time.monotonic() - begin, f"say: {said}" == _QUESTION)

    def _paired(self, client: Client, url: str) -> Iterator[Step]:
        """The token alone lets no client in: an administrator approves it, once."""
        self.doing(f"pairing {devices.OWNER}")
        begin = time.monotonic()
        try:
            with client.session(url, self.token):
                return
        except Refused as error:
            refused = error
        request = re.search(r"requestId: ([0-9a-f-]+)", refused.said)
        yield Step(devices.OWNER, "connects as a client", refused.code, time.monotonic() - begin, request is not None)
        if request is None:
            raise SandboxError(f"the gateway refuses the owner's client: {refused}", "Run `make up`")
        begin = time.monotonic()
        self._in_pod("devices", "approve", request[1])
        yield Step("administrator", "openclaw devices approve", "approved", time.monotonic() - begin)

    def _in_pod(self, *arguments: str) -> str:
        """OpenClaw's CLI in the gateway's container."""
        place = (f"--kubeconfig={self.home.kubeconfig}", f"--namespace={self.gateway['namespace']}")
        command = [
            str(kubectl.program(self.home)),
            *place,
            "exec",
            "deployment/openclaw",
            "--container=gateway",
            "--",
            "openclaw",
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise SandboxError(f"openclaw {' '.join(arguments)}: {done.stderr.strip()[-300:]}", "Run `make status`")
        return done.stdout

    def _node(self, session: Session) -> Iterator[Step]:
        """The machine is switched on, joins, asks, and is approved by its owner; what is done already is left."""
        begin = time.monotonic()
        node = layout.of(self.home)
        self.doing(f"switching {NODE} on")
        machine = LinuxMachine.of(devices.start(node, NODE), self.user_data())
        if machine.device.status().get("BackendState") != "Running":
            joined = machine.join()
            if joined.returncode != 0:
                raise SandboxError(
                    f"{NODE} does not join: {joined.stderr.strip()[-300:]}", f"Log: {machine.device.log}"
                )
            address = machine.device.status()["TailscaleIPs"][0]
            yield Step(NODE, "is switched on and joins", address, time.monotonic() - begin)
        if not machine.enrolled:
            yield from self._enrolled(machine, session)
        begin = time.monotonic()
        self.doing(f"{NODE} connects to its gateway")
        machine.serve()
        commands = _wait(lambda: _effective(session) or _offered(session), f"{NODE} does not connect")
        if not _effective(session):
            session.call("node.pair.approve", requestId=commands[0])
            _wait(lambda: _effective(session), f"{NODE} is not approved")
            yield Step(devices.OWNER, f"approves the commands of {NODE}", "system.run", time.monotonic() - begin)

    def _enrolled(self, machine: LinuxMachine, session: Session) -> Iterator[Step]:
        begin = time.monotonic()
        self.doing(f"{NODE} asks to be approved")
        enrol = machine.start(machine.command("ExecStartPre"))
        try:
            (request,) = _wait(lambda: _asking(session), f"{NODE} does not ask: {enrol.log}")
            yield Step(NODE, "asks to be a node of its gateway", "approval pending", time.monotonic() - begin)
            begin = time.monotonic()
            session.call("device.pair.approve", requestId=request)
            _wait(lambda: [machine.device.name] if machine.enrolled else [], f"{NODE} is not enrolled: {enrol.log}")
            yield Step(devices.OWNER, f"approves {NODE}", "enrolled", time.monotonic() - begin)
        finally:
            enrol.stop()

    def _on_node(self, owner: Device, session: Session) -> Iterator[Step]:
        """The agent runs a command there, once its owner has seen the command and approved it."""
        begin = time.monotonic()
        self.doing(f"{owner.name} asks its agent to work on {NODE}")
        turn = session.ask(f"run on {NODE}: {_COMMAND}")
        command = str(turn.approval()["systemRunPlan"]["commandPreview"])
        seconds = time.monotonic() - begin
        yield Step(self.instance, f"may I run this on {NODE}?", command, seconds, command == _COMMAND)
        begin = time.monotonic()
        turn.resolve("allow-once")
        *_, printed = turn.answer().split()
        yield Step(owner.name, "allows it once, reads the answer", printed, time.monotonic() - begin, printed == NODE)


def _asking(session: Session) -> list[str]:
    """The request of the machine to be let in."""
    pending: list[dict[str, Any]] = session.call("device.pair.list")["pending"]
    return [entry["requestId"] for entry in pending if entry.get("displayName") == NODE]


def _offered(session: Session) -> list[str]:
    """The request of the machine to have its commands approved."""
    pending: list[dict[str, Any]] = session.call("node.pair.list")["pending"]
    return [entry["requestId"] for entry in pending if entry.get("displayName") == NODE]


def _effective(session: Session) -> list[str]:
    """The commands that the connected machine may run."""
    nodes: list[dict[str, Any]] = session.call("node.list")["nodes"]
    return [
        command
        for entry in nodes
        if entry.get("displayName") == NODE and entry.get("connected")
        for command in entry.get("commands") or ()
    ]


def _wait(what: Callable[[], list[str]], otherwise: str, seconds: float = 120) -> list[str]:
    """What is there once there is any."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > deadline:
            raise SandboxError(
                otherwise, "A node that was removed cannot come back: `make down` and `make up` make it anew"
            )
        time.sleep(0.3)
    return found


def _bearer(token: str) -> tuple[str, str]:
    return "--header", f"Authorization: Bearer {token}"


def _content(answer: str) -> str:
    """The agent's words in an answer of the HTTP API."""
    try:
        return str(json.loads(answer)["choices"][0]["message"]["content"])
    except (ValueError, KeyError):
        return ""


def _fetched(device: Device, what: str, wanted: str, *arguments: str) -> Step:
    begin = time.monotonic()
    result = device.curl("--output", "/dev/null", "--write-out", "%{http_code}", *arguments, seconds=5)
    seen = result.stdout if result.returncode == 0 else NOBODY.get(result.returncode, f"curl failed: {result.stderr}")
    return Step(device.name, what, seen, time.monotonic() - begin, seen in wanted.split(" or "))


def wait_answer(device: Device, address: str, doing: Callable[[str], None], seconds: float = 60) -> float:
    """Seconds until the gateway first answered the device; the netmap of a new device takes a moment."""
    begin = time.monotonic()
    doing(f"{device.name} opens {address}")
    while time.monotonic() - begin < seconds:
        if device.curl("--fail", f"{address}/healthz", seconds=2).returncode == 0:
            return time.monotonic() - begin
        time.sleep(0.1)
    raise SandboxError(f"{address} does not answer {device.name}", f"See {device.log} and `python -m sandbox status`")
