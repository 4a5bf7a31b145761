"""Execution nodes in the end-to-end world."""

import dataclasses
import json
import time
from typing import Any, Final

from components.constants import PROJECT
from engine.configuration import Values, merged
from sandbox.node import devices, layout
from sandbox.node.linux_machine import LinuxMachine, Running
from sandbox.world import World
from tests.support.e2e_world import HOME, LAB, Gateway, as_json
from tests.support.engine_world import Stack, eventually

SMALL: Final = {"home": {"size": "64Mi"}, "tailnet": {"size": "64Mi"}, "retain": False}


def with_nodes(stack: Stack, *nodes: Values) -> Stack:
    return dataclasses.replace(stack, config=merged(stack.config, {f"{PROJECT}:nodes": list(nodes)}))


def machine_of(world: World, stack: Stack, node: str) -> LinuxMachine:
    """The switched-on machine of a node of the stack, with what the stack exports for it; not in the tailnet yet."""
    user_data = stack.engine(HOME, LAB).outputs()["join"][node]
    return LinuxMachine.of(devices.start(layout.of(world.home), devices.NODE_1), user_data)


@dataclasses.dataclass
class Nodes:
    """The state that the journey's steps share, in order."""

    stack: Stack
    home: Gateway
    lab: Gateway
    machine: LinuxMachine
    running: list[Running] = dataclasses.field(default_factory=list[Running])
    known: dict[str, str] = dataclasses.field(default_factory=dict[str, str])

    def start(self, command: list[str]) -> Running:
        self.running.append(self.machine.start(command))
        return self.running[-1]

    def cli(self, *arguments: str) -> Any:
        """The gateway's own CLI, in its pod."""
        said = self.home.openclaw(*arguments, "--json")
        return json.loads(said[min(place for place in (said.find("{"), said.find("[")) if place >= 0) :])

    def invoke(self, name: str, which: str, /, **params: Any) -> Any:
        """Sends a command to a node through the gateway, and returns the answer: `payload`, or `error`."""
        if name not in self.known:
            self.known = {node["displayName"]: node["nodeId"] for node in self.cli("nodes", "status")["nodes"]}
        sent = {
            "nodeId": self.known.get(name, name),
            "command": which,
            "params": params,
            "idempotencyKey": str(time.time()),
        }
        done = self.home.attempt(
            "node", "openclaw.mjs", "gateway", "call", "node.invoke", "--params", json.dumps(sent), "--json"
        )
        return as_json(done.stdout) if "{" in done.stdout else {"error": done.stderr}

    def output(self, name: str, *command: str) -> str:
        done = self.invoke(name, "system.run", command=command)
        assert "payload" in done, done
        return done["payload"]["stdout"]

    def pending_device(self, name: str) -> list[str]:
        return [entry["requestId"] for entry in self.cli("devices", "list")["pending"] if entry["displayName"] == name]

    def approve_device(self, name: str) -> None:
        eventually(lambda: self.pending_device(name), f"{name} to ask", 300)
        self.cli("devices", "approve", self.pending_device(name)[0])

    def pending_surface(self, name: str) -> list[Any]:
        return [entry for entry in self.cli("nodes", "pending") if entry["displayName"] == name]

    def approve_surface(self, name: str) -> Any:
        eventually(lambda: self.pending_surface(name), f"{name} to say what it offers", 300)
        (request,) = self.pending_surface(name)
        return self.cli("nodes", "approve", request["requestId"])
