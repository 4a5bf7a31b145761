"""Keys of OpenClaw's configuration that are not the owner's to set: one table, for the check, the gateway and the docs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, cast

from components.constants import GATEWAY_PORT
from components.openclaw.schema import Location


class Computed(Enum):
    """The value of a key that follows from the other settings, or has none."""

    VALUE = "computed"


@dataclass(frozen=True)
class Reserved:
    """A key, with all below it. `*` stands for any one key. `value`: ours, where it is always the same."""

    path: str
    why: str
    value: object = Computed.VALUE

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.path.split("."))


_NAMES = "devices and people are named in the settings (I7)"
_GIVEN = "a secret in a configuration is read by everybody who reads the ConfigMap (I4): use gateway.secrets"
_PERMISSIONS = "gateway.permissions says what the agent may do by itself"
_PLUGINS = "gateway.plugins of the settings installs plugins, pinned; the agent installs none"
_LISTENS = "nothing listens but the gateway itself, on loopback (I1)"

RESERVED: Final = (
    Reserved("gateway.mode", "the pod is the gateway", "local"),
    Reserved("gateway.bind", "nothing listens on the pod's addresses (I1)", "loopback"),
    Reserved("gateway.port", "Serve, the probes and the policies know this port", GATEWAY_PORT),
    Reserved("gateway.auth", "gateway.auth of the settings says how clients prove themselves"),
    Reserved("gateway.trustedProxies", "only Serve, on loopback, may say for whom it speaks"),
    Reserved("gateway.controlUi.enabled", "the probes ask the same server", True),
    Reserved("gateway.controlUi.allowedOrigins", "the only origin is the gateway's address in the tailnet"),
    Reserved(
        "gateway.terminal", "a shell in the gateway's pod is for administrators of the cluster", {"enabled": False}
    ),
    Reserved(
        "gateway.reload", "a new configuration is a new pod; with seeded, a restart of the gateway", {"mode": "off"}
    ),
    Reserved("gateway.nodes.pairing", "no device and no node is ever approved by itself"),
    Reserved("gateway.nodes.commands", "gateway.nodes.commands of the settings has these lists"),
    Reserved("gateway.nodes.browser", "nodes[].browser of the settings says whose browser the agent drives"),
    Reserved("gateway.nodes.pluginTools", "a node's tools would count as the gateway's own", {"enabled": False}),
    Reserved("gateway.nodes.allowSkills", "a node's skills would be read as the gateway's own", False),
    Reserved("gateway.tailscale", "the sidecar owns Serve, and there is no Funnel (I1)", {"mode": "off"}),
    # All the rest of `gateway`, but for OPEN.
    Reserved("gateway.*", "how the gateway is reached follows from the settings"),
    Reserved("update", "the image's version is the stack's", {"checkOnStart": False}),
    Reserved("discovery", "nothing is announced (I1)", {"mdns": {"mode": "off"}}),
    Reserved("env", _GIVEN),
    Reserved("tools.exec.mode", _PERMISSIONS),
    Reserved("tools.exec.security", _PERMISSIONS),
    Reserved("tools.exec.ask", _PERMISSIONS),
    Reserved("tools.fs.workspaceOnly", _PERMISSIONS),
    Reserved("agents.entries.*.tools.exec.mode", _PERMISSIONS),
    Reserved("agents.entries.*.tools.exec.security", _PERMISSIONS),
    Reserved("agents.entries.*.tools.exec.ask", _PERMISSIONS),
    Reserved("agents.entries.*.tools.fs.workspaceOnly", _PERMISSIONS),
    Reserved("logging.audit.enabled", "who asked and what ran must be found afterwards", True),
    Reserved("logging.audit.executionIdentity", "gateway.auditIdentity of the settings turns it on"),
    Reserved("plugins.load", _PLUGINS),
    Reserved("security.installPolicy", _PLUGINS, {"enabled": True, "targets": ["plugin"]}),
    Reserved("desktop.host", _LISTENS),
    Reserved("hooks.gmail.serve", _LISTENS),
    Reserved("hooks.gmail.tailscale", "there is no Funnel (I1)"),
    Reserved("plugins.entries.device-pair.config.publicUrl", "the only address is the gateway's in the tailnet"),
    Reserved("plugins.entries.voice-call.config.serve", _LISTENS),
    Reserved("plugins.entries.voice-call.config.tailscale", "there is no Funnel (I1)"),
    Reserved("plugins.entries.voice-call.config.tunnel", "a tunnel would be a public address (I1)"),
    *(
        Reserved(
            f"channels.{channel}{key}", "a webhook needs a public address (I1): let the channel poll, or use a socket"
        )
        for channel in ("feishu", "nextcloud-talk", "telegram")
        for key in (".webhookHost", ".webhookPort", ".accounts.*.webhookHost", ".accounts.*.webhookPort")
    ),
)

# Below `gateway`, and the owner's: nothing here says who gets in, or where the gateway listens.
OPEN: Final = (
    "gateway.cliAgents",
    "gateway.controlUi.automaticallyFetchFavicons",
    "gateway.controlUi.communityInvite",
    "gateway.controlUi.environment",
    "gateway.controlUi.github",
    "gateway.controlUi.sessionObserver",
    "gateway.http.endpoints",
    "gateway.push",
    "gateway.roles",
    "gateway.tools",
)
_OPEN: Final = tuple(tuple(path.split(".")) for path in OPEN)
# A file beside the configuration: what it holds is seen by nobody, and never checked.
INCLUDE: Final = "$include"


def patterns() -> dict[str, list[list[str]]]:
    """The table as seed.mjs reads it."""
    return {"remove": [list(row.parts) for row in RESERVED], "keep": [list(path) for path in _OPEN]}


def reserved(config: Mapping[str, Any]) -> Iterator[tuple[Location, Reserved]]:
    """The keys in a configuration that are ours and have another value than ours; the shortest path of each."""
    yield from _reserved((), config)


def _reserved(location: Location, value: object) -> Iterator[tuple[Location, Reserved]]:
    if isinstance(value, list):
        for index, item in enumerate(cast(list[Any], value)):
            yield from _reserved((*location, index), item)
    if not isinstance(value, dict):
        return
    for key, item in cast(dict[str, Any], value).items():
        here = (*location, key)
        if key == INCLUDE:
            yield here, Reserved(INCLUDE, "a file that the stack does not have would decide. Write it here")
        elif (ours := _ours(here, item)) is not None:
            if ours.value is Computed.VALUE or ours.value != item:
                yield here, ours
        else:
            yield from _reserved(here, item)


def _ours(location: Location, value: object) -> Reserved | None:
    """The row of the table that has a place; None for the owner's, and for what only holds some of ours."""
    if any(_covers(path, location) or (_covers(location, path) and isinstance(value, dict)) for path in _OPEN):
        return None
    row = next((row for row in RESERVED if _covers(row.parts, location)), None)
    # `gateway.controlUi` itself is not ours, though it is a key of `gateway`: some of what is in it has a row of its own.
    if row and row.path == "gateway.*" and isinstance(value, dict):
        inner = any(len(each.parts) > len(location) and _covers(location, each.parts) for each in RESERVED)
        return None if inner else row
    return row


def _covers(pattern: Location, location: Location) -> bool:
    return len(pattern) <= len(location) and all(
        part in ("*", other) for part, other in zip(pattern, location, strict=False)
    )
