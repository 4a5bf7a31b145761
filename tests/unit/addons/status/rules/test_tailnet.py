"""In its tailnet or not: what the control server's list says counts, once the device had time to get into it."""

from typing import Any

import pytest

from addons.status.facts import Snapshot
from addons.status.model import State
from addons.status.rules import judge
from tests.support import addons_snapshots as s
from tests.support.addons_cases import joined_anew
from tests.support.addons_snapshots import NOW, altered, well


def found(snapshot: Snapshot) -> list[str]:
    return [one.rule for one in judge(snapshot, NOW).findings]


def test_a_removed_device_looks_well_from_inside() -> None:
    """Running, online, ready, no warning: only the list tells."""
    assert judge(s.removed("home", NOW), NOW).state is State.REMOVED
    assert judge(s.old(s.removed("home", NOW), 100, "control"), NOW).state is State.UNCONFIRMED


def test_a_device_that_just_joined_is_not_in_the_list_yet() -> None:
    new = altered(joined_anew(20, peers=())(), control={"devices": ()})
    assert "removed" not in found(new)
    assert "removed" in found(altered(joined_anew(60, peers=())(), control={"devices": ()}))


def test_devices_are_compared_by_id_not_by_name() -> None:
    """Another device has come under the old one's name."""
    other = s.device("home", NOW, id="nNewCNTRL")
    assert "removed" in found(altered(s.removed("home", NOW), control={"devices": (other,)}))


def test_a_device_may_know_itself_by_the_older_id() -> None:
    """As headscale's do: it is neither removed nor another device of its own name."""
    own = s.device("home", NOW, id="nStableCNTRL", api_id="nhomeCNTRL")
    assert found(altered(well(), control={"devices": (own,)})) == []
    renamed = s.device("home", NOW, id="nStableCNTRL", api_id="nhomeCNTRL", name="openclaw-home-1.example.ts.net")
    assert "tailnet-volume-lost" not in found(altered(s.name_taken("home", NOW), control={"devices": (renamed,)}))


@pytest.mark.parametrize("backend", ["NeedsLogin", "Starting", "NoState"])
def test_joining_takes_a_minute_at_most(backend: str) -> None:
    state: dict[str, Any] = {"backend": backend, "online": False, "peers": ()}
    assert found(joined_anew(59, **state)()) == ["joining"]
    assert found(joined_anew(61, **state)()) == ["needs-login" if backend == "NeedsLogin" else "joins-not"]


def test_an_approval_may_also_be_seen_in_the_list_alone() -> None:
    listed = s.device("home", NOW, authorized=False)
    assert found(altered(well(), control={"devices": (listed,)})) == ["needs-approval"]


def test_out_of_touch_goes_on_working_for_those_who_know_it() -> None:
    status = judge(
        altered(well(), sidecar={"online": False}, control={"devices": (s.device("home", NOW, connected=False),)}), NOW
    )
    assert status.state is State.OUT_OF_TOUCH
    assert [one.rule for one in status.findings] == ["out-of-touch"]


def test_both_views_are_told_where_they_differ() -> None:
    assert found(altered(well(), sidecar={"online": False})) == ["out-of-touch", "views-differ"]
    late = s.device("home", NOW, connected=False, last_seen=s.ago(NOW, 60))
    assert found(altered(well(), control={"devices": (late,)})) == []


def test_a_new_name_takes_a_moment() -> None:
    named = joined_anew(10)()
    assert found(altered(named, declared={"hostname": "openclaw-den"})) == []
    assert found(altered(well(), declared={"hostname": "openclaw-den"})) == ["hostname-taken"]


def test_a_lost_volume_is_told_from_a_stranger_with_the_name() -> None:
    assert found(s.volume_lost("home", NOW)) == ["tailnet-volume-lost"]
    assert found(s.name_taken("home", NOW)) == ["hostname-taken"]
    assert found(s.old(s.volume_lost("home", NOW), 100, "control")) == ["hostname-taken", "control-not-read"]


def test_not_confirmed_is_no_word_beside_something_worse() -> None:
    assert found(altered(s.not_confirmed("home", NOW), sidecar={"served": ()}))[0] == "serves-nothing"
    assert "not-confirmed" not in found(altered(s.not_confirmed("home", NOW), sidecar={"served": ()}))
