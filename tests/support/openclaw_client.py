"""OpenClaw's own client in the end-to-end world: on a person's device, or inside a gateway's pod."""

import shutil
from pathlib import Path
from typing import Any

from sandbox.node import layout, openclaw_client
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import Gateway, as_json


class Client(openclaw_client.Client):
    """One person's client, by name: its identity outlives the device."""

    @classmethod
    def named(cls, world: World, device: Device, name: str) -> "Client":
        return cls(device.layout, _home(world, name), device.process, device.directory / "etc" / "resolv.conf")

    @classmethod
    def inside(cls, gateway: Gateway, name: str) -> "Client":
        """In the gateway's own network, as if it were a process of the pod."""
        node = layout.of(gateway.world.home)
        return cls(node, _home(gateway.world, name), gateway.pid("gateway"), node.run / "resolv.conf")

    def call_as_backend(self, url: str, method: str, token: str) -> Any:
        """The same as `call` by a backend service with a new identity of its own, never paired."""
        return self.script("call", url, method, "backend", token=token)

    def load(self, url: str, token: str, *, clients: int, rate: int, seconds: int) -> Any:
        """So many paired clients of one call a second each, and `rate` HTTP requests a second; needs to be paired."""
        return self.script("load", url, str(clients), str(rate), str(seconds), token=token, wait=seconds + 90)

    def cli(self, *arguments: str, token: str) -> Any:
        """`openclaw ... --json` as somebody types it on their laptop."""
        return as_json(self.run(["node", "openclaw.mjs", *arguments, "--token", token, "--json"], token, 60))

    def pair(self, gateway: Gateway, url: str, token: str) -> None:
        """Ask, and be approved by the administrator in the pod."""
        refused = self.call(url, "status", token)
        assert refused["code"] == "PAIRING_REQUIRED", refused
        approve(gateway, refused["message"])

    def forget(self) -> None:
        """Forget who it was."""
        shutil.rmtree(self.home, ignore_errors=True)


def approve(gateway: Gateway, refusal: str) -> None:
    """The administrator approves the request that a refusal names."""
    pending = gateway.asked("device.pair.list")["pending"]
    requests = [entry["requestId"] for entry in pending if entry["requestId"] in refusal]
    assert len(requests) == 1, pending
    gateway.asked("device.pair.approve", requestId=requests[0])


def _home(world: World, name: str) -> Path:
    return world.home.root / "clients" / name
