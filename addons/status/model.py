"""The status of one gateway as every front end shows it: the command line, its JSON, the API, the page.

`addons.status.rules.judge` makes it of a snapshot. Its JSON is versioned: VERSION grows when a field goes or changes.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from addons.status.facts import (
    ClaimFacts,
    Declared,
    FillFacts,
    NetcheckFacts,
    NodeFacts,
    PairingFacts,
    PeerFacts,
)
from addons.status.readings import Frozen, Source

VERSION: Final = 1


class State(StrEnum):
    """The second axis, beside what is wanted; words as they are shown."""

    DISABLED = "off"
    STARTING = "starting"
    NEEDS_LOGIN = "needs login"
    CONNECTED = "connected"
    UNCONFIRMED = "connected, not confirmed"
    OUT_OF_TOUCH = "out of touch"
    REMOVED = "removed from the tailnet"
    DOWN = "down"
    UNKNOWN = "unknown"


class Health(StrEnum):
    """In the order of their exit codes 0, 1, 2, 3, which are those of monitoring plugins."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> int:
        return list(Health).index(self)

    @property
    def rank(self) -> int:
        """How bad it is: what is down is known to be, so it comes before what nobody knows."""
        return (Health.HEALTHY, Health.DEGRADED, Health.UNKNOWN, Health.DOWN).index(self)


class Finding(Frozen):
    """One thing that is wrong or worth knowing: the sentence, and what to do. `rule` names the rule that found it."""

    rule: str
    health: Health
    says: str
    hint: str = ""
    step: int = 0
    """The step of docs/troubleshooting.md that it belongs to."""
    since: datetime | None = None
    source: Source
    read_at: datetime | None = None


class RelayRisk(StrEnum):
    NONE = "none"
    POSSIBLE = "possible"
    RELAYED = "relayed now"
    UNKNOWN = "unknown"


class Relay(Frozen):
    """Whether traffic is, or may come to be, relayed; `share` of the bytes of the last minutes, None without traffic."""

    risk: RelayRisk
    says: str
    share: float | None = None


class Credential(Frozen):
    """One of the five that owners confuse. `expires` is None when it never does or when that is not known (`says` tells)."""

    kind: Literal["node key", "auth key", "API key", "certificate", "gateway token"]
    status: Literal["valid", "expires soon", "expired", "never expires", "not needed now", "not used", "unknown"]
    expires: datetime | None = None
    says: str


class Volume(Frozen):
    claim: ClaimFacts
    fill: FillFacts | None = None


class SourceStatus(Frozen):
    """How fresh one source is. `known` is False past its limit: then everything from it is unknown since `read_at`."""

    source: Source
    read_at: datetime | None
    age: float | None
    """Seconds."""
    stale_after: float | None
    known: bool
    reason: str = ""


class InstanceStatus(Frozen):
    """One gateway, judged at `at`. Fields are None where they are unknown now; `sources` says since when, and why."""

    version: int = VERSION
    at: datetime
    id: str
    wanted: bool
    state: State
    health: Health
    headline: str
    """One sentence: what is."""
    hint: str
    """What to do about it, or empty."""
    findings: tuple[Finding, ...]
    """The worst first; its sentence is the headline's reason."""
    declared: Declared
    url: str
    """By its name; empty while Tailscale is off."""
    opens: str = ""
    """What is printed and opened: `url`, or the same by the raw address where the stack prefers that and it is known."""
    addresses: tuple[str, ...] | None = None
    dns_name: str | None = None
    confirmed_by: str = ""
    """The witness outside the pod, in words; empty without one."""
    tailscale_version: str | None = None
    udp: bool | None = None
    netcheck: NetcheckFacts | None = None
    relay: Relay
    peers: tuple[PeerFacts, ...] | None = None
    credentials: tuple[Credential, ...]
    volumes: tuple[Volume, ...] | None = None
    gateway_started: bool | None = None
    gateway_ready: bool | None = None
    gateway_version: str | None = None
    pairings: tuple[PairingFacts, ...] | None = None
    nodes: tuple[NodeFacts, ...] | None = None
    sources: tuple[SourceStatus, ...]


class Report(Frozen):
    """All instances of a stack; `health` is that of the worst."""

    version: int = VERSION
    at: datetime
    stack: str
    health: Health
    instances: tuple[InstanceStatus, ...]
