"""Execution nodes in the end-to-end world."""

import dataclasses
import time
from typing import Any, Final

from components.constants import PROJECT
from engine.configuration import Values, merged
from sandbox.node import devices, layout
from sandbox.node.linux_machine import LinuxMachine, Running
from sandbox.world import World
from tests.support.e2e_world import HOME, LAB, Gateway
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

    def invoke(self, name: str, which: str, /, **params: Any) -> Any:
        """Sends a command to a node through the gateway, and returns the answer: `payload`, or `error`."""
        if name not in self.known:
            nodes = self.home.asked("node.list")["nodes"]
            self.known = {node["displayName"]: node["nodeId"] for node in nodes}
        node, key = self.known.get(name, name), str(time.time())
        answer = self.home.call("node.invoke", nodeId=node, command=which, params=params, idempotencyKey=key)
        return answer["payload"] if answer["ok"] else {"error": answer["error"]}

    def output(self, name: str, *command: str) -> str:
        done = self.invoke(name, "system.run", command=command)
        assert "payload" in done, done
        return done["payload"]["stdout"]

    def pending_device(self, name: str) -> list[str]:
        pending = self.home.asked("device.pair.list")["pending"]
        return [entry["requestId"] for entry in pending if entry["displayName"] == name]

    def approve_device(self, name: str) -> None:
        request, *_ = eventually(lambda: self.pending_device(name), f"{name} to ask", 300)
        self.home.asked("device.pair.approve", requestId=request)

    def pending_surface(self, name: str) -> list[Any]:
        return [entry for entry in self.home.asked("node.pair.list")["pending"] if entry["displayName"] == name]

    def approve_surface(self, name: str) -> Any:
        (request,) = eventually(lambda: self.pending_surface(name), f"{name} to say what it offers", 300)
        return self.home.asked("node.pair.approve", requestId=request["requestId"])
