"""Reads a gateway's own answers, and decides about pairings: by one script that runs in its container (gateway.mjs)."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from addons.console import LedgerRow
from addons.errors import AddonsError
from addons.status.execution import Execute, NotRun, Place, Printed
from addons.status.facts import FillFacts, GatewayFacts, NodeFacts, PairingFacts
from addons.status.lenient import (
    Json,
    count,
    flag,
    items,
    json_objects,
    last_line,
    mapping,
    number,
    shortened,
    since_epoch,
    text,
    texts,
)
from addons.status.readings import Reading, Source, read
from components.constants import GATEWAY_PORT

# Without comments and indentation: a command travels in a URL, and proxies before API servers take 8 KiB of one.
SCRIPT: Final = re.sub(
    r"^(\s*//.*\n|[ \t]+)", "", Path(__file__).with_name("gateway.mjs").read_text(), flags=re.MULTILINE
)
# The script ends by itself after 8: as long as a gateway that has just started takes where the processors are busy.
SECONDS: Final = 14.0
# OpenClaw forgets a device's request then; a node's commands wait for ever.
PAIRING_LASTS: Final = timedelta(minutes=5)
LEDGER_MAX: Final = 250
_LISTS: Final = ("devices", "surfaces", "nodes", "presence")


def reading(execute: Execute, place: Place) -> Reading[GatewayFacts]:
    """A reading without a value when the gateway did not answer at all; it never raises."""
    try:
        answer = _asked(execute, place, {})
    except NotRun as error:
        return Reading(source=Source.GATEWAY, reason=error.problem)
    # As much as is known, and why it is no more: its probes may answer where its protocol does not.
    reasons = (text(mapping(part).get("failed")) for part in (answer, *(answer.get(name) for name in _LISTS)))
    return read(Source.GATEWAY, parsed(answer)).failed(shortened(next(filter(None, reasons), "")))


def ledger(execute: Execute, place: Place, limit: int) -> tuple[LedgerRow, ...]:
    """What the agent did, the newest first. Raises AddonsError."""
    # A call has a row when it starts, and one when it is over.
    answer = _asked(execute, place, {"ledger": 2 * min(max(limit, 1), LEDGER_MAX)})
    listed = mapping(answer.get("ledger"))
    if "value" not in listed:
        raise AddonsError(f"The gateway did not show its ledger: {_failure(answer, listed)}", "Look at its log")
    return tuple(rows(listed["value"]))[:limit]


def decide(execute: Execute, place: Place, request: str, approve: bool) -> str:
    """Approves or rejects a pairing, of a device or of a node's commands; what was done, in words. Raises AddonsError."""
    answer = _asked(execute, place, {"decide": {"request": request, "approve": approve}})
    done = mapping(answer.get("decided"))
    if flag(done.get("gone")):
        raise AddonsError(
            "Nobody asks under this id any more",
            "Requests end after five minutes, and get a new id when they are repeated",
        )
    if not done or done.get("failed"):
        raise AddonsError(f"The gateway did not do it: {_failure(answer, done)}", "Look at its log")
    subject = _name(done) if text(done.get("kind")) == "device" else f"the commands of {_name(done)}"
    return f"{'Approved' if approve else 'Rejected'} {subject}"


def parsed(answer: Json) -> GatewayFacts:
    """The facts of the script's answer. What the gateway did not say is None in them."""
    startupz, readyz = mapping(answer.get("startupz")), mapping(answer.get("readyz"))
    started, ready = mapping(startupz.get("body")), mapping(readyz.get("body"))
    is_ready = flag(ready.get("ready")) or False
    devices, surfaces = _listed(answer, "devices"), _listed(answer, "surfaces")
    presence, nodes = _listed(answer, "presence"), _listed(answer, "nodes")
    home = mapping(answer.get("home"))
    return GatewayFacts(
        # Before 2026.8.1 there is no /startupz: then being ready tells.
        started=text(started.get("status")) == "started" or is_ready,
        ready=is_ready,
        failing=texts(ready.get("failing")),
        version=text(started.get("version")),
        clients=None if presence is None else sum(_is_client(entry) for entry in presence),
        pairings=None if devices is None or surfaces is None else tuple(_pairings(devices, surfaces)),
        nodes=None if nodes is None else tuple(map(_node, nodes)),
        home_volume=FillFacts(size=count(home.get("size")), used=count(home.get("used"))) if home else None,
    )


