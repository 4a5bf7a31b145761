"""OpenClaw's own client on a person's device: a container of the gateway's image in the device's network."""

import json
import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.settings import Images
from sandbox.node import layout
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import Gateway, as_json

SCRIPT: Final = Path(__file__).with_name("client.mjs")
# The image's user.
_USER: Final = 1000


@dataclass(frozen=True)
class Client:
    """One person's client: its identity is in its directory, and lasts as long as that."""

    world: World
    # Process whose network it uses, and the names that are known there.
    process: int
    names: Path
    name: str

    @classmethod
    def on(cls, world: World, device: Device, name: str) -> "Client":
        return cls(world, int(device.command()[2]), device.directory / "etc" / "resolv.conf", name)

    @classmethod
    def inside(cls, gateway: Gateway, name: str) -> "Client":
        """In the gateway's own network, as if it were a process of the pod."""
        node = layout.of(gateway.world.home)
        return cls(gateway.world, gateway.pid("gateway"), node.run / "resolv.conf", name)

    def call(self, url: str, method: str, token: str) -> Any:
        """`{"ok": true, "result": ...}`, or `{"ok": false, "code": ...}` with what the gateway said."""
        return self._script("call", url, method, token=token)

    def call_as_backend(self, url: str, method: str, token: str) -> Any:
        """The same as a backend service with a new identity of its own, never paired."""
        return self._script("call", url, method, "backend", token=token)

    def load(self, url: str, token: str, *, clients: int, rate: int, seconds: int) -> Any:
        """So many paired clients of one call a second each, and `rate` HTTP requests a second; needs to be paired."""
        return self._script("load", url, str(clients), str(rate), str(seconds), token=token, wait=seconds + 90)

    def cli(self, *arguments: str, token: str) -> Any:
        """`openclaw ... --json` as somebody types it on their laptop."""
        return as_json(self._run(["node", "openclaw.mjs", *arguments, "--token", token, "--json"], token, 60))

    def pair(self, gateway: Gateway, url: str, token: str) -> None:
        """Ask, and be approved by the administrator in the pod."""
        refused = self.call(url, "status", token)
        assert refused["code"] == "PAIRING_REQUIRED", refused
        pending = as_json(gateway.openclaw("devices", "list", "--json"))["pending"]
        requests = [entry["requestId"] for entry in pending if entry["requestId"] in refused["message"]]
        assert len(requests) == 1, pending
        gateway.openclaw("devices", "approve", requests[0], "--json")

    def _script(self, *arguments: str, token: str, wait: float = 60) -> Any:
        said = self._run(["node", "/client.mjs", *arguments], token, wait)
        return json.loads(said.strip().rpartition("\n")[2])

    def _run(self, command: list[str], token: str, wait: float) -> str:
        node = layout.of(self.world.home)
        home = self.world.home.root / "clients" / self.name
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, _USER, _USER)
        mounts = {home: ("/home/node", "rw"), self.names: ("/etc/resolv.conf", "ro"), SCRIPT: ("/client.mjs", "ro")}
        # The control group of the caller: groups of containerd's own would stay behind.
        options = ["--rm", "--cgroup", "", "--runc-binary", str(node.packages / "usr/sbin/runc")]
        options += ["--with-ns", f"network:/proc/{self.process}/ns/net"]
        for source, (target, mode) in mounts.items():
            options += ["--mount", f"type=bind,src={source},dst={target},options=rbind:{mode}"]
        # Plain ws:// to a name is refused by the client itself, unless it is told that the network is private.
        variables = {"HOME": "/home/node", "CLIENT_TOKEN": token, "OPENCLAW_ALLOW_INSECURE_PRIVATE_WS": "1"}
        options += [part for key, value in variables.items() for part in ("--env", f"{key}={value}")]
        ctr = [str(node.packages / "usr/bin/ctr"), "--address", str(node.socket), "--namespace", "k8s.io"]
        container = f"client-{uuid.uuid4().hex[:12]}"
        result = subprocess.run(
            [*ctr, "run", *options, Images().gateway, container, *command],
            capture_output=True,
            text=True,
            timeout=wait,
            check=False,
        )
        assert result.stdout.strip(), f"the client said nothing: {result.stderr}"
        return result.stdout

    def forget(self) -> None:
        """Forget who it was."""
        shutil.rmtree(self.world.home.root / "clients" / self.name, ignore_errors=True)
