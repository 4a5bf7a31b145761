"""The demonstration: the owner's device uses its gateway through the tailnet, a stranger's gets nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sandbox.errors import SandboxError
from sandbox.home import Home
from sandbox.node import devices, layout
from sandbox.node.devices import Device
from sandbox.tailnet import headscale

# In the tailnet, and in nobody's list of people.
STRANGER = "stranger@example.com"
# curl's exit codes when nobody answers: no such name, refused, no answer in time.
NOBODY = {6: "no such name", 7: "refused", 28: "no answer"}


@dataclass(frozen=True)
class Check:
    """One request: what was asked, what had to come, what came."""

    device: str
    request: str
    wanted: str
    seen: str
    seconds: float

    @property
    def holds(self) -> bool:
        return self.seen in self.wanted.split(" or ")


def join(home: Home, name: str, person: str) -> Device:
    """A client device of `person`, in a network namespace of its own; one that has joined stays as it is."""
    if not (home.root / "node" / "run").exists():
        raise SandboxError("there is no real node, so devices have no tailnet to join", "Run `make up` as root")
    headscale.setup(home.tailnet, [person])
    node = layout.of(home)
    return devices.join(node, name, node.login_server, lambda: headscale.device_key(home.tailnet, person))


def checks(owner: Device, stranger: Device, address: str, token: str) -> Iterator[Check]:
    """The requests of the demonstration against one gateway."""
    host = address.partition("://")[2]
    tools = ("--json", '{"tool":"session_status"}')
    bearer = ("--header", f"Authorization: Bearer {token}")
    yield _ask(owner, "its health", "200", f"{address}/healthz")
    yield _ask(owner, "the Control UI", "200", f"{address}/")
    yield _ask(owner, "a tool, without the token", "401", *tools, f"{address}/tools/invoke")
    yield _ask(owner, "a tool, with the token", "200", *tools, *bearer, f"{address}/tools/invoke")
    yield _ask(owner, "the gateway's own port", "refused or no answer", f"http://{host}:18789/healthz")
    yield _ask(stranger, "its health", "no such name or no answer or refused", f"{address}/healthz")


def _ask(device: Device, request: str, wanted: str, *arguments: str) -> Check:
    begin = time.monotonic()
    result = device.curl("--output", "/dev/null", "--write-out", "%{http_code}", *arguments, seconds=5)
    seen = result.stdout if result.returncode == 0 else NOBODY.get(result.returncode, f"curl failed: {result.stderr}")
    return Check(device.name, request, wanted, seen, time.monotonic() - begin)


def wait_answer(device: Device, address: str, doing: Callable[[str], None], seconds: float = 60) -> float:
    """Seconds until the gateway first answered the device; the netmap of a new device takes a moment."""
    begin = time.monotonic()
    doing(f"{device.name} opens {address}")
    while time.monotonic() - begin < seconds:
        if device.curl("--fail", f"{address}/healthz", seconds=2).returncode == 0:
            return time.monotonic() - begin
        time.sleep(0.1)
    raise SandboxError(f"{address} does not answer {device.name}", f"See {device.log} and `python -m sandbox status`")