def rows(events: object) -> Iterator[LedgerRow]:
    """The ledger's events, the newest first, as one row for each call: when it began, how it ended, how long it took."""
    listed = [mapping(event) for event in items(events)]
    began = {text(event.get("toolCallId")): event for event in listed if _is_start(event)}
    ended = {text(event.get("toolCallId")) for event in listed if not _is_start(event)}
    for event in listed:
        call, at = text(event.get("toolCallId")), since_epoch(event.get("occurredAt"))
        if at is None or (_is_start(event) and call in ended):
            continue
        start = None if _is_start(event) or not call else since_epoch(mapping(began.get(call)).get("occurredAt"))
        yield LedgerRow(
            at=start or at,
            tool=text(event.get("toolName")),
            status=text(event.get("status")),
            took=(at - start).total_seconds() if start else None,
            run=text(event.get("runId")),
            by=text(mapping(event.get("actor")).get("id")) or text(event.get("agentId")),
        )


def _is_start(event: Json) -> bool:
    return text(event.get("status")) == "started"


def _asked(execute: Execute, place: Place, request: Mapping[str, Any]) -> Json:
    """The script's answer. Raises NotRun."""
    argument = json.dumps({"port": GATEWAY_PORT, **request})
    printed = execute(place, ["node", "--input-type=module", "--eval", SCRIPT, "--", argument], SECONDS)
    answers = [found for found in json_objects(printed.out) if "startupz" in found or "failed" in found]
    if not answers:
        raise NotRun(f"The script in {place} gave no answer: {_words(printed)}")
    return answers[-1]


def _words(printed: Printed) -> str:
    return last_line(printed.err) or last_line(printed.out) or f"exit code {printed.code}, without a word"


def _failure(answer: Json, part: Json) -> str:
    return shortened(text(part.get("failed")) or text(answer.get("failed")) or "it gave no reason")


def _listed(answer: Json, name: str) -> list[Json] | None:
    """A list of the gateway's; None where it did not give one."""
    part = mapping(answer.get(name))
    return [mapping(entry) for entry in items(part["value"])] if "value" in part else None


def _is_client(entry: Json) -> bool:
    return text(entry.get("mode")) != "gateway" and text(entry.get("reason")) != "disconnect"


def _pairings(devices: list[Json], surfaces: list[Json]) -> Iterator[PairingFacts]:
    for entry in devices:
        yield _pairing(entry, "device", PAIRING_LASTS)
    for entry in surfaces:
        yield _pairing(entry, "node", None)


def _pairing(entry: Json, kind: Literal["device", "node"], lasts: timedelta | None) -> PairingFacts:
    asked = since_epoch(entry.get("ts"))
    wanted = texts(entry.get("scopes") if kind == "device" else entry.get("commands"))
    role = text(entry.get("role"))
    return PairingFacts(
        request=text(entry.get("requestId")),
        kind=kind,
        name=_name(entry),
        address=text(entry.get("remoteIp")),
        # A machine that is to be a node asks for no scopes.
        asks_for=wanted or ((f"role {role}",) if role else ()),
        asked_at=asked,
        ends_at=_later(asked, lasts),
    )


def _later(at: datetime | None, lasts: timedelta | None) -> datetime | None:
    try:
        return at + lasts if at and lasts else None
    except OverflowError:
        return None


def _name(entry: Json) -> str:
    """As it calls itself; programs without a name are told by their kind, and the beginning of the device's id."""
    identity = text(entry.get("deviceId")) or text(entry.get("nodeId"))
    kind = " on ".join(filter(None, (text(entry.get("clientId")), text(entry.get("platform")))))
    return text(entry.get("displayName")) or " ".join(filter(None, (kind, identity[:8])))


def _node(entry: Json) -> NodeFacts:
    online, approval = flag(entry.get("connected")) or False, text(entry.get("approvalState"))
    commands = texts(entry.get("commands"))
    known_since = entry.get("connectedAtMs") if online else entry.get("lastDisconnectedAtMs")
    return NodeFacts(
        id=text(entry.get("nodeId")),
        name=_name(entry),
        online=online,
        callable=online and bool(commands),
        permitted=approval == "approved",
        approval=approval,
        commands=commands,
        address=text(entry.get("remoteIp")),
        since=since_epoch(known_since) if number(known_since) else None,
    )
