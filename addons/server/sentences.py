"""How the page says and marks what the status model knows; times and sizes are in addons/status/words.py."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup, escape

from addons.server.session import in_tailnet as in_tailnet
from addons.status.facts import Path, PeerFacts
from addons.status.model import Credential, Finding, Health, InstanceStatus, State
from addons.status.readings import Source
from addons.status.words import lasting
from components.names import TAG_PREFIX
from components.outputs import AccessOutput

# The shape of each state, so that colour is never alone: the macro in templates/macros.html draws them.
SHAPES: Final = {
    State.CONNECTED: "check",
    State.UNCONFIRMED: "half",
    State.STARTING: "dots",
    State.NEEDS_LOGIN: "key",
    State.OUT_OF_TOUCH: "gap",
    State.REMOVED: "minus",
    State.DOWN: "cross",
    State.DISABLED: "ring",
    State.UNKNOWN: "question",
}
PATHS: Final = {
    Path.DIRECT: "direct",
    Path.PEER_RELAY: "over a peer relay",
    Path.RELAY: "over relay",
    Path.IDLE: "idle: nothing sent for 45 s, so its path is not known",
}
_SCOPES: Final = {
    "operator.read": "read conversations and state",
    "operator.write": "talk to the agent",
    "operator.approvals": "answer the agent's questions for approval",
    "operator.pairing": "let others in",
    "operator.admin": "change everything",
    "system.run": "run commands",
    "browser.proxy": "drive its browser",
}
_WAITING: Final = ("pairing-waits", "node-waits")
_NODE_TAG: Final = f"{TAG_PREFIX}node-"
# What a gateway's state was read from; it lapses with the first of them.
_JUDGED_BY: Final = (Source.CLUSTER, Source.SIDECAR)


def took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else lasting(seconds)


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def scopes(asked: Iterable[str]) -> str:
    """What a pairing asks for; a scope that nobody described is shown as it is."""
    return listed([_SCOPES.get(scope, scope) for scope in asked] or ["nothing in particular"])


def coded(text: str) -> Markup:
    """With what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def shape(status: InstanceStatus) -> str:
    """Of the state; one that is not all well does not have the shape of one that is."""
    if status.state is State.CONNECTED and status.health is not Health.HEALTHY:
        return "warn"
    return SHAPES[status.state]


def tone(status: InstanceStatus) -> str:
    """The colour's name. Off is neither good nor bad, and nothing is good before it is confirmed."""
    if status.health is Health.HEALTHY:
        return "good" if status.state is State.CONNECTED else "calm"
    return {Health.DEGRADED: "warn", Health.DOWN: "bad"}.get(status.health, "unknown")


def fresh_until(status: InstanceStatus) -> datetime | None:
    """When this state will say nothing of the present, unless it is read anew; None where it does so already."""
    ends = [
        source.read_at + timedelta(seconds=source.stale_after)
        for source in status.sources
        if source.known and source.read_at and source.stale_after is not None and source.source in _JUDGED_BY
    ]
    return min(ends, default=None) if status.state is not State.UNKNOWN else None


def read_at(status: InstanceStatus) -> datetime | None:
    """The oldest reading that its state stands on; of what cannot be read, the last that could."""
    judged = [source for source in status.sources if source.source in _JUDGED_BY and source.read_at]
    known = [source for source in judged if source.known]
    return min((source.read_at for source in known or judged if source.read_at), default=None)


def also(status: InstanceStatus) -> list[Finding]:
    """What is worth knowing beside the headline; who waits to be let in has a place of its own."""
    beside = status.findings if status.health is Health.HEALTHY else status.findings[1:]
    return [finding for finding in beside if finding.rule not in _WAITING]


def unknown(status: InstanceStatus, source: str) -> str:
    """For a value that is not there, by the name of its source."""
    if status.state is State.DISABLED and source in ("SIDECAR", "NETCHECK"):
        return "None while private access is off"
    reason = next((one.reason for one in status.sources if one.source is Source[source] and not one.known), "")
    return f"Not known: {reason}" if reason else "Not known"


def paths(peers: Iterable[PeerFacts]) -> str:
    """How many devices are reached in which way: `2 direct, 1 relayed`."""
    named = {Path.DIRECT: "direct", Path.PEER_RELAY: "over a peer relay", Path.RELAY: "relayed", Path.IDLE: "idle"}
    counted = Counter(peer.path for peer in peers)
    return ", ".join(f"{counted[path]} {word}" for path, word in named.items() if counted[path])


def summary(statuses: Iterable[InstanceStatus]) -> str:
    """One sentence on all gateways: how many of them are in the worst state."""
    tones = Counter(tone(status) for status in statuses)
    count = tones.total()
    if count == 0:
        return "The stack has no gateways yet"
    for name, one, many in (
        ("bad", "is down", "are down"),
        ("unknown", "is not known now", "are not known now"),
        ("warn", "needs a look", "need a look"),
    ):
        if tones[name] == count == 1:
            return f"The gateway {one}"
        if tones[name] == count:
            return f"All {count} gateways {many}"
        if tones[name]:
            return f"{tones[name]} of {count} gateways {one if tones[name] == 1 else many}"
    return "The gateway is well" if count == 1 else f"All {count} gateways are well"


def subject(row: AccessOutput) -> str:
    """Who the row is about: a node by its name, anybody else as the policy has them."""
    name = row["subject"]
    return f"node {name.removeprefix(_NODE_TAG)}" if name.startswith(_NODE_TAG) else name


def access_words(row: AccessOutput) -> str:
    """What the subject of the row may do."""
    verb = {True: "may open", False: "may not open", None: "may perhaps, which cannot be decided, open"}[
        row["canConnect"]
    ]
    device = row["device"]
    what = f"node {device.removeprefix(_NODE_TAG)}" if device.startswith(_NODE_TAG) else f"gateway {row['gateway']}"
    more = [f"{verb} {what} ({row['port']})"]
    if row["canExecute"]:
        more.append("runs its commands, once it is approved there")
    if row["canDriveBrowserOf"]:
        more.append(f"may drive the browser of node {row['canDriveBrowserOf']} through it")
    return listed(more)


def credential_tone(credential: Credential) -> str:
    return {"expires soon": "warn", "expired": "bad", "unknown": "unknown", "valid": "good"}.get(
        credential.status, "calm"
    )
