"""Execution nodes in the end-to-end world."""

import dataclasses
from typing import Final

from components.constants import PROJECT
from engine.configuration import Values, merged
from sandbox.node import devices, layout
from sandbox.node.linux_machine import LinuxMachine
from sandbox.world import World
from tests.support.e2e_world import HOME, LAB
from tests.support.engine_world import Stack

SMALL: Final = {"home": {"size": "64Mi"}, "tailnet": {"size": "64Mi"}, "retain": False}


def with_nodes(stack: Stack, *nodes: Values) -> Stack:
    return dataclasses.replace(stack, config=merged(stack.config, {f"{PROJECT}:nodes": list(nodes)}))


def machine_of(world: World, stack: Stack, node: str) -> LinuxMachine:
    """The switched-on machine of a node of the stack, with what the stack exports for it; not in the tailnet yet."""
    user_data = stack.engine(HOME, LAB).outputs()["join"][node]
    return LinuxMachine.of(devices.start(layout.of(world.home), devices.NODE_1), user_data)
