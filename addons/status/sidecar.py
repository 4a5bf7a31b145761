"""Reads what tailscaled believes of itself: one run of a script in the sidecar, many facts (SidecarFacts)."""

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from addons.status.execution import MISSING, Execute, NotRun, Place, Section, sections
from addons.status.facts import FillFacts, HealthWarning, Path, PathBytes, PeerFacts, ServedFacts, SidecarFacts
from addons.status.lenient import NOTHING, Json, count, flag, json_objects, mapping, text, texts, when
from addons.status.readings import Reading, Source, read

SCRIPT: Final = (FilePath(__file__).with_name("sidecar.sh")).read_text()
# The sum of the limits in the script is more: not all of them hang.
SECONDS: Final = 10.0
_WANTED: Final = ("status", "metrics", "serve", "volume")
_BYTES: Final = ("tailscaled_inbound_bytes", "tailscaled_outbound_bytes")
_SEVERITIES: Final = ("high", "medium", "low")


def command(mark: str, wanted: tuple[str, ...]) -> list[str]:
    """The command that prints these sections."""
    return ["sh", "-c", SCRIPT, "sh", mark, *wanted]


def reading(execute: Execute, place: Place) -> Reading[SidecarFacts]:
    """A reading without a value when tailscaled did not answer; it never raises."""
    mark = f"-- {secrets.token_hex(8)}"
    try:
        printed = execute(place, command(mark, _WANTED), SECONDS)
    except NotRun as error:
        return Reading(source=Source.SIDECAR, reason=error.problem)
    answered = sections(printed.out, mark)
    facts = parsed(answered)
    if facts is None:
        tried = answered.get("status") or answered.get("watch") or MISSING
        return Reading(source=Source.SIDECAR, reason=f"tailscaled did not say how it is: {tried.problem}")
    return read(Source.SIDECAR, facts)


def parsed(answered: Mapping[str, Section]) -> SidecarFacts | None:
    """The facts, or None when nothing in the answers is a status. What another section lacks is None in them."""
    message = _first(answered.get("watch", MISSING), "InitialStatus")
    status = mapping(message.get("InitialStatus")) or _first(answered.get("status", MISSING), "BackendState")
    if not text(status.get("BackendState")):
        return None
    self = mapping(status.get("Self"))
    health = mapping(message["Health"]) if "Health" in message else None
    return SidecarFacts(
        version=text(status.get("Version")).partition("-")[0],
        backend=text(status.get("BackendState")),
        auth_url=text(status.get("AuthURL")),
        device_id=text(self.get("ID")),
        dns_name=text(self.get("DNSName")).rstrip("."),
        addresses=texts(self.get("TailscaleIPs")) or texts(status.get("TailscaleIPs")),
        online=flag(self.get("Online")),
        # A port that two sockets share is listed twice.
        endpoints=tuple(dict.fromkeys(texts(self.get("Addrs")))),
        home_relay=text(self.get("Relay")),
        key_expiry=when(self.get("KeyExpiry")),
        expired=flag(self.get("Expired")) or False,
        certificate_domains=texts(status.get("CertDomains")),
        warnings=tuple(_warnings(health.get("Warnings")) if health is not None else _spoken(status)),
        peers=tuple(sorted(_peers(status), key=lambda peer: (peer.device, peer.addresses))),
        served=_served(answered.get("serve", MISSING)),
        bytes=_bytes(answered.get("metrics", MISSING)),
        state_volume=_fill(answered.get("volume", MISSING)),
    )


def _first(section: Section, key: str) -> Json:
    return next((found for found in json_objects(section.text) if key in found), NOTHING)


def _warnings(listed: object) -> Iterator[HealthWarning]:
    for code, warning in mapping(listed).items():
        entry = mapping(warning)
        severity = text(entry.get("Severity"))
        yield HealthWarning(
            code=text(code),
            title=text(entry.get("Title")),
            text=text(entry.get("Text")),
            severity=severity if severity in _SEVERITIES else "",
            broken_since=when(entry.get("BrokenSince")),
            impacts_connectivity=flag(entry.get("ImpactsConnectivity")) or False,
        )


def _spoken(status: Json) -> Iterator[HealthWarning]:
    """Of a tailscaled that has words only."""
    for words in texts(status.get("Health")):
        yield HealthWarning(code="", title=words, text=words)


def _peers(status: Json) -> Iterator[PeerFacts]:
    for entry in map(mapping, mapping(status.get("Peer")).values()):
        way, address = _path(entry)
        yield PeerFacts(
            device=text(entry.get("DNSName")).partition(".")[0] or text(entry.get("HostName")),
            addresses=texts(entry.get("TailscaleIPs")),
            online=flag(entry.get("Online")),
            path=way,
            address=address,
            relay=text(entry.get("Relay")) if way is Path.RELAY else "",
            received=count(entry.get("RxBytes")),
            sent=count(entry.get("TxBytes")),
            handshake_at=when(entry.get("LastHandshake")),
        )


def _path(peer: Json) -> tuple[Path, str]:
    """The way of its traffic, and the other end of it. Its Relay is its home, which is always there: it proves nothing alone."""
    direct, peer_relay = text(peer.get("CurAddr")), text(peer.get("PeerRelay"))
    # Nothing was sent for 45 s: an address is the last one, and not known to work still.
    if not flag(peer.get("Active")):
        return Path.IDLE, ""
    if direct:
        return Path.DIRECT, direct
    if peer_relay:
        return Path.PEER_RELAY, peer_relay
    return (Path.RELAY, "") if text(peer.get("Relay")) else (Path.IDLE, "")


def _served(section: Section) -> tuple[ServedFacts, ...] | None:
    config = next(json_objects(section.text), None)
    if not section.ok or config is None:
        return None
    web = {key.rpartition(":")[2]: mapping(value) for key, value in mapping(config.get("Web")).items()}
    served: list[ServedFacts] = []
    for port, value in mapping(config.get("TCP")).items():
        entry, handlers = mapping(value), mapping(mapping(web.get(port)).get("Handlers"))
        kind = "https" if flag(entry.get("HTTPS")) else "http" if flag(entry.get("HTTP")) else "tcp"
        proxied = next((text(mapping(handler).get("Proxy")) for handler in handlers.values()), "")
        if port.isdecimal() and len(port) <= 5:
            served.append(ServedFacts(port=int(port), kind=kind, target=text(entry.get("TCPForward")) or proxied))
    return tuple(sorted(served, key=lambda one: one.port))


def _bytes(section: Section) -> PathBytes | None:
    """Of both directions; None when the counters are not there, which is not the same as 0."""
    totals = {"direct": 0, "peer_relay": 0, "derp": 0}
    seen = False
    try:
        for family in text_string_to_metric_families(section.text):
            for sample in family.samples if family.name in _BYTES else []:
                way = next((name for name in totals if sample.labels.get("path", "").startswith(name)), None)
                if way:
                    seen = True
                    totals[way] += count(sample.value)
    except (ValueError, KeyError, IndexError):  # what the parser raises for text that is cut off
        return None
    if not section.ok or not seen:
        return None
    return PathBytes(direct=totals["direct"], peer_relay=totals["peer_relay"], relay=totals["derp"])


def _fill(section: Section) -> FillFacts | None:
    """Of `df -P -k`: its last line is "device size used available percent mount", in KiB."""
    words = section.text.strip().rpartition("\n")[2].split()
    if not section.ok or len(words) < 6 or not all(word.isdecimal() for word in words[1:4]):
        return None
    _, used, available = (int(word) * 1024 for word in words[1:4])
    # What root keeps for itself is nobody's.
    return FillFacts(size=used + available, used=used)
