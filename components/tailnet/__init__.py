"""The tailnet's side of the stack: who may connect to what, and the keys with which the gateways join."""

from components.tailnet.policy import render
from components.tailnet.tailnet import OwnedTailnet

__all__ = ["OwnedTailnet", "render"]
