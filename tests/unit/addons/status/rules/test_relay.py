"""Relayed is what the byte counters say over time: not one look, not the first seconds of a contact."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.status.facts import BytesSample, PathBytes, Snapshot
from addons.status.model import RelayRisk
from addons.status.rules.relay import CONTACT, relay, traffic
from addons.status.rules.view import View
from tests.support import addons_snapshots as s
from tests.support.addons_snapshots import NOW, altered, bytes_over, well


def risk(snapshot: Snapshot) -> RelayRisk:
    return relay(View(snapshot, NOW)).risk


def samples(*counts: tuple[float, int, int]) -> tuple[BytesSample, ...]:
    """Seconds ago, bytes that went directly until then, bytes over a relay."""
    return tuple(
        BytesSample(at=s.ago(NOW, seconds), bytes=PathBytes(direct=direct, peer_relay=0, relay=by_relay))
        for seconds, direct, by_relay in counts
    )


def test_a_contact_begins_by_a_relay_and_that_is_no_news() -> None:
    """Tailscale looks for a direct path while the first packets go over a relay."""
    begun = ((60, 0, 0), (50, 0, 400_000), (44, 0, 600_000), (36, 90_000, 600_000))
    first = samples(
        *begun, (28, 190_000, 600_000), (16, 300_000, 600_000), (8, 400_000, 600_000), (1, 500_000, 600_000)
    )
    assert risk(altered(well(), history=first)) is RelayRisk.NONE


def test_one_look_proves_nothing() -> None:
    assert risk(altered(well(), history=samples((60, 0, 0), (3, 0, 900_000)))) is RelayRisk.UNKNOWN
    assert risk(altered(s.relayed("home", NOW), netcheck={"udp": True}, history=())) is RelayRisk.UNKNOWN


def test_two_reads_that_are_close_prove_nothing_either() -> None:
    close = samples((30, 0, 0), (25, 0, 100), (8, 0, 200), (4, 0, 900_000), (1, 0, 990_000))
    assert risk(altered(well(), history=close)) is RelayRisk.UNKNOWN


def test_traffic_that_stays_on_a_relay_is_relayed() -> None:
    found = relay(View(altered(well(), history=bytes_over(NOW, relay=700)), NOW))
    assert (found.risk, found.share) == (RelayRisk.RELAYED, 1.0)
    assert "nothing stands in its way at this end" in found.says


def test_the_reason_is_what_this_end_knows() -> None:
    for fields, words in (({"udp": False}, "UDP does not get out"), ({"hard_nat": True}, "behind a NAT")):
        snapshot = altered(well(), history=bytes_over(NOW, relay=700), netcheck=fields)
        assert words in relay(View(snapshot, NOW)).says


def test_a_small_share_is_no_relayed_traffic() -> None:
    assert risk(altered(well(), history=bytes_over(NOW, direct=1000, relay=50))) is RelayRisk.NONE
    assert risk(altered(well(), history=bytes_over(NOW, direct=1000, relay=500))) is RelayRisk.RELAYED


def test_a_relay_of_the_tailnets_own_is_told_apart() -> None:
    found = relay(View(s.peer_relayed("home", NOW), NOW))
    assert found.risk is RelayRisk.RELAYED
    assert "peer relay" in found.says


@pytest.mark.parametrize(
    ("netcheck", "expected"),
    [({"udp": False}, RelayRisk.POSSIBLE), ({"hard_nat": True}, RelayRisk.POSSIBLE), ({}, RelayRisk.UNKNOWN)],
)
def test_without_traffic_only_what_is_possible_is_known(netcheck: dict[str, bool], expected: RelayRisk) -> None:
    assert risk(altered(well(), history=bytes_over(NOW), netcheck=netcheck)) is expected


def test_direct_traffic_with_an_obstacle_may_be_relayed_for_others() -> None:
    assert risk(altered(well(), netcheck={"hard_nat": True})) is RelayRisk.POSSIBLE


def test_old_traffic_is_not_now() -> None:
    old = tuple(s.changed(one, at=one.at - timedelta(seconds=120)) for one in bytes_over(NOW, relay=700))
    assert risk(altered(well(), history=old)) is RelayRisk.UNKNOWN


def test_counters_that_went_down_begin_anew() -> None:
    """tailscaled was started anew: what it counted before is not compared with what it counts now."""
    before = samples((60, 0, 9_000_000), (50, 0, 9_900_000))
    since = samples((20, 10, 0), (12, 9000, 0), (2, 18_000, 0))
    assert risk(altered(well(), history=before + since)) is RelayRisk.UNKNOWN


def test_a_long_silence_ends_a_contact() -> None:
    talk = [(100.0, 0, 0), (92.0, 0, 500), (84.0, 0, 1000), (76.0, 0, 1500), (68.0, 0, 2000)]
    again = [(12.0, 0, 2000), (6.0, 0, 9000), (1.0, 0, 12_000)]
    assert all(one.end < s.ago(NOW, 60) for one in traffic(samples(*talk, *again)))


COUNTS = st.builds(
    BytesSample,
    at=st.integers(0, 900).map(lambda seconds: s.ago(NOW, seconds)),
    bytes=st.builds(PathBytes, **{name: st.integers(0, 10_000) for name in ("direct", "peer_relay", "relay")}),
)


@given(st.lists(COUNTS, max_size=30))
def test_the_first_seconds_of_a_contact_never_count(history: list[BytesSample]) -> None:
    """Whatever was counted lies at least so long after some read that had already seen traffic."""
    reads = pairwise(sorted(history, key=lambda sample: sample.at))
    ends = [after.at for before, after in reads if before.bytes != after.bytes]
    for one in traffic(history):
        assert one.total > 0
        assert any(one.begin - end >= CONTACT for end in ends)
