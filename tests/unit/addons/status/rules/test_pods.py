"""A pod that does not start says why, and since when; events that are over say nothing."""

from typing import Any

from addons.status.facts import Snapshot
from addons.status.model import State
from addons.status.rules import judge
from tests.support import addons_snapshots as s
from tests.support.addons_cases import CASES, event, only
from tests.support.addons_snapshots import NOW, altered, well


def found(snapshot: Snapshot) -> list[str]:
    return [one.rule for one in judge(snapshot, NOW).findings]


def unready(**fields: Any) -> Snapshot:
    return altered(only("gateway", ready=False)(), cluster=fields)


def test_events_of_a_pod_that_runs_are_over() -> None:
    message = 'MountVolume.SetUp failed for volume "tailnet-kek" : secret "home-tailnet-kek-1" not found'
    assert (
        found(altered(well(), cluster={"events": (event("FailedMount", message), event("FailedCreate", "quota"))}))
        == []
    )


def test_a_start_is_no_trouble_for_five_minutes() -> None:
    assert found(unready(started_at=s.ago(NOW, 200))) == ["pod-starting"]
    assert found(unready(started_at=s.ago(NOW, 400))) == ["not-ready-for-long"]


def test_a_pod_that_ceased_to_be_ready_is_not_down_at_once() -> None:
    """It may have run for days: what counts is since when it is not ready."""
    assert found(unready(ready_changed_at=s.ago(NOW, 20))) == ["pod-starting"]
    assert found(unready(ready_changed_at=s.ago(NOW, 400))) == ["not-ready-for-long"]


def test_a_pod_that_is_replaced_is_starting() -> None:
    status = judge(unready(terminating=True), NOW)
    assert status.state is State.STARTING
    assert "being replaced" in status.headline


def test_only_one_event_is_quoted() -> None:
    """The newest of many about the same, in whatever order they come."""
    events = [s.changed(event("FailedMount", f"try {n}"), last_at=s.ago(NOW, abs(n - 5))) for n in range(9)]
    events.append(s.changed(event("FailedMount", "no time"), last_at=None))
    (finding,) = judge(altered(CASES["mount-failed"](), cluster={"events": tuple(events)}), NOW).findings
    assert finding.says.endswith("try 5")


def test_an_instance_that_is_off_needs_no_sidecar() -> None:
    assert found(s.off("home", NOW)) == ["private-access-off"]
    assert found(altered(well(), declared={"wanted": False})) == ["sidecar-left"]
