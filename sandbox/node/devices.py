"""Client devices of people: tailscaled in a network namespace of its own, as if on another machine."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.processes import Process, end, start_time
from sandbox.errors import SandboxError
from sandbox.home import MARKER, write_private
from sandbox.node import machine, network
from sandbox.node.layout import Layout

OWNER: Final = "owner-laptop"
STRANGER: Final = "stranger-laptop"
NODE_1: Final = "node-1"
# Record of the program that a device runs beside its tailscaled.
PROGRAM: Final = "program.json"

# /run hides the machine's D-Bus, through which tailscaled would set up the machine's own DNS; /etc is the device's own,
# because tailscaled writes the device's resolv.conf there. Both end with the namespace.
_SETUP: Final = """
set -e
mount -t tmpfs tmpfs /run
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" /etc
rm -f /etc/resolv.conf
: > /etc/resolv.conf
echo "$2" > /etc/hostname
echo "$2" > /proc/sys/kernel/hostname
exec sleep infinity
"""


@dataclass(frozen=True)
class Device:
    """One device: the process that holds its namespaces and its tailscaled, each by number and start time."""

    layout: Layout
    name: str

    @property
    def directory(self) -> Path:
        """Its state (its identity in the tailnet): kept until `remove` or `down`."""
        return _directory(self.layout) / self.name

    @property
    def socket(self) -> Path:
        return self.directory / "tailscaled.sock"

    @property
    def log(self) -> Path:
        return self.layout.home.logs / f"device-{self.name}.log"

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs `arguments` in the device; for long-running ones and for pipes."""
        return ["nsenter", f"--target={self.process}", "--net", "--mount", "--uts", "--", *arguments]

    @property
    def process(self) -> int:
        """Number of the process that holds its namespaces."""
        return self._holder().pid

    def run(self, *arguments: str, seconds: float = 60.0, text: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command in the device and returns what it did, also when it failed."""
        return subprocess.run(
            self.command(*arguments),
            env=environment(),
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def curl(self, *arguments: str, seconds: int = 10) -> subprocess.CompletedProcess[str]:
        """curl in the device; one in userspace mode also needs `--proxy http://127.0.0.1:1055`."""
        return self.run("curl", "--silent", "--show-error", "--max-time", str(seconds), *arguments)

    def tailscale(self, *arguments: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.layout.home.bin / "tailscale"), f"--socket={self.socket}", *arguments, seconds=seconds)

    def status(self) -> dict[str, Any]:
        """`tailscale status --json`; empty when tailscaled does not answer."""
        result = self.tailscale("status", "--json", seconds=10)
        return json.loads(result.stdout) if result.stdout.startswith("{") else {}

    def _holder(self) -> Process:
        process = recorded(self.directory / "holder.json")
        if process is None:
            raise SandboxError(f"the device {self.name} is not running", "Join it first: `python -m sandbox up`")
        return process


def join(
    node: Layout,
    name: str,
    login_server: str,
    auth_key: Callable[[], str],
    *,
    userspace: bool = False,
    seconds: float = 30.0,
) -> Device:
    """The device, started and logged in. One that is in the tailnet already stays who it is: no key is asked for."""
    device = start(node, name, userspace=userspace)
    if _final_state(device, seconds) == "Running":
        return device
    key = device.directory / "authkey"
    # As a file: arguments are everybody's to read.
    write_private(key, auth_key())
    try:
        options = (f"--login-server={login_server}", f"--auth-key=file:{key}", f"--hostname={name}")
        result = device.tailscale("up", *options, f"--timeout={seconds:.0f}s", seconds=seconds + 10)
    finally:
        key.unlink()
    if result.returncode != 0:
        raise SandboxError(f"{name} did not join the tailnet: {result.stderr.strip()[-300:]}", f"Log: {device.log}")
    return device


def _final_state(device: Device, seconds: float) -> str:
    """The state of its tailscaled once it has read what it knows: one that was logged in is `Starting` for a while."""
    deadline = time.monotonic() + seconds
    while (state := str(device.status().get("BackendState"))) in ("NoState", "Starting", "None"):
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return state


def start(node: Layout, name: str, *, userspace: bool = False) -> Device:
    """The device's namespaces, its cable and its tailscaled; what runs already is left. Nobody is logged in by this."""
    device = Device(node, name)
    for directory in (device.directory, device.directory / "etc", device.directory / "work"):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
    if recorded(device.directory / "holder.json") is None:
        _end(device.directory / "tailscaled.json")
        _hold(device)
    if recorded(device.directory / "tailscaled.json") is None:
        _run_tailscaled(device, userspace)
    return device


def stop(device: Device) -> None:
    """Switch it off; its state stays."""
    for name in (PROGRAM, "tailscaled.json"):
        _end(device.directory / name)
    # While somebody holds the namespace: the kernel deletes the cable with it, at any moment after.
    if network.exists(_cable(device)):
        network.ip("link", "delete", _cable(device))
    _end(device.directory / "holder.json")


def remove(device: Device) -> None:
    """Switch it off and forget who it was."""
    stop(device)
    machine.remove_tree(device.directory)


def running(node: Layout) -> list[Device]:
    return [
        Device(node, path.name)
        for path in sorted(_directory(node).glob("*"))
        if recorded(path / "holder.json") is not None
    ]


def down(node: Layout, keep_data: bool) -> None:
    """Switch off every device of this home; without `keep_data` forget who they were."""
    for path in sorted(_directory(node).glob("*")):
        stop(Device(node, path.name))
    if not keep_data:
        machine.remove_tree(_directory(node))


def _directory(node: Layout) -> Path:
    return node.root / "devices"


def _number(device: Device) -> int:
    """A small number of its own, for its address and the name of its cable."""
    path = device.directory / "number"
    if not path.exists():
        taken = {int(other.read_text()) for other in _directory(device.layout).glob("*/number")}
        write_private(path, str(next(number for number in range(10, 250) if number not in taken)))
    return int(path.read_text())


def _cable(device: Device) -> str:
    return f"{device.layout.id}v{_number(device)}"


def environment() -> dict[str, str]:
    """Without the marker: these processes are recorded here and nobody's children, but no crash's leftovers. And without
    the proxies of this machine, which no device reaches."""
    return {key: value for key, value in os.environ.items() if key != MARKER and not key.lower().endswith("_proxy")}


def _hold(device: Device) -> None:
    node = device.layout
    # `unshare`, not `ip netns add`, which remounts /run/netns under the pods of other runtimes.
    holder = subprocess.Popen(
        ["unshare", "--net", "--mount", "--uts", "--", "sh", "-c", _SETUP, "sh", str(device.directory), device.name],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    record(device.directory / "holder.json", holder.pid)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{holder.pid}/comm").read_text() != "sleep\n":
        if holder.poll() is not None or time.monotonic() > deadline:
            said = holder.stderr.read().decode().strip() if holder.stderr and holder.poll() is not None else ""
            raise SandboxError(f"no namespace for {device.name}: {said}", "Run `python -m sandbox down`, then up again")
        time.sleep(0.005)
    cable, far = _cable(device), f"{node.id}x"
    if network.exists(cable):
        network.ip("link", "delete", cable)
    network.ip("link", "add", cable, "type", "veth", "peer", "name", far, "netns", str(holder.pid))
    network.ip("link", "set", cable, "master", node.client_bridge, "up")
    for command in (
        ("link", "set", "lo", "up"),
        ("link", "set", far, "name", "eth0"),
        ("address", "add", f"{node.client_net}.{_number(device)}/24", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("route", "add", "default", "via", node.client_gateway),
    ):
        network.run(device.command("ip", *command))


def _run_tailscaled(device: Device, userspace: bool) -> None:
    command = [
        *(str(device.layout.home.bin / "tailscaled"), f"--statedir={device.directory}", f"--socket={device.socket}"),
        *(f"--state={device.directory / 'tailscaled.state'}", "--port=41641", "--no-logs-no-support"),
        f"--tun={'userspace-networking' if userspace else 'tailscale0'}",
        *(("--socks5-server=127.0.0.1:1055", "--outbound-http-proxy-listen=127.0.0.1:1055") if userspace else ()),
    ]
    device.log.parent.mkdir(parents=True, exist_ok=True)
    with device.log.open("a") as out:
        process = subprocess.Popen(
            device.command(*command),
            env=environment() | {"TS_DEBUG_FIREWALL_MODE": "nftables", "TS_DISABLE_PORTMAPPER": "1"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    record(device.directory / "tailscaled.json", process.pid)
    deadline = time.monotonic() + 10
    while not device.status():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SandboxError(f"tailscaled of {device.name} did not start", f"Log: {device.log}")
        time.sleep(0.05)


def record(path: Path, pid: int) -> None:
    """Remembers a process, so that a later command of this sandbox can end it."""
    write_private(path, json.dumps({"pid": pid, "started": start_time(pid)}))


def recorded(path: Path) -> Process | None:
    """The process that was remembered there, if it is alive."""
    if not path.exists():
        return None
    process = Process(**json.loads(path.read_text()))
    return process if process.alive() else None


def _end(path: Path) -> None:
    if process := recorded(path):
        end([process])
    path.unlink(missing_ok=True)
