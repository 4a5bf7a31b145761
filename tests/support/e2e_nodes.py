"""Execution nodes in the end-to-end world."""

import dataclasses
from typing import Final

from components.constants import PROJECT
from engine.configuration import Values, merged
from tests.support.engine_world import Stack

SMALL: Final = {"home": {"size": "64Mi"}, "tailnet": {"size": "64Mi"}, "retain": False}


def with_nodes(stack: Stack, *nodes: Values) -> Stack:
    return dataclasses.replace(stack, config=merged(stack.config, {f"{PROJECT}:nodes": list(nodes)}))
