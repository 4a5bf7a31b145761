"""A status is never better than what was read: not from old readings, not without a witness, not by an error."""

import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.status.facts import Snapshot
from addons.status.model import Health, RelayRisk, State
from addons.status.readings import STALE_AFTER, Reading, Source
from addons.status.rules import judge, report
from tests.support import addons_snapshots as s
from tests.support.addons_cases import CASES
from tests.support.addons_snapshots import NOW, SITUATIONS, altered, well
from tests.support.addons_strategies import SNAPSHOTS


@given(SNAPSHOTS)
def test_any_snapshot_is_judged(snapshot: Snapshot) -> None:
    """And none is connected that nobody outside confirms."""
    status = judge(snapshot, NOW)
    assert status.headline
    assert status.state is not State.CONNECTED or status.confirmed_by
    assert status == judge(snapshot, NOW)
    assert status.model_validate_json(status.model_dump_json()) == status
    assert [one.health.rank for one in status.findings] == sorted(
        (one.health.rank for one in status.findings), reverse=True
    )


@given(SNAPSHOTS, st.sampled_from((Source.CLUSTER, Source.SIDECAR)), st.floats(0.01, 1e6))
def test_nothing_is_healthy_by_an_old_reading(snapshot: Snapshot, source: Source, late: float) -> None:
    """While private access is off there is no sidecar, and none is asked."""
    snapshot = altered(snapshot, declared={"wanted": True})
    part = source.name.lower()
    old: Reading[object] = getattr(snapshot, part)
    read_at = NOW - timedelta(seconds=STALE_AFTER[source] + late)
    status = judge(snapshot.model_copy(update={part: old.model_copy(update={"read_at": read_at})}), NOW)
    assert status.health is not Health.HEALTHY
    assert status.state is not State.CONNECTED or source is not Source.SIDECAR


@pytest.mark.parametrize("source", [Source.CLUSTER, Source.GATEWAY])
def test_off_is_not_healthy_by_an_old_reading_either(source: Source) -> None:
    snapshot = s.old(s.off("home", NOW), 120, source.name.lower())
    assert judge(snapshot, NOW).health is Health.UNKNOWN


@given(SNAPSHOTS, st.sampled_from(("peers", "list")))
def test_without_a_witness_nothing_is_better(snapshot: Snapshot, witness: str) -> None:
    """Nobody speaks with it any more, or the tailnet's list does not say that it is connected."""
    before = judge(snapshot, NOW)
    if witness == "peers" and snapshot.sidecar.value is not None:
        snapshot = altered(snapshot, sidecar={"peers": ()})
    if witness == "list" and snapshot.control.value is not None:
        devices = snapshot.control.value.devices
        silent = tuple(s.changed(one, connected=None) if one.connected else one for one in devices)
        snapshot = altered(snapshot, control={"devices": silent})
    after = judge(snapshot, NOW)
    assert after.health.rank >= before.health.rank
    assert after.state is not State.CONNECTED or before.state is State.CONNECTED


@pytest.mark.parametrize(
    ("situation", "health", "state"),
    [
        ("connected", Health.HEALTHY, State.CONNECTED),
        ("a pairing waits", Health.HEALTHY, State.CONNECTED),
        ("relayed", Health.DEGRADED, State.CONNECTED),
        ("peer-relayed", Health.HEALTHY, State.CONNECTED),
        ("not confirmed", Health.DEGRADED, State.UNCONFIRMED),
        ("out of touch", Health.DEGRADED, State.OUT_OF_TOUCH),
        ("removed", Health.DOWN, State.REMOVED),
        ("name taken", Health.DOWN, State.DOWN),
        ("name shared", Health.DEGRADED, State.CONNECTED),
        ("tailnet volume lost", Health.DOWN, State.DOWN),
        ("starting", Health.DEGRADED, State.STARTING),
        ("needs approval", Health.DOWN, State.NEEDS_LOGIN),
        ("key refused", Health.DOWN, State.NEEDS_LOGIN),
        ("a volume fills", Health.DEGRADED, State.CONNECTED),
        ("off", Health.HEALTHY, State.DISABLED),
        ("unknown", Health.UNKNOWN, State.UNKNOWN),
    ],
)
def test_each_situation_has_its_word(situation: str, health: Health, state: State) -> None:
    status = judge(SITUATIONS[situation]("home", NOW), NOW)
    assert (status.health, status.state) == (health, state)


