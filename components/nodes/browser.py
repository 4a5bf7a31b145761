"""The browser of a node, which the agent of its gateway drives through the tailnet: the node's configuration, and the pin."""

import json
from typing import Any, Final

from components.settings.nodes import Node, NodeBrowser
from components.settings.stack import Settings

CONFIG_FILE: Final = "openclaw.json"
# The profile that is a browser of the agent's own, which the machine must have installed.
OWN: Final = "openclaw"


def node_of(gateway: str, settings: Settings) -> Node | None:
    """The node whose browser the gateway's agent drives; there is one at most."""
    return next((node for node in settings.nodes if node.gateway == gateway and node.browser), None)


def config(browser: NodeBrowser) -> dict[str, Any]:
    """The node's own configuration: OpenClaw's defaults are every profile, and whatever script the agent sends."""
    return {
        "browser": {
            "enabled": True,
            "defaultProfile": browser.profiles[0],
            # A script reaches what the page reaches, and no check of addresses sees it: the machine's loopback, too.
            "evaluateEnabled": False,
            "allowSystemProfileImport": False,
            # `dangerouslyAllowPrivateNetwork` is not written: its default and `false` both deny private addresses, but with
            # `false` every public name is denied, too.
            "ssrfPolicy": {"allowedHostnames": list(browser.hosts)},
            # The older way sends the relay's key to whatever holds its port.
            "extensionRelay": {"allowLegacyAuth": False},
        },
        "nodeHost": {"browserProxy": {"enabled": True, "allowProfiles": list(browser.profiles)}},
    }


def config_text(browser: NodeBrowser) -> str:
    """The file."""
    return f"{json.dumps(config(browser), indent=1)}\n"
