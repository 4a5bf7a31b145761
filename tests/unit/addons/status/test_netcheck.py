"""netcheck's report in every form in which it was seen, and in none: never an error, and never a guess."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.status import netcheck
from addons.status.execution import NotRun, Place, Printed, Section
from addons.status.facts import NetcheckFacts
from tests.support.status_samples import PLACE, TAILSCALE, Sidecar, saying


def recorded(case: str, name: str = "netcheck", stream: str = "out") -> str:
    return (TAILSCALE / case / f"{name}.{stream}").read_text()


OPEN = NetcheckFacts(
    udp=True,
    ipv4=True,
    ipv6=False,
    hard_nat=None,
    port_mapping=(),
    outside_address="10.244.0.7",
    relay="900",
    relay_milliseconds=0.159733,
)
BLOCKED = OPEN.model_copy(update={"udp": False, "outside_address": "", "relay_milliseconds": 0.414398})
VERBOSE = BLOCKED.model_copy(update={"relay_milliseconds": 0.292823})
LOG = recorded("udp-blocked", "netcheck-verbose", "err").splitlines()


def test_an_open_network_is_told_with_the_relay_s_code(tmp_path: Path) -> None:
    reading = netcheck.reading(Sidecar.of(tmp_path, "direct"), PLACE)
    assert reading.value == NetcheckFacts(
        udp=True,
        ipv4=True,
        ipv6=False,
        port_mapping=(),
        outside_address="10.9.0.1",
        relay="local",
        relay_milliseconds=0.531291,
    )


def test_without_a_list_of_relays_the_relay_is_told_by_number(tmp_path: Path) -> None:
    """The relay that died was measured by ICMP: that it looks near proves nothing."""
    reading = netcheck.reading(Sidecar.of(tmp_path, "relay-down"), PLACE)
    assert reading.value is not None
    assert (reading.value.udp, reading.value.relay, reading.value.relay_milliseconds) == (False, "900", 0.215947)


@pytest.mark.parametrize(
    ("output", "facts"),
    [
        (recorded("open"), OPEN),
        (recorded("udp-blocked"), BLOCKED),
        (recorded("open", stream="err") + recorded("open"), OPEN),
        (recorded("open") + recorded("open", stream="err"), OPEN),
        (recorded("udp-blocked", "netcheck-verbose", "err") + recorded("udp-blocked", "netcheck-verbose"), VERBOSE),
        # One line, as `--format=json-line` has it, and the newest of several.
        (json.dumps(json.loads(recorded("open"))), OPEN),
        (recorded("open") + recorded("udp-blocked"), BLOCKED),
        (recorded("open").replace("\n", "\r\n"), OPEN),
    ],
)
def test_the_report_is_found_among_log_lines(output: str, facts: NetcheckFacts) -> None:
    assert netcheck.parsed(output) == facts


def test_the_text_form_says_the_same() -> None:
    rounded = {"relay": "local", "relay_milliseconds": 0.2}
    assert netcheck.parsed(recorded("open", "netcheck-text")) == OPEN.model_copy(update=rounded)
    # "(no addr found)" says nothing of what may be sent.
    unsaid = {"relay": "local", "relay_milliseconds": 0.3, "ipv4": None}
    assert netcheck.parsed(recorded("udp-blocked", "netcheck-text")) == BLOCKED.model_copy(update=unsaid)


def test_the_text_form_names_nat_mappings_and_a_lost_relay() -> None:
    read = netcheck.parsed(
        "\nReport:\n\t* UDP: true\n\t* IPv4: yes, 192.0.2.7:41641\n\t* IPv6: yes, [2001:db8::7]:41641\n"
        "\t* MappingVariesByDestIP: true\n\t* PortMapping: UPnP, NAT-PMP, PCP\n"
        "\t* Nearest DERP: unknown (no response to latency probes)\n"
    )
    assert read == NetcheckFacts(
        udp=True,
        ipv4=True,
        ipv6=True,
        hard_nat=True,
        port_mapping=("UPnP", "PMP", "PCP"),
        outside_address="192.0.2.7",
    )


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(recorded("open")), **fields})


def parsed(output: str) -> NetcheckFacts:
    found = netcheck.parsed(output)
    assert found is not None
    return found


def test_hard_nat_and_port_mappings_are_taken_over() -> None:
    read = parsed(changed(MappingVariesByDestIP=True, UPnP=True, PCP=True))
    assert (read.hard_nat, read.port_mapping) == (True, ("UPnP", "PCP"))
    assert parsed(changed(UPnP=None, PMP=None, PCP=None)).port_mapping is None


def test_an_outside_address_of_ipv6_has_no_brackets() -> None:
    assert parsed(changed(GlobalV4="", GlobalV6="[2001:db8::7]:41641")).outside_address == "2001:db8::7"


@pytest.mark.parametrize("fields", [{"PreferredDERP": 0}, {"RegionLatency": {}}, {"RegionLatency": None}])
def test_a_relay_that_did_not_answer_is_none(fields: dict[str, Any]) -> None:
    read = parsed(changed(**fields))
    assert (read.relay, read.relay_milliseconds) == ("", None)


def test_a_version_that_lacks_fields_leaves_them_unknown() -> None:
    read = parsed('{"UDP": true, "PreferredDERP": 4, "RegionLatency": {"4": 8123456}}')
    assert read == NetcheckFacts(udp=True, relay="4", relay_milliseconds=8.123456)


def test_without_a_relay_map_its_own_words_are_the_reason(tmp_path: Path) -> None:
    reading = netcheck.reading(Sidecar.of(tmp_path, "logged-out"), PLACE)
    assert reading.value is None
    assert reading.reason.startswith("netcheck measured nothing: fetch prodDERPMap failed: Get ")


def test_each_sample_without_a_report_gives_a_reason(tmp_path: Path) -> None:
    reading = netcheck.reading(Sidecar.of(tmp_path, "no-derp"), PLACE)
    assert reading.value is None
    assert "connection refused" in reading.reason


def test_a_report_that_is_cut_off_is_no_report() -> None:
    mark_less = recorded("open")[:200]
    assert netcheck.parsed(mark_less) is None
    reading = netcheck.reading(saying(mark_less), PLACE)
    assert reading.reason == "netcheck measured nothing: the answer was cut off"


def test_a_container_where_nothing_runs_is_a_reason() -> None:
    def execute(place: Place, command: object, seconds: float) -> Printed:
        raise NotRun("No answer in time")

    assert netcheck.reading(execute, PLACE).reason == "No answer in time"


def test_the_codes_of_relays_are_those_of_the_map() -> None:
    assert netcheck.codes(Section(recorded("open", "relays"), 0)) == {"900": "local"}
    assert netcheck.codes(Section('{"Regions": null}', 0)) == {}
    assert netcheck.codes(Section("no daemon", 1)) == {}


# Of netcheck itself, of tailscaled's log, of a shell.
log_lines = st.lists(
    st.sampled_from(LOG) | st.from_regex(r"\A(20[0-9]{2}/[01][0-9]/[0-3][0-9] [0-9:]{8} |# |portmap: )[^\r\n]*\Z"),
    max_size=6,
)


@given(st.sampled_from(["open", "udp-blocked"]), st.data())
def test_log_lines_anywhere_between_its_lines_change_nothing(case: str, data: st.DataObject) -> None:
    mixed = recorded(case).splitlines()
    for line in data.draw(log_lines):
        mixed.insert(data.draw(st.integers(0, len(mixed))), line)
    assert netcheck.parsed("\n".join(mixed)) == {"open": OPEN, "udp-blocked": BLOCKED}[case]


@given(st.sampled_from(["netcheck", "netcheck-text"]), st.integers(0, 600), st.booleans())
def test_a_cut_anywhere_gives_the_whole_report_or_none(name: str, cut: int, from_the_end: bool) -> None:
    whole = recorded("open", name)
    part = whole[cut:] if from_the_end else whole[:cut]
    if name == "netcheck":
        assert netcheck.parsed(part) in (None, OPEN)
        return
    # Text has no end: at most the relay's latency is missing.
    read, full = netcheck.parsed(part), parsed(whole)
    assert read is None or read.udp is full.udp


@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_no_error(noise: bytes) -> None:
    assert netcheck.parsed(noise.decode(errors="replace")) is None
    assert netcheck.parsed(noise.decode("latin-1") + "\n" + recorded("open")) == OPEN


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)

OTHERS = {name: VALUES for name in json.loads(recorded("open")) if name not in ("UDP", "RegionLatency")}


@given(st.fixed_dictionaries({"UDP": VALUES, "RegionLatency": VALUES}, optional=OTHERS))
def test_a_report_with_values_of_any_kind_is_no_error(report: dict[str, Any]) -> None:
    assert parsed(json.dumps(report)).model_dump_json()
