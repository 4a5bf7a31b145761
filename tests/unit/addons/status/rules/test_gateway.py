"""The gateway itself: its start, its checks, who waits, its nodes."""

import pytest

from addons.status.facts import Snapshot
from addons.status.rules import judge
from tests.support import addons_snapshots as s
from tests.support.addons_cases import node
from tests.support.addons_snapshots import NOW, altered, well


def found(snapshot: Snapshot) -> list[str]:
    return [one.rule for one in judge(snapshot, NOW).findings]


def unstarted(seconds: float) -> Snapshot:
    return altered(well(), cluster={"started_at": s.ago(NOW, seconds)}, gateway={"started": False, "ready": False})


def test_a_start_is_no_trouble_for_five_minutes() -> None:
    assert found(unstarted(300)) == ["gateway-starting"]
    assert found(unstarted(400)) == ["gateway-not-started"]


def test_a_request_that_has_ended_is_not_shown() -> None:
    old = s.pairing(NOW, ends_at=s.ago(NOW, 1))
    assert found(altered(well(), gateway={"pairings": (old,)})) == []


def test_each_request_is_said() -> None:
    two = (s.pairing(NOW), s.pairing(NOW, request="2", name="bob-phone"))
    assert found(altered(well(), gateway={"pairings": two})) == ["pairing-waits", "pairing-waits"]


@pytest.mark.parametrize(
    ("address", "outside"),
    [
        ("100.64.0.10", False),
        ("fd7a:115c:a1e0::10", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("", False),
        ("not an address", False),
        ("10.244.0.3", True),
        ("203.0.113.9", True),
        ("fd00::9", True),
    ],
)
def test_a_node_comes_through_the_tailnet_or_is_said(address: str, outside: bool) -> None:
    assert ("node-outside" in found(node(address=address)())) is outside


def test_the_three_lights_of_a_node() -> None:
    assert found(node()()) == []
    assert found(node(online=False, callable=False, permitted=False)()) == ["node-offline"]
    assert found(node(callable=False)()) == ["node-not-callable"]
    assert found(node(callable=False, permitted=False)()) == ["node-not-permitted"]


def test_a_declared_node_is_known_by_its_id_its_hostname_or_its_request() -> None:
    assert found(node(name="openclaw-node-build")()) == []
    assert found(altered(well(), gateway={"nodes": None})) == []
    asks = s.pairing(NOW, kind="node", name="build")
    assert found(altered(well(), gateway={"nodes": (), "pairings": (asks,)})) == ["node-waits"]
