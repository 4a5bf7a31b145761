"""Addresses of other services: a scheme, a host and a port, and nothing that could be a credential."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator

from components.constants import TAILNET_CIDRS
from components.settings.text import Text

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(:(?P<port>[0-9]{1,5}))?(?P<path>(/[-A-Za-z0-9._~]+)*/?)"
)
_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?")
# Names that no public resolver answers.
_PRIVATE_SUFFIXES: Final = (".internal", ".local", ".localhost", ".lan", ".home.arpa", ".svc", ".test")


@dataclass(frozen=True)
class _Url:
    secure: bool
    host: str
    path: str
    port: int

    @property
    def nobody(self) -> bool:
        """True for an address that no server has: link-local (metadata services), multicast, unspecified."""
        address = _address(self.host)
        return address is not None and (address.is_link_local or address.is_multicast or address.is_unspecified)

    @property
    def private(self) -> bool:
        """True for a host that only a private network has."""
        address = _address(self.host)
        if address is not None:
            return not address.is_global
        return "." not in self.host or self.host.lower().endswith(_PRIVATE_SUFFIXES)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _parsed(value: str) -> _Url | None:
    match = _URL.fullmatch(value)
    if match is None or (match["port"] and not 1 <= int(match["port"]) <= 65535):
        return None
    host = match["host"]
    labels = host.split(".")
    # A last label of digits is an address for every resolver.
    named = all(_LABEL.fullmatch(label) for label in labels) and not re.fullmatch(r"(0x)?[0-9]+", labels[-1])
    if _address(host) is None and not named:
        return None
    secure = match["scheme"] == "https"
    return _Url(secure, host, match["path"], int(match["port"] or (443 if secure else 80)))


def _base_url(value: str) -> str:
    url = _parsed(value)
    if url is None or url.path or url.nobody:
        raise ValueError(
            "is not a base URL. Write scheme, host and perhaps a port, without a login or a path, such as "
            "https://headscale.example.com"
        )
    if not url.secure and not url.private:
        raise ValueError("would send secrets unencrypted over the internet. Use https")
    return value


def _issuer(value: str) -> str:
    url = _parsed(value)
    if url is None or not url.secure or url.private:
        raise ValueError(
            "is not an issuer's URL. Copy the issuer of `kubectl get --raw /.well-known/openid-configuration`: it must be "
            "https and public"
        )
    return value


def _proxy(value: str) -> str:
    if "@" in value:
        # tailscaled logs the whole URL: "tshttpproxy: using proxy" (net/tshttpproxy).
        raise ValueError(
            "contains a login, which the sidecar would write to its log (I4). Use a proxy that needs none, such as "
            "one in the cluster that logs in to yours"
        )
    url = _parsed(value)
    if url is None or url.path or url.nobody:
        raise ValueError(
            "is not the URL of a proxy. Write scheme, host and optionally a port, without a path, such as "
            "http://proxy.example.com:3128"
        )
    address = _address(url.host)
    if f".{url.host.lower()}".endswith(".localhost") or (address and address.is_loopback):
        raise ValueError("is the pod itself. Write the address at which the cluster reaches the proxy")
    if address and any(address in ipaddress.ip_network(cidr) for cidr in TAILNET_CIDRS):
        raise ValueError("is in the tailnet, which the pod has to join first. Write an address outside it")
    return value


def _no_proxy(value: str) -> str:
    if value == "*":
        raise ValueError("would bypass the proxy for everything. Remove proxy instead")
    if re.fullmatch(r"[0-9A-Fa-f.:]+/[0-9]+", value):
        raise ValueError("is a network, which OpenClaw does not support here. List its hosts")
    url = _parsed(f"https://{value.removeprefix('.')}")
    if url is None or f"https://{url.host}" != f"https://{value.removeprefix('.')}" or "[" in value:
        raise ValueError(
            "is not a host. Write a name, .example.com for every host of a domain, or an IPv4 address, without a port"
        )
    return value


@dataclass(frozen=True)
class Target:
    """Where a URL leads. `private` says that only a private network has such a host; a name has no address here."""

    port: int
    private: bool
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None


def target(url: str) -> Target:
    """Where a URL leads that did validate as one of the types of this module."""
    parsed = _parsed(url)
    if parsed is None:
        raise ValueError("not a URL that was validated")
    return Target(parsed.port, parsed.private, _address(parsed.host))


def of_tailscale(url: str | None) -> bool:
    """Says whether a control server is Tailscale's own; None is the default."""
    parsed = _parsed(url or "https://controlplane.tailscale.com")
    return parsed is not None and f".{parsed.host.lower()}".endswith(".tailscale.com")


BaseUrl = Annotated[Text, AfterValidator(_base_url)]
IssuerUrl = Annotated[Text, AfterValidator(_issuer)]
ProxyUrl = Annotated[Text, AfterValidator(_proxy)]
NoProxyHost = Annotated[Text, AfterValidator(_no_proxy)]
