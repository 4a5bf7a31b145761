"""I1: settings of OpenClaw by which others get in: no authentication, trusted proxies, approval by itself, webhooks, tunnels."""

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from policies.rules.commands import HIDDEN, flag_values
from policies.rules.gateway import gateway_lines
from policies.rules.kinds import Resource
from policies.rules.openclaw_files import openclaw_files
from policies.rules.rule import Finding
from policies.rules.values import Object, Unknown, Value, fields, get, items, obj, text


@dataclass(frozen=True)
class Dangerous:
    """A key of the configuration, when a value of it lets others in. `*` stands for any one key."""

    path: str
    opens: Callable[[Value], bool]
    what: str
    hint: str = "Remove it."


def _is_true(value: Value) -> bool:
    return value is True or value in ("true", 1)


def _is_there(value: Value) -> bool:
    return (
        value not in (None, False, "", "off", "none") and not isinstance(value, Unknown) and value != [] and value != {}
    )


def _is_not_loopback(value: Value) -> bool:
    return isinstance(value, str) and value not in ("127.0.0.1", "localhost", "::1", "loopback", "")


def _trusts_others(value: Value) -> bool:
    return any(isinstance(one, str) and not _is_loopback(one) for _, one in items(value, "")) or (
        isinstance(value, str) and not _is_loopback(value)
    )


def _is_loopback(written: str) -> bool:
    try:
        network = ipaddress.ip_network(written, strict=False)
    except ValueError:
        return False
    return network.network_address.is_loopback and network.prefixlen >= (8 if network.version == 4 else 128)


def _any_origin(value: Value) -> bool:
    return any("*" in one or one == "null" for _, one in items(value, "") if isinstance(one, str)) or value == "*"


_FUNNEL: Final = "The only way to the gateway is the sidecar's Serve, inside the tailnet."
_PAIR: Final = "Leave pairing to people: openclaw devices approve."
DANGEROUS: Final = (
    Dangerous(
        "gateway.auth.mode",
        lambda value: value == "none",
        "lets in whoever comes, without authentication",
        "Use token.",
    ),
    Dangerous("gateway.auth.allowTailscale", _is_true, "lets in whoever is in the tailnet, without the token"),
    Dangerous("gateway.auth.trustedProxy.deviceAutoApprove.enabled", _is_true, "approves devices by itself", _PAIR),
    Dangerous("gateway.nodes.pairing.autoApproveLocal", _is_true, "approves devices on loopback by itself", _PAIR),
    Dangerous("gateway.nodes.pairing.autoApproveCidrs", _is_there, "approves devices by their address", _PAIR),
    Dangerous("gateway.nodes.pairing.autoApprove", _is_there, "approves devices by itself", _PAIR),
    Dangerous(
        "gateway.trustedProxies",
        _trusts_others,
        "believes what proxies other than loopback say of clients",
        "Trust 127.0.0.1/32 alone.",
    ),
    Dangerous("gateway.allowRealIpFallback", _is_true, "believes what clients say of their own address"),
    Dangerous("gateway.tailscale.preserveFunnel", _is_true, "keeps a Funnel of an earlier run", _FUNNEL),
    Dangerous("gateway.customBindHost", _is_not_loopback, "listens on another address than loopback", _FUNNEL),
    Dangerous("gateway.controlUi.allowInsecureAuth", _is_true, "lets the page in without its device's key"),
    Dangerous(
        "gateway.controlUi.allowedOrigins",
        _any_origin,
        "lets every page of the web connect",
        "List the gateway's own address.",
    ),
    Dangerous("gateway.controlUi.embedSandbox", lambda value: value == "trusted", "trusts pages that the agent embeds"),
    Dangerous("gateway.controlUi.allowExternalEmbedUrls", _is_true, "shows pages of others inside its own"),
    Dangerous("gateway.portals.ingress", _is_there, "publishes portals", _FUNNEL),
    Dangerous("discovery.wideArea.enabled", _is_true, "announces the gateway in a public zone"),
    Dangerous("discovery.mdns.mode", lambda value: value == "full", "announces the gateway, with its paths"),
    Dangerous("desktop.host", _is_there, "opens the pod's desktop to others"),
    Dangerous("hooks.gmail.serve", _is_there, "listens for mail outside the gateway", _FUNNEL),
    Dangerous("hooks.gmail.tailscale.mode", _is_there, "publishes a hook by itself", _FUNNEL),
    Dangerous("plugins.entries.voice-call.config.tunnel", _is_there, "opens a tunnel for calls", _FUNNEL),
    Dangerous("plugins.entries.voice-call.config.tailscale", _is_there, "publishes a webhook by itself", _FUNNEL),
    Dangerous("plugins.entries.voice-call.config.serve", _is_there, "listens for calls outside the gateway", _FUNNEL),
    Dangerous(
        "channels.*.webhookHost",
        _is_not_loopback,
        "listens for a channel outside loopback",
        "Let the channel poll, or use a socket.",
    ),
    Dangerous(
        "channels.*.accounts.*.webhookHost",
        _is_not_loopback,
        "listens for a channel outside loopback",
        "Let the channel poll, or use a socket.",
    ),
)


