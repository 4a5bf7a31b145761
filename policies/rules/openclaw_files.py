"""OpenClaw's configurations among the files of a resource, by their name or by what is in them."""

import re
from collections.abc import Iterator
from typing import Final

from policies.rules.documents import File, UnreadableError, files, parse_json5
from policies.rules.kinds import Resource
from policies.rules.values import Object, Value, get, obj

_NAME: Final = re.compile(r"(?:.*/)?(?:openclaw|clawdbot|moltbot)[\w.-]*\.json[5c]?", re.IGNORECASE)
_PLAIN: Final = re.compile(r"gateway|agents|\\u|\\x", re.IGNORECASE)
# What OpenClaw alone means by `gateway`: another program's `gateway: {bind: ":8080"}` is its own business.
_BINDS: Final = frozenset({"loopback", "lan", "tailnet", "auto", "custom"})
_GATEWAY_KEYS: Final = frozenset(
    {"controlUi", "trustedProxies", "customBindHost", "tailscale", "nodes", "reload", "terminal"}
)
_AUTH_MODES: Final = frozenset({"none", "token", "password", "trusted-proxy"})
_TOP: Final = frozenset(
    {"agents", "channels", "models", "tools", "plugins", "hooks", "logging", "discovery", "session", "messages"}
)


def openclaw_files(resource: Resource) -> Iterator[tuple[File, Object | None]]:
    """(file, its configuration) of each; None for one that is named so and cannot be read."""
    for file in files(resource):
        named = bool(_NAME.fullmatch(file.name)) and len(file.name) < 200
        if not named and not _PLAIN.search(file.text):
            continue
        try:
            document = obj(parse_json5(file.text))
        except UnreadableError:
            if named:
                yield file, None
            continue
        if named or is_openclaw_config(document, resource):
            yield file, document


def is_openclaw_config(document: Value, resource: Resource) -> bool:
    """Says whether a file under any name is a configuration of OpenClaw."""
    gateway = obj(get(document, "gateway"))
    others = _TOP.intersection(obj(document))
    if not gateway:
        agents = obj(get(document, "agents"))
        return bool({"entries", "defaults", "list"}.intersection(agents)) and (len(others) > 1 or _is_ours(resource))
    bind, mode = gateway.get("bind"), get(gateway, "auth", "mode")
    return (
        (isinstance(bind, str) and bind in _BINDS)
        or bool(_GATEWAY_KEYS.intersection(gateway))
        or (isinstance(mode, str) and mode in _AUTH_MODES)
        or (_is_ours(resource) and "bind" in gateway)
        or (len(others) > 1)
    )


def _is_ours(resource: Resource) -> bool:
    texts = (resource.object_name, resource.namespace or "", str(resource.labels.get("app.kubernetes.io/name")))
    return any("openclaw" in one for one in texts)
