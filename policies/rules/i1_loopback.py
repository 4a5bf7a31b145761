"""I1: the gateway process listens on loopback alone: by its openclaw.json, and no flag or variable says otherwise."""

import re
from collections.abc import Iterator
from typing import Final

from components.constants import GATEWAY_CONTAINER
from policies.rules.documents import UnreadableError, files, parse
from policies.rules.kinds import Container, Resource, words
from policies.rules.rule import Finding
from policies.rules.values import Value, get, items, obj, text

_CONFIG_FILE: Final = "openclaw.json"
_SET_BIND: Final = 'Set gateway.bind to "loopback"; the sidecar alone serves it, inside the tailnet.'
_SET_OFF: Final = 'Set gateway.tailscale.mode to "off"; the sidecar alone serves the gateway, inside the tailnet.'
_DROP: Final = "Remove it; openclaw.json alone sets the bind, to loopback."
# The value has to be there and known: "--bind", UNKNOWN matches nothing.
_FLAG: Final = re.compile(r"--(?P<flag>bind|tailscale)(?:\s+|=)[\"']?(?P<value>[\w.:*\[\]-]+)")
_SAFE: Final = {"bind": "loopback", "tailscale": "off"}
_VARIABLES: Final = frozenset({"OPENCLAW_GATEWAY_BIND", "OPENCLAW_BIND"})


def config_file(resource: Resource) -> Iterator[Finding]:
    """openclaw.json says loopback: an absent bind is 0.0.0.0 wherever OpenClaw notices that it is in a container."""
    for name, path, content in files(resource):
        named = name == _CONFIG_FILE
        if not named and '"gateway"' not in content:
            continue
        try:
            document = parse(content)
        except UnreadableError:
            if named:
                yield Finding(
                    "holds an openclaw.json that is not valid JSON, so its bind cannot be checked",
                    path,
                    "Write valid JSON, with each key once.",
                )
            continue
        gateway = obj(get(document, "gateway"))
        if named or "bind" in gateway:
            yield from _gateway(document, gateway, path)


def _gateway(document: Value, gateway: Value, path: str) -> Iterator[Finding]:
    if get(gateway, "bind") != "loopback":
        yield Finding("does not bind the gateway to loopback", f"{path}: gateway.bind", _SET_BIND)
    if get(gateway, "tailscale", "mode") not in (None, "off"):
        yield Finding("lets the gateway publish itself", f"{path}: gateway.tailscale.mode", _SET_OFF)
    if "$include" in obj(document) or "$include" in obj(gateway):
        yield Finding(
            "includes another file, which cannot be checked here", f"{path}: $include", "Write its settings here."
        )


def flags(resource: Resource) -> Iterator[Finding]:
    """No flag or variable of the gateway container widens what openclaw.json says: flags win over the file."""
    for pod in resource.pods():
        for container in pod.containers:
            line = " ".join(word if isinstance(word, str) else "\0" for word in words(container))
            if container.name != GATEWAY_CONTAINER and "openclaw" not in line:
                continue
            for match in _FLAG.finditer(line):
                if match["value"] != _SAFE[match["flag"]]:
                    yield Finding(
                        f"widens the gateway's bind by --{match['flag']} in {container.title}", container.path, _DROP
                    )
            yield from _variables(container)


def _variables(container: Container) -> Iterator[Finding]:
    for path, variable in items(container.spec.get("env"), f"{container.path}.env"):
        value = text(get(variable, "value"))
        if text(get(variable, "name")) in _VARIABLES and value not in (None, "", "loopback"):
            yield Finding(f"widens the gateway's bind by a variable in {container.title}", path, _DROP)
