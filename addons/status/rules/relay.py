"""Whether traffic goes over a relay: by byte counters over time, since one look proves nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from addons.status.facts import BytesSample, Path, PathBytes
from addons.status.model import Relay, RelayRisk
from addons.status.readings import Source
from addons.status.rules.view import View

# Each contact begins by a relay, until a direct path is found.
CONTACT: Final = timedelta(seconds=15)
# After so long without traffic the next one is a new contact.
_IDLE: Final = timedelta(seconds=45)
# What "now" is, and how much of it must have been seen.
_WINDOW: Final = timedelta(seconds=60)
_APART: Final = timedelta(seconds=10)
# Less than this share is the tail of an old contact, or one device among many.
_SHARE: Final = 0.1


@dataclass(frozen=True)
class Traffic:
    """Bytes between two reads."""

    begin: datetime
    end: datetime
    direct: int
    peer_relay: int
    relay: int

    @property
    def total(self) -> int:
        return self.direct + self.peer_relay + self.relay


def traffic(history: Sequence[BytesSample]) -> Iterator[Traffic]:
    """What was sent and received since the counters began anew, without the first 15 s of each contact."""
    contact: datetime | None = None
    last: datetime | None = None
    for before, after in pairwise(sorted(history, key=lambda sample: sample.at)):
        grown = Traffic(before.at, after.at, *_grown(before.bytes, after.bytes))
        if min(grown.direct, grown.peer_relay, grown.relay) < 0:
            # tailscaled was started anew: what the counters say now began after the first of the two reads.
            contact = last = None
            continue
        if not grown.total:
            continue
        if contact is None or last is None or grown.begin - last > _IDLE:
            # It began somewhere between the two reads: at the latest with the second.
            contact = grown.end
        last = grown.end
        if grown.begin - contact >= CONTACT:
            yield grown


@dataclass(frozen=True)
class Shares:
    """Of the bytes of the last minute, from 0 to 1."""

    relay: float
    peer_relay: float


def shares(view: View) -> Shares | None:
    """None while nobody knows: too little was seen, or there was no traffic."""
    counted = [one for one in traffic(view.snapshot.history) if view.now - one.end <= _WINDOW]
    total = sum(one.total for one in counted)
    if not view.knows(Source.SIDECAR) or not total or counted[-1].end - counted[0].begin < _APART:
        return None
    return Shares(sum(one.relay for one in counted) / total, sum(one.peer_relay for one in counted) / total)


def over_a_relay(view: View) -> bool:
    """True when traffic goes over a relay of the tailnet; one of the owner's own devices is none."""
    seen = shares(view)
    return seen is not None and seen.relay >= _SHARE


def relay(view: View) -> Relay:
    """The relay risk of an instance, and why."""
    if not view.declared.wanted:
        return Relay(risk=RelayRisk.NONE, says="Private access is off.")
    if not view.knows(Source.SIDECAR):
        return Relay(risk=RelayRisk.UNKNOWN, says="Not known: tailscaled was not read.")
    seen, obstacle = shares(view), _obstacle(view)
    if seen is None:
        if obstacle:
            return Relay(risk=RelayRisk.POSSIBLE, says=f"Traffic may go over a relay, because {obstacle}.")
        passes = "; UDP passes, so it can go directly" if view.knows(Source.NETCHECK) and view.netcheck.udp else ""
        return Relay(risk=RelayRisk.UNKNOWN, says=f"Not known: too little traffic in the last minute{passes}.")
    share = seen.relay + seen.peer_relay
    if over_a_relay(view):
        says = f"Slower, not unsafe: traffic goes over the relay{_region(view)}, {because(view)}."
        return Relay(risk=RelayRisk.RELAYED, says=says, share=share)
    if seen.peer_relay >= _SHARE:
        says = "Traffic goes through a device of your tailnet that relays it (a peer relay)."
        return Relay(risk=RelayRisk.RELAYED, says=says, share=share)
    if obstacle:
        says = f"Traffic goes directly now; other devices may need a relay, because {obstacle}."
        return Relay(risk=RelayRisk.POSSIBLE, says=says, share=share)
    return Relay(risk=RelayRisk.NONE, says="Traffic goes directly.", share=share)


def because(view: View) -> str:
    """Why no direct path was found, as far as this end knows."""
    obstacle = _obstacle(view)
    return (
        f"because {obstacle}" if obstacle else "because no direct path was found; nothing stands in its way at this end"
    )


def _obstacle(view: View) -> str:
    if not view.knows(Source.NETCHECK):
        return ""
    if view.netcheck.udp is False:
        return "UDP does not get out of the pod"
    if view.netcheck.hard_nat:
        return "the pod is behind a NAT that gives each destination another address"
    return ""


def _region(view: View) -> str:
    regions = sorted({peer.relay for peer in view.sidecar.peers if peer.path is Path.RELAY and peer.relay})
    return f" {', '.join(regions)}" if regions else ""


def _grown(before: PathBytes, after: PathBytes) -> tuple[int, int, int]:
    return after.direct - before.direct, after.peer_relay - before.peer_relay, after.relay - before.relay
