"""Makes a status of a snapshot: what the rules find, the worst first, and what is known beside it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from addons.status.facts import Declared, FillFacts, Snapshot
from addons.status.model import (
    Finding,
    Health,
    InstanceStatus,
    Report,
    SourceStatus,
    State,
    Volume,
)
from addons.status.readings import STALE_AFTER, Source
from addons.status.rules.credentials import credentials
from addons.status.rules.relay import relay
from addons.status.rules.table import RULES
from addons.status.rules.view import View
from addons.status.rules.witness import witness
from components.constants import GATEWAY_PORT

_STATES: Final = {rule.name: rule.state for rule in RULES}
_QUIET: Final = {rule.name for rule in RULES if rule.quiet}


def judge(snapshot: Snapshot, now: datetime) -> InstanceStatus:
    """The status of one instance at `now`. Pure: the same snapshot and time always give the same."""
    view = View(snapshot, now)
    declared = snapshot.declared
    findings = _findings(view)
    health = max((one.health for one in findings), key=lambda one: one.rank, default=Health.HEALTHY)
    state = next((state for one in findings if (state := _STATES[one.rule])), None)
    confirmed_by = witness(view) if declared.wanted else ""
    url = address(declared, declared.fqdn) if declared.wanted else ""
    headline, hint = _words(declared, findings, url, confirmed_by)
    sidecar = view.sidecar if declared.wanted and view.knows(Source.SIDECAR) else None
    gateway = view.gateway if view.knows(Source.GATEWAY) else None
    netcheck = view.netcheck if declared.wanted and view.knows(Source.NETCHECK) else None
    return InstanceStatus(
        at=now,
        id=declared.id,
        wanted=declared.wanted,
        state=state or State.CONNECTED,
        health=health,
        headline=headline,
        hint=hint,
        findings=findings,
        declared=declared,
        url=url,
        opens=_opens(declared, url, sidecar.addresses if sidecar is not None else ()),
        addresses=sidecar.addresses if sidecar is not None else None,
        dns_name=sidecar.dns_name or None if sidecar is not None else None,
        confirmed_by=confirmed_by,
        tailscale_version=sidecar.version or None if sidecar is not None else None,
        udp=netcheck.udp if netcheck is not None else None,
        netcheck=netcheck,
        relay=relay(view),
        peers=sidecar.peers if sidecar is not None else None,
        credentials=credentials(view),
        volumes=_volumes(view),
        gateway_started=gateway.started if gateway is not None else None,
        gateway_ready=gateway.ready if gateway is not None else None,
        gateway_version=gateway.version or None if gateway is not None else None,
        pairings=gateway.pairings if gateway is not None else None,
        nodes=gateway.nodes if gateway is not None else None,
        sources=tuple(_source(view, source) for source in Source),
    )


def report(stack: str, snapshots: Iterable[Snapshot], now: datetime) -> Report:
    """All instances of a stack. Without any, nothing is wrong."""
    instances = tuple(judge(snapshot, now) for snapshot in snapshots)
    worst = max((one.health for one in instances), key=lambda health: health.rank, default=Health.HEALTHY)
    return Report(at=now, stack=stack, health=worst, instances=instances)


def address(declared: Declared, host: str) -> str:
    """The URL of the gateway on a host, by its reach; empty without a host."""
    if not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    return {"https": f"https://{host}", "http": f"http://{host}", "tcp": f"ws://{host}:{GATEWAY_PORT}"}[declared.reach]


def _findings(view: View) -> tuple[Finding, ...]:
    """All that is worth saying, the worst first; of two that are equally bad the quiet one last, else as in the table."""
    found = [finding for rule in RULES for finding in rule.findings(view)]
    said = (one for one in found if not _drowned(one, found))
    return tuple(sorted(said, key=lambda one: (-one.health.rank, one.rule in _QUIET)))


def _drowned(finding: Finding, found: list[Finding]) -> bool:
    """True when a rule is quiet, and something is down or unknown that says more."""
    if finding.rule not in _QUIET:
        return False
    grave = [one for one in found if one.health.rank >= max(Health.UNKNOWN.rank, finding.health.rank)]
    return any(one.health.rank > finding.health.rank or one.rule not in _QUIET for one in grave)


def _words(declared: Declared, findings: tuple[Finding, ...], url: str, confirmed_by: str) -> tuple[str, str]:
    """The headline and the hint: what is worst, or that all is well."""
    if findings and findings[0].health is not Health.HEALTHY:
        return findings[0].says, findings[0].hint
    if off := next((one for one in findings if _STATES[one.rule] is State.DISABLED), None):
        return off.says, off.hint
    where = f" at {url}" if url else " in its tailnet"
    return (
        f"Connected. {declared.hostname} is reachable{where}",
        f"Confirmed by {confirmed_by}." if confirmed_by else "",
    )


def _opens(declared: Declared, url: str, addresses: tuple[str, ...]) -> str:
    raw = next(iter(addresses), "")
    return address(declared, raw) if url and raw and declared.preferred == "address" else url


def _volumes(view: View) -> tuple[Volume, ...] | None:
    if not view.knows(Source.CLUSTER):
        return None
    fills: dict[str, FillFacts | None] = {
        "tailnet": view.sidecar.state_volume if view.knows(Source.SIDECAR) else None,
        "home": view.gateway.home_volume if view.knows(Source.GATEWAY) else None,
    }
    return tuple(Volume(claim=claim, fill=fills[claim.purpose]) for claim in view.cluster.claims)


def _source(view: View, source: Source) -> SourceStatus:
    reading = view.reading(source)
    if reading is None:
        return SourceStatus(source=source, read_at=None, age=None, stale_after=None, known=True)
    age = reading.age(view.now)
    return SourceStatus(
        source=source,
        read_at=reading.read_at,
        age=age.total_seconds() if age is not None else None,
        stale_after=STALE_AFTER[source],
        known=view.knows(source),
        reason=view.why_unknown(source) or reading.reason,
    )
