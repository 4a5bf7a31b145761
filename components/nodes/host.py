"""OpenClaw's node host: its command line and environment, the same on every kind of machine."""

from pathlib import Path
from typing import Final

from components.settings.models import Instance
from components.settings.nodes import Node
from components.settings.stack import Settings

ENROL_SCRIPT: Final = Path(__file__).with_name("enrol.mjs").read_text()


def gateway_name(instance: Instance, settings: Settings) -> str:
    """The full name of the gateway in the tailnet."""
    return settings.tailnet.fqdn(instance.names.hostname)


def arguments(node: Node, instance: Instance, settings: Settings) -> list[str]:
    """Arguments of `openclaw`: the gateway's address, and the only commands that the node offers."""
    secure = instance.tailscale.reach == "https"
    return [
        *("node", "run", "--host", gateway_name(instance, settings)),
        *("--port", str(instance.tailscale.served_port), "--tls" if secure else "--no-tls"),
        *("--display-name", node.id, "--commands", ",".join(node.offered)),
    ]


def environment(home: str, instance: Instance, config: str | None = None) -> dict[str, str]:
    """Environment of the node host in the directory `home`, with the file `config`; the gateway's secret is not in it."""
    paths = {"HOME": home, "OPENCLAW_STATE_DIR": f"{home}/.openclaw", "XDG_CACHE_HOME": f"{home}/.cache"}
    # Read-only, as the gateway's: what the agent may drive is changed in the stack.
    configured = {"OPENCLAW_CONFIG_PATH": config, "OPENCLAW_CONFIG_READONLY": "1"} if config else {}
    return paths | configured | variables(instance)


def variables(instance: Instance) -> dict[str, str]:
    """The part of the environment that is the same everywhere."""
    shared = {
        "NODE_ENV": "production",
        # The version is the gateway's, and moves with it.
        "OPENCLAW_NO_AUTO_UPDATE": "1",
        "OPENCLAW_DISABLE_BONJOUR": "1",
        "DO_NOT_TRACK": "1",
    }
    if instance.tailscale.reach != "https":
        # It refuses plain ws:// to names outside ts.net unless it is told that the network is private; WireGuard is.
        shared["OPENCLAW_ALLOW_INSECURE_PRIVATE_WS"] = "1"
    return shared


def secret_name(instance: Instance) -> str:
    """The variable in which the node host takes the gateway's secret, once."""
    return instance.gateway.auth.secret_variable
