"""Advice about namespaces, volumes, networks, keys and OpenClaw's settings."""

from collections.abc import Iterator
from typing import Final

from components.constants import PRIVATE_CIDRS_V4, PRIVATE_CIDRS_V6
from policies.rules.documents import find
from policies.rules.i1_serve import serve_files
from policies.rules.kinds import Resource
from policies.rules.networks import is_listed, network, reaches_private
from policies.rules.openclaw_files import openclaw_files
from policies.rules.rule import Finding
from policies.rules.values import Unknown, Value, fields, get, items, present, text

_ENFORCE: Final = "pod-security.kubernetes.io/enforce"
_WARN: Final = ("pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/audit")
_LOCAL_CLASSES: Final = ("local", "hostpath", "standard-local", "manual", "openebs-hostpath", "openebs-local")
_ALL_PRIVATE: Final = tuple(one for cidr in (*PRIVATE_CIDRS_V4, *PRIVATE_CIDRS_V6) if (one := network(cidr)))


def pod_security(resource: Resource) -> Iterator[Finding]:
    """A namespace says which standard its pods keep, and warns where it cannot enforce the strict one."""
    if not resource.is_kubernetes or resource.kind != "Namespace" or resource.type.endswith("Patch"):
        return
    level = resource.labels.get(_ENFORCE)
    if level is None and not isinstance(get(resource.props, "metadata", "labels"), Unknown):
        yield Finding("enforces no Pod Security Standard", resource.at("metadata.labels"), f"Label it with {_ENFORCE}.")
    elif level == "privileged" and not any(resource.labels.get(key) == "restricted" for key in _WARN):
        yield Finding(
            "neither enforces nor warns of a Pod Security Standard",
            resource.at("metadata.labels"),
            f"Label it with {_WARN[0]}.",
        )


def claims(resource: Resource) -> Iterator[Finding]:
    """A volume belongs to one pod, and outlives its claim."""
    if resource.is_kubernetes and resource.kind == "PersistentVolumeClaim":
        for path, mode in items(get(resource.props, "spec", "accessModes"), resource.at("spec.accessModes")):
            if mode == "ReadWriteMany":
                yield Finding("lets several pods write one volume", path, "Use ReadWriteOncePod.")
        if (text(get(resource.props, "spec", "storageClassName")) or "").startswith(_LOCAL_CLASSES):
            yield Finding(
                "keeps data on a single machine", resource.at("spec.storageClassName"), "Use storage of the cluster's."
            )
    if resource.is_kubernetes and resource.kind == "StorageClass" and resource.props.get("reclaimPolicy") == "Delete":
        yield Finding(
            "loses the data with the claim", resource.at("reclaimPolicy"), "Use Retain for what must be kept."
        )


def special_ranges(resource: Resource) -> Iterator[Finding]:
    """Egress to "the internet" excepts every block that is no public host's, metadata services in public blocks too."""
    if not resource.is_kubernetes or resource.kind != "NetworkPolicy":
        return
    for path, rule in items(get(resource.props, "spec", "egress"), resource.at("spec.egress")):
        for at, peer in items(get(rule, "to"), f"{path}.to"):
            cidr = network(text(get(peer, "ipBlock", "cidr")) or "")
            excepted = [
                one for _, each in items(get(peer, "ipBlock", "except"), "") if (one := network(text(each) or ""))
            ]
            if cidr is None or cidr.prefixlen > 0 or reaches_private(cidr, excepted):
                continue
            missing = [one for one in _ALL_PRIVATE if one.version == cidr.version and not is_listed(one, excepted)]
            if missing:
                yield Finding(
                    f"lets pods out to blocks that are no public host's, such as {missing[0]}",
                    f"{at}.ipBlock.except",
                    "Except them too.",
                )


def raw_forwards(resource: Resource) -> Iterator[Finding]:
    """Serve is HTTP, where it says who asks; a raw forward looks like the pod's own loopback to the gateway."""
    for file, document in serve_files(resource):
        if any(isinstance(target, str) for target in find(document, "TCPForward")):
            yield Finding(
                "forwards a port as it is (TCPForward): everybody looks like loopback", file.path, "Prefer HTTPS."
            )


