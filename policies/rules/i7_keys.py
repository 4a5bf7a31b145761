"""I7: keys, clients and settings of the tailnet make tagged devices, for a time, and approve nothing by themselves."""

from collections.abc import Iterator
from typing import Final

from policies.rules.kinds import Resource
from policies.rules.rule import Finding
from policies.rules.values import Unknown, Value, get, items, text

_LONGEST: Final = 7_776_000
_SCOPES: Final = frozenset({"auth_keys", "auth_keys:read"})
_TAG: Final = "Give it the one tag of the gateway."


def _is(resource: Resource, *names: str) -> bool:
    return resource.type.startswith("tailscale:index/") and resource.kind in names


def keys(resource: Resource) -> Iterator[Finding]:
    """A key makes devices with one tag that stay, and lives 90 days at most."""
    if not _is(resource, "TailnetKey"):
        return
    yield from _tags(resource)
    if resource.props.get("ephemeral") is True:
        yield Finding(
            "makes devices that go away, with name and address, when they are offline", "ephemeral", "Set it to false."
        )
    expiry = resource.props.get("expiry")
    if isinstance(expiry, int | float) and not isinstance(expiry, bool) and (expiry > _LONGEST or expiry <= 0):
        yield Finding("lives longer than 90 days", "expiry", f"Set it to {_LONGEST} or less.")


def _tags(resource: Resource) -> Iterator[Finding]:
    tags = resource.props.get("tags")
    if isinstance(tags, Unknown):
        return
    listed = [one for _, one in items(tags, "")]
    if not listed:
        yield Finding("makes devices of a person, with that person's access", "tags", _TAG)
    if len(listed) > 1:
        yield Finding("makes devices with more than one tag", "tags", _TAG)


def clients(resource: Resource) -> Iterator[Finding]:
    """A client or federated identity makes keys for one tag, and may do nothing else."""
    if not _is(resource, "OauthClient", "FederatedIdentity"):
        return
    yield from _tags(resource)
    for path, scope in items(resource.props.get("scopes"), "scopes"):
        if isinstance(scope, str) and scope not in _SCOPES:
            yield Finding("may do more than make keys", path, "Leave auth_keys alone.")
    if resource.kind != "FederatedIdentity":
        return
    if "*" in (text(resource.props.get("subject")) or ""):
        yield Finding("is for more than one service account", "subject", "Name it in full.")
    issuer = text(resource.props.get("issuer"))
    if issuer is not None and (not issuer.startswith("https://") or "*" in issuer):
        yield Finding("believes an issuer that anybody may pretend to be", "issuer", "Use its https address.")
    for _, rule in items(resource.props.get("customClaimRules"), ""):
        if text(rule) == "*":
            yield Finding("believes any claim", "customClaimRules", "Name the value.")


def approvals(resource: Resource) -> Iterator[Finding]:
    """No device, route or user is approved by the program."""
    if _is(resource, "DeviceAuthorization") and resource.props.get("authorized") is True:
        yield Finding("approves a device without a person", "authorized", "Approve it in the console.")
    if _is(resource, "DeviceSubnetRoutes") and [1 for _ in items(resource.props.get("routes"), "")]:
        yield Finding("opens networks to the tailnet", "routes", "Remove it.")
    if _is(resource, "DeviceTags"):
        tags = [text(one) or "" for _, one in items(resource.props.get("tags"), "")]
        if any("openclaw" in tag for tag in tags):
            yield Finding(
                "gives a device that exists a gateway's tag", "tags", "Let a key with this tag make the device."
            )
    if _is(resource, "Service") and any(
        text(port) in ("tcp:*", "*", "do-not-validate") for _, port in items(resource.props.get("ports"), "")
    ):
        yield Finding("serves every port of a device", "ports", "Name the ports.")


_SETTINGS: Final[dict[str, tuple[Value, str]]] = {
    "devicesApprovalOn": (False, "lets devices in without approval"),
    "usersApprovalOn": (False, "lets people in without approval"),
    "usersRoleAllowedToJoinExternalTailnet": ("member", "lets every member join other tailnets"),
}


def tailnet_settings(resource: Resource) -> Iterator[Finding]:
    """The tailnet's settings take no protection away."""
    if _is(resource, "TailnetSettings"):
        for key, (value, what) in _SETTINGS.items():
            if resource.props.get(key) == value and not isinstance(resource.props.get(key), Unknown):
                yield Finding(what, key, "Leave it out, or turn it on.")
    if _is(resource, "Webhook", "LogstreamConfiguration"):
        for key in ("endpointUrl", "url"):
            if (text(resource.props.get(key)) or "").startswith("http://"):
                yield Finding("sends the tailnet's events in plain text", key, "Use https.")


def names(resource: Resource) -> Iterator[Finding]:
    """Names of the tailnet stay its own: MagicDNS stays on, and no other server answers for them."""
    if _is(resource, "DnsPreferences", "DnsConfiguration") and resource.props.get("magicDns") is False:
        yield Finding("switches the tailnet's names off, which gateways are reached by", "magicDns", "Leave it on.")
    if _is(resource, "DnsSplitNameservers") and (text(resource.props.get("domain")) or "").rstrip(".").endswith(
        "ts.net"
    ):
        yield Finding("lets another server answer for the tailnet's names", "domain", "Remove it.")
    for path, split in items(resource.props.get("splitDns") if _is(resource, "DnsConfiguration") else None, "splitDns"):
        if (text(get(split, "domain")) or "").rstrip(".").endswith("ts.net"):
            yield Finding("lets another server answer for the tailnet's names", path, "Remove it.")
