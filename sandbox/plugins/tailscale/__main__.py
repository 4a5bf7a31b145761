"""Starts the `tailscale` stand-in."""

from sandbox.plugins.server import serve
from sandbox.plugins.tailscale.provider import Tailscale

serve(Tailscale, Tailscale.name)