def key_life(resource: Resource) -> Iterator[Finding]:
    """A key is used once, and expires soon."""
    if not resource.type.startswith("tailscale:index/"):
        return
    if resource.kind == "TailnetKey":
        expiry = resource.props.get("expiry")
        if expiry is None:
            yield Finding("does not say when the key expires", "expiry", "Set it, to 90 days or less.")
        if resource.props.get("reusable") is True and get(resource.props, "recreateIfInvalid") != "always":
            yield Finding("is not made again when the key has expired", "recreateIfInvalid", "Set it to always.")
        if resource.props.get("preauthorized") is False:
            yield Finding(
                "makes devices that wait for approval, with a key that expires meanwhile",
                "preauthorized",
                "Set it to true.",
            )
    if resource.kind == "DeviceKey" and resource.props.get("keyExpiryDisabled") is True:
        yield Finding("lets a device's key never expire", "keyExpiryDisabled", "Tag the device instead.")
    if resource.kind == "DnsNameservers" and len(list(items(resource.props.get("nameservers"), ""))) == 1:
        yield Finding("has a single server for the tailnet's names", "nameservers", "Name a second one.")
    if resource.kind == "TailnetSettings":
        days = resource.props.get("devicesKeyDurationDays")
        if isinstance(days, int | float) and not isinstance(days, bool) and days > 90:
            yield Finding("lets the keys of devices expire late", "devicesKeyDurationDays", "Use 90 days or less.")


def openclaw_habits(resource: Resource) -> Iterator[Finding]:
    """OpenClaw's own good practice: local approval off, no terminal, no open channels, no elevated tools, an audit trail."""
    for file, document in openclaw_files(resource):
        if document is not None and (present(document.get("gateway")) or "gateway" in document):
            yield from _habits(document, file.path)


def _habits(document: Value, path: str) -> Iterator[Finding]:
    gateway = get(document, "gateway")
    pairing = get(gateway, "nodes", "pairing")
    if get(pairing, "autoApproveLocal") is None:
        yield Finding(
            "approves devices on loopback by itself, which is OpenClaw's default",
            f"{path}: gateway.nodes.pairing.autoApproveLocal",
            "Set it to false.",
        )
    if get(pairing, "sshVerify") is True:
        yield Finding("asks new devices back by SSH", f"{path}: gateway.nodes.pairing.sshVerify", "Set it to false.")
    if get(gateway, "terminal", "enabled") is True:
        yield Finding(
            "gives administrators of the page a terminal in the gateway's pod",
            f"{path}: gateway.terminal.enabled",
            "Set it to false.",
        )
    if get(gateway, "auth", "mode") is None:
        yield Finding("leaves its authentication to what it finds", f"{path}: gateway.auth.mode", "Set it to token.")
    if get(gateway, "auth", "mode") == "trusted-proxy":
        hint = "Choose token mode, unless no process of the pod may forge it."
        yield Finding("takes people's identity from a header (trusted-proxy)", f"{path}: gateway.auth.mode", hint)
    for name, _, endpoint in fields(get(gateway, "http", "endpoints"), ""):
        if get(endpoint, "enabled") is True and name in ("chatCompletions", "responses"):
            hint = "Leave it off, unless programs need it."
            yield Finding(
                "opens an HTTP API to whoever has the token, without pairing",
                f"{path}: gateway.http.endpoints.{name}",
                hint,
            )
    if get(document, "logging", "audit", "enabled") is False:
        yield Finding("keeps no audit trail", f"{path}: logging.audit.enabled", "Set it to true.")
    if get(document, "tools", "elevated", "enabled") is True:
        yield Finding(
            "lets the agent run tools outside its limits", f"{path}: tools.elevated.enabled", "Set it to false."
        )
    if get(document, "tools", "fs", "workspaceOnly") is False:
        yield Finding(
            "lets the agent read and write outside its workspace", f"{path}: tools.fs.workspaceOnly", "Set it to true."
        )
    if get(document, "update", "auto", "enabled") is True or get(document, "update", "checkOnStart") is True:
        yield Finding(
            "updates itself, past the image's version", f"{path}: update", "Set update.checkOnStart to false."
        )
    if get(gateway, "reload", "mode") == "hybrid":
        yield Finding("restarts itself for a changed file", f"{path}: gateway.reload.mode", "Set it to off.")
    for name, _, channel in fields(get(document, "channels"), "channels"):
        places = [channel, *(account for _, _, account in fields(get(channel, "accounts"), ""))]
        if any(get(place, key) == "open" for place in places for key in ("dmPolicy", "groupPolicy")) or any(
            one == "*" for place in places for _, one in items(get(place, "allowFrom"), "")
        ):
            shown = f"channels.{name}" if name.isidentifier() and len(name) < 30 else "channels"
            yield Finding(
                "lets anybody write to the agent by a channel", f"{path}: {shown}", "Use pairing, or list the people."
            )
