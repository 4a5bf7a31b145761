"""A phone as a node: how its person pairs it. Nothing of it is in the tailnet policy: it is its person's device."""

import shlex

from components import names
from components.nodes import host
from components.settings import Instance, Node, Settings


def guide(node: Node, instance: Instance, settings: Settings) -> str:
    """What its person does, step by step."""
    gateway = names.of(instance.id, instance.namespace, instance.tailscale.hostname)
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
