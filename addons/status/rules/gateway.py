"""Rules on the gateway itself: its start, its checks, who waits to be let in, its nodes."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from addons.status.facts import NodeFacts
from addons.status.model import Health, State
from addons.status.readings import Source
from addons.status.rules.pods import TOO_LONG
from addons.status.rules.rule import Rule, Said, quoted, rule
from addons.status.rules.view import View
from components.constants import GATEWAY_CONTAINER, TAILNET_CIDRS


@rule(4, Health.DOWN, Source.GATEWAY)
def gateway_not_started(view: View) -> Iterator[Said]:
    """The gateway has not started within five and a half minutes: people get 502"""
    if not view.gateway.started and not view.young(GATEWAY_CONTAINER, TOO_LONG):
        yield Said("The gateway does not start: people get 502.", _logs(view), view.began(GATEWAY_CONTAINER))


@rule(4, Health.DEGRADED, Source.GATEWAY, state=State.STARTING, quiet=True)
def gateway_starting(view: View) -> Iterator[Said]:
    """The gateway starts: people get 502 meanwhile"""
    if not view.gateway.started:
        says = "Starting: the gateway itself. It takes up to a minute, and longer after an upgrade."
        yield Said(says, since=view.began(GATEWAY_CONTAINER))


@rule(4, Health.DEGRADED, Source.GATEWAY)
def gateway_checks_fail(view: View) -> Iterator[Said]:
    """The gateway runs, and checks of its own fail"""
    gateway = view.gateway
    if gateway.started and not gateway.ready:
        which = f": {quoted(', '.join(gateway.failing))}" if gateway.failing else "."
        yield Said(f"The gateway runs, but checks of its own fail{which}", _logs(view))


@rule(6, Health.HEALTHY, Source.GATEWAY)
def pairing_waits(view: View) -> Iterator[Said]:
    """A browser or client asks to be paired"""
    for one in view.gateway.pairings or ():
        if one.kind == "device" and (one.ends_at is None or one.ends_at > view.now):
            yield Said(
                f"{quoted(one.name) or 'A client'} asks to be let in{_scopes(one.asks_for)}.",
                f"If you know it: `python -m addons pairings approve {one.request}`. It may ask again after five minutes.",
                one.asked_at,
            )


@rule(7, Health.HEALTHY, Source.GATEWAY)
def node_waits(view: View) -> Iterator[Said]:
    """A node asks to be let in, or for its commands"""
    for one in view.gateway.pairings or ():
        if one.kind == "node" and (one.ends_at is None or one.ends_at > view.now):
            yield Said(
                f"The node {quoted(one.name) or 'without a name'} asks to be let in{_scopes(one.asks_for)}.",
                f"If these are the commands that you want: `python -m addons pairings approve {one.request}`.",
                one.asked_at,
            )


@rule(7, Health.DEGRADED, Source.GATEWAY)
def node_not_permitted(view: View) -> Iterator[Said]:
    """A node is online, and its approval is not in force: it executes nothing"""
    for node in view.gateway.nodes or ():
        if node.online and not node.permitted:
            approval = f" ({quoted(node.approval)})" if node.approval else ""
            yield Said(
                f"The node {_called(node)} is online, but what it offers was not approved{approval}: it executes nothing.",
                "Approve it: `python -m addons pairings list` shows what it asks for.",
                node.since,
            )


@rule(7, Health.DEGRADED, Source.GATEWAY)
def node_not_callable(view: View) -> Iterator[Said]:
    """A node is online and approved, and offers no command that the gateway lets through"""
    for node in view.gateway.nodes or ():
        if node.online and node.permitted and not node.callable:
            yield Said(
                f"The node {_called(node)} is online, but the gateway lets none of its commands through.",
                "See `nodes[].commands` and `gateway.nodes.commands.deny` of the stack: docs/nodes.md.",
                node.since,
            )


@rule(7, Health.DEGRADED, Source.GATEWAY)
def node_outside(view: View) -> Iterator[Said]:
    """A node comes neither through the tailnet nor from the pod itself"""
    for node in view.gateway.nodes or ():
        if node.online and _outside(node.address):
            yield Said(
                f"The node {_called(node)} comes from {quoted(node.address)}, which is not in the tailnet.",
                "Nothing but the tailnet should reach the gateway: look at the cluster's NetworkPolicies, docs/security.md.",
                node.since,
            )


@rule(8, Health.HEALTHY, Source.GATEWAY)
def node_offline(view: View) -> Iterator[Said]:
    """A node that the gateway knows is offline"""
    for node in view.gateway.nodes or ():
        if not node.online:
            yield Said(
                f"The node {_called(node)} is offline.",
                "It comes back by itself once it runs and reaches the gateway: `journalctl --unit openclaw-node` there.",
                node.since,
            )


@rule(7, Health.HEALTHY, Source.GATEWAY)
def node_never_came(view: View) -> Iterator[Said]:
    """A declared node is not known to its gateway"""
    nodes = view.gateway.nodes
    if nodes is None:
        return
    known = {one for node in nodes for one in (node.id, node.name, node.name.removeprefix("openclaw-node-"))}
    known |= {pairing.name for pairing in view.gateway.pairings or () if pairing.kind == "node"}
    for missing in view.declared.nodes:
        if missing not in known:
            yield Said(
                f"The node {missing} is declared, and has not come to its gateway yet.",
                "docs/nodes.md says how it joins.",
            )


def _outside(address: str) -> bool:
    try:
        where = ip_address(address)
    except ValueError:
        return False
    if where.is_loopback:
        return False
    return not any(where.version == one.version and where in one for one in map(ip_network, TAILNET_CIDRS))


def _called(node: NodeFacts) -> str:
    return quoted(node.name or node.id)


def _scopes(asks_for: tuple[str, ...]) -> str:
    return f", for {quoted(', '.join(asks_for))}" if asks_for else ""


def _logs(view: View) -> str:
    declared = view.declared
    return f"`kubectl --namespace {declared.namespace} logs deployment/{declared.deployment} --container {GATEWAY_CONTAINER}` says why."


RULES: tuple[Rule, ...] = (
    *(gateway_not_started, gateway_starting, gateway_checks_fail),
    *(node_outside, node_not_permitted, node_not_callable),
    *(pairing_waits, node_waits, node_never_came, node_offline),
)
