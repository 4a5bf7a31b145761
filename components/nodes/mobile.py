"""A phone as a node: how its person pairs it. Nothing of it is in the tailnet policy: it is its person's device."""

import shlex
from collections.abc import Iterator

from components.nodes import host
from components.nodes.kind import Join, NodeKind, Surroundings
from components.settings.errors import Problem
from components.settings.models import Instance
from components.settings.nodes import Node
from components.settings.stack import Settings


def guide(node: Node, instance: Instance, settings: Settings) -> str:
    """Guides its person step by step."""
    gateway = instance.names
    command = ["kubectl", "--namespace", gateway.namespace, "exec", "-it", f"deployment/{gateway.deployment}", "--"]
    inside = shlex.join([*command, "openclaw"])
    url = f"wss://{host.gateway_name(instance, settings)}"
    return (
        f"{node.id}: a phone for {url}\n"
        f"1. On the phone, log in to Tailscale as one of: {', '.join(instance.people)}.\n"
        "2. Make a pairing code. It is good for ten minutes and one device, and is as good as an approval:\n"
        f"   {inside} qr --limited --url {shlex.quote(url)}\n"
        "3. Scan it with the OpenClaw app.\n"
        "4. See what the phone offers, and approve it if the app did not match the code:\n"
        f"   {inside} devices list\n"
        f"   {inside} nodes status\n"
        f"5. To take it back: {inside} nodes remove --node NAME\n"
    )


class Mobile(NodeKind):
    """A phone: its person's own device, whose app says itself what it can do."""

    name = "mobile"
    keys = frozenset[str]()
    tagged = False

    def problems(self, path: str, node: Node, around: Surroundings) -> Iterator[Problem]:
        """A gateway that the apps cannot pair with."""
        if around.gateway and around.gateway.tailscale.reach != "https":
            reach = around.gateway.tailscale.reach
            yield Problem(
                f"{path}.gateway",
                f'"{node.gateway}" has reach "{reach}": the apps accept a pairing code only over https. Use "https".',
            )

    def join_material(self, join: Join) -> str:
        """The guide for its person."""
        return guide(join.node, join.instance, join.settings)
