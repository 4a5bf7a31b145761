"""What an owner may set for the pack: `--policy-pack-config`, by policy. The schema is what the engine checks it with."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_EXCEPTIONS: Final = {
    "type": "boolean",
    "description": "Objects may be excepted by the annotation openclaw-tailnet/allow, with a reason.",
}
CONTAINERS: Final = {
    **_TEXTS,
    "description": "Containers that may run in a gateway's pod besides the gateway and its sidecar: NAME=IMAGE REPOSITORY.",
}
EGRESS: Final = {**_TEXTS, "description": "Private networks that NetworkPolicies may open, as CIDRs."}
REGISTRIES: Final = {**_TEXTS, "description": "Registries, or parts of them, that images may come from. None: any."}
DIGESTS: Final = {"type": "boolean", "description": "Images are named by digest."}


@dataclass(frozen=True)
class PackSettings:
    """The parameters of all policies together."""

    containers: tuple[tuple[str, str], ...] = ()
    egress: tuple[Network, ...] = ()
    registries: tuple[str, ...] = ()
    require_digest: bool = False


class SettingsError(ValueError):
    """A parameter is wrong. The message says which, and how to write it."""


def schema(own: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema properties of a policy's parameters."""
    return {**own, "exceptions": _EXCEPTIONS}


def settings(by_policy: Mapping[str, Mapping[str, Any]]) -> PackSettings:
    """The parameters of the policies. Raises SettingsError."""
    merged = {key: value for parameters in by_policy.values() for key, value in parameters.items()}
    return PackSettings(
        containers=tuple(_container(text) for text in _texts(merged, "containers")),
        egress=tuple(_network(text) for text in _texts(merged, "egress")),
        registries=tuple(_texts(merged, "registries")),
        require_digest=_boolean(merged, "requireDigest"),
    )


def _texts(merged: Mapping[str, Any], key: str) -> Sequence[str]:
    value = merged.get(key)
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise SettingsError(f"{key} is not a list of texts")
    elements = cast(Sequence[Any], value)
    if not all(isinstance(element, str) for element in elements):
        raise SettingsError(f"{key} is not a list of texts")
    return elements


def _boolean(merged: Mapping[str, Any], key: str) -> bool:
    value = merged.get(key, False)
    if not isinstance(value, bool):
        raise SettingsError(f"{key} is neither true nor false")
    return value


def _container(text: str) -> tuple[str, str]:
    name, separator, image = text.partition("=")
    if not (name and separator and image):
        raise SettingsError(
            "containers: write each as NAME=IMAGE REPOSITORY, such as metrics=registry.example.com/metrics"
        )
    return name, image


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise SettingsError("egress: write each as a CIDR, such as 10.1.2.0/24") from None