def openclaw_settings(resource: Resource) -> Iterator[Finding]:
    """openclaw.json lets in nobody but who has the token and a device that a person approved."""
    for file, document in openclaw_files(resource):
        if document is None:
            continue
        for row in DANGEROUS:
            if any(row.opens(value) for value in _at(document, row.path.split("."))):
                yield Finding(row.what, f"{file.path}: {row.path}", row.hint)
        if any(_is_true(value) for value in _dangerously(document)):
            yield Finding("switches a protection off that OpenClaw calls dangerous to miss", file.path, "Remove it.")
        yield from _by_header(document, file.path)


def _at(value: Value, path: list[str]) -> Iterator[Value]:
    if not path:
        yield value
    elif path[0] == "*":
        for _, _, element in fields(value, ""):
            yield from _at(element, path[1:])
    elif path[0] in obj(value):
        yield from _at(get(value, path[0]), path[1:])


def _dangerously(document: Value) -> Iterator[Value]:
    stack = [document]
    while stack:
        here = stack.pop()
        for key, _, element in fields(here, ""):
            if key.startswith("dangerously"):
                yield element
            stack.append(element)
        stack += [element for _, element in items(here, "")]


def _by_header(document: Object, path: str) -> Iterator[Finding]:
    auth = obj(get(document, "gateway", "auth"))
    if auth.get("mode") != "trusted-proxy" and not obj(auth.get("trustedProxy")):
        return
    proxy = obj(auth.get("trustedProxy"))
    users = proxy.get("allowUsers")
    listed = [user for _, user in items(users, "")]
    if not isinstance(users, Unknown) and (not listed or "*" in listed):
        yield Finding(
            "lets in whoever a header names",
            f"{path}: gateway.auth.trustedProxy.allowUsers",
            "List the people; a header that is not listed lets nobody in.",
        )
    header = text(proxy.get("userHeader"))
    if header is not None and header.lower() != "tailscale-user-login":
        yield Finding(
            "takes a person's name from a header that Serve does not set, so anybody may send it",
            f"{path}: gateway.auth.trustedProxy.userHeader",
            "Use tailscale-user-login, which Serve sets and strips.",
        )


def openclaw_flags(resource: Resource) -> Iterator[Finding]:
    """No flag of the gateway switches its authentication off."""
    for container, line, programs in gateway_lines(resource):
        words = [word for program in programs for word in program]
        modes = [value for value in flag_values(words, "auth") if value != HIDDEN]
        if any(mode not in ("token", "password") for mode in modes):
            yield Finding(
                f"changes how clients prove themselves by --auth in {container.title}",
                line.path,
                "Remove it; openclaw.json says it.",
            )
        if any(word.startswith("--dangerously") or word == "--allow-insecure-auth" for word in words):
            yield Finding(f"switches a protection off by a flag in {container.title}", line.path, "Remove it.")
