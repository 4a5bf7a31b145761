"""Reads `tailscale netcheck`: what the pod's network allows. Its JSON has no promised shape, place or stream."""

import re
import secrets
from collections.abc import Mapping
from typing import Final

from addons.status.execution import MISSING, Execute, NotRun, Place, Section, sections
from addons.status.facts import NetcheckFacts
from addons.status.lenient import NOTHING, Json, flag, json_objects, mapping, number, text
from addons.status.readings import Reading, Source, read
from addons.status.sidecar import command

# It measures for up to 5 s, and first looks for a relay map for 10 s where it has none.
SECONDS: Final = 22.0
_MAPPINGS: Final = ("UPnP", "PMP", "PCP")
# What upstream's text calls them.
_MAPPINGS_IN_TEXT: Final = {"UPnP": "UPnP", "NAT-PMP": "PMP", "PMP": "PMP", "PCP": "PCP"}
_NANOSECONDS: Final = 1e6
_LINE: Final = re.compile(
    r"^\s*\* (UDP|IPv4|IPv6|MappingVariesByDestIP|PortMapping|Nearest DERP):[ \t]*(.*?)\s*$", re.M
)
_LATENCY: Final = re.compile(r"^\s*- (\S+): +([0-9.]+)(µs|ms|s) +\((.*)\)\s*$", re.M)
_UNITS: Final = {"µs": 0.001, "ms": 1.0, "s": 1000.0}


def reading(execute: Execute, place: Place) -> Reading[NetcheckFacts]:
    """A reading without a value when nothing was measured; it never raises."""
    mark = f"-- {secrets.token_hex(8)}"
    try:
        printed = execute(place, command(mark, ("netcheck", "relays")), SECONDS)
    except NotRun as error:
        return Reading(source=Source.NETCHECK, reason=error.problem)
    answered = sections(printed.out, mark)
    measured = answered.get("netcheck", MISSING)
    facts = parsed(measured.text, codes(answered.get("relays", MISSING)))
    if facts is None:
        return Reading(source=Source.NETCHECK, reason=f"netcheck measured nothing: {_problem(measured)}")
    return read(Source.NETCHECK, facts)


def parsed(output: str, relays: Mapping[str, str] | None = None) -> NetcheckFacts | None:
    """The facts in what it wrote to any of its streams, in either of its forms; None when there are none.

    `relays`: codes of the relays' regions by number.
    """
    # With an interval it prints one after another.
    reports = [report for report in json_objects(output) if _is_report(report)]
    if reports:
        return _of_json(reports[-1], relays or {})
    return _of_text(output)


def codes(section: Section) -> dict[str, str]:
    """The relays' regions by number, of `tailscale debug derp-map`."""
    regions = (mapping(found["Regions"]) for found in json_objects(section.text) if "Regions" in found)
    listed = next(regions, NOTHING)
    return {region: text(mapping(entry).get("RegionCode")) for region, entry in listed.items()}


def _is_report(found: Json) -> bool:
    """Not only a part of one that was cut off."""
    return "UDP" in found and ("IPv4" in found or "RegionLatency" in found or "PreferredDERP" in found)


def _of_json(report: Json, relays: Mapping[str, str]) -> NetcheckFacts:
    latencies, nearest = mapping(report.get("RegionLatency")), number(report.get("PreferredDERP"))
    region = str(int(nearest)) if nearest else ""
    latency = number(latencies.get(region))
    said = {name: flag(report.get(name)) for name in _MAPPINGS}
    outside = text(report.get("GlobalV4")) or text(report.get("GlobalV6"))
    return NetcheckFacts(
        udp=flag(report.get("UDP")),
        ipv4=flag(report.get("IPv4")),
        ipv6=flag(report.get("IPv6")),
        hard_nat=flag(report.get("MappingVariesByDestIP")),
        port_mapping=_offered(said),
        outside_address=_address(outside),
        # Zero is "unknown"; a region without a latency has not answered.
        relay=(relays.get(region) or region) if latency is not None else "",
        relay_milliseconds=None if latency is None else latency / _NANOSECONDS,
    )


def _offered(said: Mapping[str, bool | None]) -> tuple[str, ...] | None:
    """None when it did not look for any."""
    if all(value is None for value in said.values()):
        return None
    return tuple(name for name, value in said.items() if value)


def _address(place: str) -> str:
    """Without the port: that is one of a socket of netcheck's own, another at each run."""
    return place.rpartition(":")[0].strip("[]") if ":" in place else place


def _of_text(output: str) -> NetcheckFacts | None:
    said = dict(_LINE.findall(output))
    # Its last line but for the latencies: without it the text was cut off.
    if "UDP" not in said or "Nearest DERP" not in said:
        return None
    ipv4, ipv6 = said.get("IPv4", ""), said.get("IPv6", "")
    latencies = {name: (code, float(value) * _UNITS[unit]) for code, value, unit, name in _LATENCY.findall(output)}
    relay, milliseconds = latencies.get(said["Nearest DERP"], ("", None))
    mappings = [_MAPPINGS_IN_TEXT.get(word.strip()) for word in said.get("PortMapping", "").split(",")]
    address = next((_address(line.partition(",")[2].strip()) for line in (ipv4, ipv6) if line.startswith("yes,")), "")
    return NetcheckFacts(
        udp={"true": True, "false": False}.get(said["UDP"]),
        # "(no addr found)" says nothing of what may be sent.
        ipv4=_yes(ipv4),
        ipv6=_yes(ipv6),
        hard_nat={"true": True, "false": False}.get(said.get("MappingVariesByDestIP", "")),
        port_mapping=tuple(filter(None, mappings)) if "PortMapping" in said else None,
        outside_address=address,
        relay=relay,
        relay_milliseconds=milliseconds,
    )


def _yes(words: str) -> bool | None:
    return {"yes": True, "no": False}.get(re.split(r"[,\s]", words)[0])


def _problem(section: Section) -> str:
    return "what it printed is no report, or not all of one" if section.ok and section.text.strip() else section.problem
