"""I1: Tailscale Funnel stays off: not in a Serve config, not in the tailnet policy, not on a command line."""

import re
from collections.abc import Iterator
from typing import Final

from policies.rules.documents import UnreadableError, files, find, parse
from policies.rules.kinds import Resource, words
from policies.rules.rule import Finding
from policies.rules.values import Value, fields, items, present, text

_WORD: Final = re.compile(r"\bfunnel\b", re.IGNORECASE)
_ACL: Final = "tailscale:index/acl:Acl"


def serve_config(resource: Resource) -> Iterator[Finding]:
    """No file of a ConfigMap or Secret holds a Serve config with AllowFunnel on."""
    for name, path, content in files(resource):
        if name != "serve.json" and "allowfunnel" not in content.lower() and "\\u" not in content:
            continue
        try:
            opened = any(_allows(value) for value in find(parse(content), "AllowFunnel"))
        except UnreadableError:
            if name == "serve.json" or "allowfunnel" in content.lower():
                yield Finding(
                    "holds a Serve config that is not valid JSON, so it cannot be checked for Funnel",
                    path,
                    "Write valid JSON, with each key once.",
                )
            continue
        if opened:
            yield Finding(
                "turns Tailscale Funnel on, which opens the gateway to the internet",
                path,
                "Set AllowFunnel to false or leave it out; people reach a gateway through the tailnet.",
            )


def _allows(value: Value) -> bool:
    return value is True or any(allowed is not False for _, _, allowed in fields(value, ""))


def policy_attribute(resource: Resource) -> Iterator[Finding]:
    """No node of the tailnet may use Funnel: the tailnet policy gives the node attribute `funnel` to nobody."""
    if resource.type != _ACL:
        return
    content = text(resource.props.get("acl"))
    if content is None or not _WORD.search(
        content
    ):  # "\u0066unnel" is left to the control server, which takes HuJSON as typed
        return
    try:
        attributes = [attribute for attrs in find(parse(content), "attr") for _, attribute in items(attrs, "")]
    except UnreadableError:
        yield Finding(
            "is a policy that is not valid HuJSON, so it cannot be checked for Funnel",
            "acl",
            "Write valid JSON (comments and trailing commas may stay), with each key once.",
        )
        return
    if "funnel" in attributes:
        yield Finding(
            "gives devices the attribute `funnel`, which lets them open to the internet",
            "acl: nodeAttrs",
            "Remove the attribute; people reach a gateway through the tailnet.",
        )


def command(resource: Resource) -> Iterator[Finding]:
    """No container runs `tailscale funnel`."""
    for pod in resource.pods():
        for container in pod.containers:
            if any(present(argument := text(word)) and _WORD.search(argument or "") for word in words(container)):
                yield Finding(
                    f"runs a command that mentions Funnel in {container.title}",
                    container.path,
                    "Remove it; the Serve config alone says what is served, inside the tailnet.",
                )
