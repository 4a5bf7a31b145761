"""What was read of a process ends with its container, and with its time."""

import pytest

from addons.status.facts import Snapshot
from addons.status.readings import Source
from addons.status.rules.view import Unread, View
from tests.support import addons_snapshots as s
from tests.support.addons_snapshots import NOW, altered, container, well


def view(snapshot: Snapshot) -> View:
    return View(snapshot, NOW)


def restarted(seconds: float) -> Snapshot:
    """The sidecar ended so long ago, and runs again."""
    tailscale = container("tailscale", restarts=1, last_ended_at=s.ago(NOW, seconds))
    return altered(well(), cluster={"containers": (s.UNSEALED, tailscale, container("gateway"))})


def test_everything_fresh_is_known() -> None:
    assert all(view(well()).knows(source) for source in Source)
    assert view(well()).sidecar.version == "1.102.3"


def test_what_is_old_is_not_to_be_had() -> None:
    old = view(s.old(well(), 31, "sidecar", reason="exec: forbidden"))
    assert old.why_unknown(Source.SIDECAR) == "exec: forbidden"
    with pytest.raises(Unread):
        _ = old.sidecar


def test_why_without_a_reason() -> None:
    assert view(s.unread(well(), Source.CONTROL)).why_unknown(Source.CONTROL) == "it was not read yet"
    assert view(s.old(well(), 500, "control")).why_unknown(Source.CONTROL) == "it was not read since"


def test_what_a_process_said_before_it_was_started_anew_is_not_known() -> None:
    """The sidecar was read 3 s ago, netcheck 40 s ago."""
    assert view(restarted(1)).why_unknown(Source.SIDECAR) == "its container was started since"
    assert view(restarted(10)).knows(Source.SIDECAR)
    assert not view(restarted(10)).knows(Source.NETCHECK)
    assert view(restarted(10)).knows(Source.GATEWAY)


def test_what_a_process_said_is_not_known_while_its_container_does_not_run() -> None:
    stopped = container("gateway", state="waiting", ready=False)
    snapshot = altered(well(), cluster={"containers": (s.UNSEALED, container("tailscale"), stopped)})
    assert view(snapshot).why_unknown(Source.GATEWAY) == "its container does not run"
    assert view(snapshot).knows(Source.SIDECAR)


def test_a_time_in_the_future_is_another_clocks() -> None:
    assert view(restarted(-300)).knows(Source.SIDECAR)


def test_while_the_cluster_is_not_known_readings_count_by_their_age() -> None:
    assert view(s.old(restarted(1), 60, "cluster")).knows(Source.SIDECAR)
    assert view(s.old(restarted(1), 60, "cluster")).began("tailscale") is None


def test_a_container_began_with_its_pod_or_its_last_end() -> None:
    assert view(well()).began("tailscale") == s.ago(NOW, 2 * 86400)
    assert view(restarted(20)).began("tailscale") == s.ago(NOW, 20)
    assert view(restarted(20)).young("tailscale", 21)
    assert not view(restarted(20)).young("tailscale", 19)