def test_every_situation_is_tried() -> None:
    words = {judge(situation("home", NOW), NOW).state for situation in SITUATIONS.values()}
    words |= {judge(case(), NOW).state for case in CASES.values()}
    assert words == set(State)


def test_the_worst_reason_is_the_headline() -> None:
    worst = altered(s.relayed("home", NOW), sidecar={"served": ()})
    status = judge(worst, NOW)
    assert status.headline.startswith("Serve passes nothing on")
    assert status.hint.startswith("Start the sidecar anew")
    assert [one.rule for one in status.findings] == ["serves-nothing", "relayed", "udp-blocked"]


def test_what_stops_the_pod_silences_that_it_starts() -> None:
    assert [one.rule for one in judge(CASES["sealed-key-damaged"](), NOW).findings] == ["sealed-key-damaged"]


def test_fields_of_an_old_source_are_empty_and_the_source_says_why() -> None:
    status = judge(s.old(well(), 90, "sidecar", reason="exec: forbidden"), NOW)
    assert (status.addresses, status.dns_name, status.peers, status.confirmed_by) == (None, None, None, "")
    assert status.relay.risk is RelayRisk.UNKNOWN
    assert status.gateway_version == "2026.9.6"
    source = next(one for one in status.sources if one.source is Source.SIDECAR)
    assert (source.known, source.reason, source.age) == (False, "exec: forbidden", 93.0)


def test_a_read_that_failed_once_changes_nothing_while_the_last_one_is_fresh() -> None:
    status = judge(well().model_copy(update={"sidecar": well().sidecar.failed("timed out")}), NOW)
    assert status.health is Health.HEALTHY
    assert next(one for one in status.sources if one.source is Source.SIDECAR).reason == "timed out"


@pytest.mark.parametrize(
    ("reach", "preferred", "opens"),
    [
        ("https", "name", "https://openclaw-home.example.ts.net"),
        ("http", "name", "http://openclaw-home.example.ts.net"),
        ("tcp", "name", "ws://openclaw-home.example.ts.net:18789"),
        ("tcp", "address", "ws://100.64.0.6:18789"),
    ],
)
def test_what_is_opened_is_what_the_stack_prefers(reach: str, preferred: str, opens: str) -> None:
    status = judge(altered(well(), declared={"reach": reach, "preferred": preferred}), NOW)
    assert status.opens == opens
    assert status.url.partition("//")[2].startswith("openclaw-home.example.ts.net")


def test_nothing_is_opened_while_private_access_is_off() -> None:
    status = judge(s.off("home", NOW), NOW)
    assert (status.url, status.opens) == ("", "")


def test_a_report_is_as_well_as_its_worst_instance() -> None:
    def health(*situations: str) -> Health:
        return report("dev", [SITUATIONS[one](f"i{index}", NOW) for index, one in enumerate(situations)], NOW).health

    assert health() is Health.HEALTHY
    assert health("connected", "off") is Health.HEALTHY
    assert health("connected", "relayed") is Health.DEGRADED
    assert health("relayed", "unknown") is Health.UNKNOWN
    assert health("unknown", "removed") is Health.DOWN


def test_a_hundred_gateways_are_judged_in_a_moment() -> None:
    """What is judged is read within the two seconds in which the status of a hundred must be there."""
    snapshots = [SITUATIONS[name](f"i{index}", NOW) for index, name in enumerate(list(SITUATIONS) * 7)][:100]
    begin = time.process_time()
    report("dev", snapshots, NOW)
    assert time.process_time() - begin < 1.0
