"""What tailscaled believes is no proof: a device that answers is, or the tailnet's list."""

from typing import Any

import pytest

from addons.status.facts import HealthWarning, Path, Snapshot
from addons.status.readings import Source
from addons.status.rules.view import View
from addons.status.rules.witness import witness
from tests.support import addons_snapshots as s
from tests.support.addons_snapshots import NOW, altered, well


def confirmed(snapshot: Snapshot) -> str:
    return witness(View(snapshot, NOW))


def silent(**fields: Any) -> Snapshot:
    """No other device speaks with it."""
    return altered(well(), sidecar={"peers": (), **fields})


def with_peer(path: Path, shaken: float | None = None) -> Snapshot:
    """One device, and a list that was not read."""
    peer = s.changed(
        s.peers(NOW)[0], path=path, handshake_at=None if shaken is None else s.ago(NOW, shaken), address="", relay="fra"
    )
    return s.unread(altered(well(), sidecar={"peers": (peer,)}), Source.CONTROL)


def test_devices_that_answer_confirm_it_before_the_list_does() -> None:
    assert confirmed(well()) == "alice-laptop and 1 more"
    assert confirmed(silent()) == "the tailnet's list of devices"


@pytest.mark.parametrize(
    ("path", "shaken", "answers"),
    [
        (Path.DIRECT, None, True),
        (Path.PEER_RELAY, None, True),
        (Path.RELAY, None, False),
        (Path.RELAY, 100, True),
        (Path.RELAY, 200, False),
        (Path.RELAY, -60, False),
        (Path.IDLE, 100, False),
    ],
)
def test_a_relay_takes_everything_so_it_proves_nothing(path: Path, shaken: float | None, answers: bool) -> None:
    assert bool(confirmed(with_peer(path, shaken))) is answers


@pytest.mark.parametrize("fields", [{"online": False}, {"online": None}, {"backend": "Starting"}, {"device_id": ""}])
def test_nobody_confirms_what_it_does_not_say_itself(fields: dict[str, Any]) -> None:
    assert confirmed(silent(**fields)) == ""


def test_the_list_is_not_enough_beside_a_warning_about_connectivity() -> None:
    warning = HealthWarning(code="no-derp-home", title="", text="", impacts_connectivity=True)
    assert confirmed(silent(warnings=(warning,))) == ""
    assert confirmed(altered(well(), sidecar={"warnings": (warning,)})) != ""


@pytest.mark.parametrize("connected", [False, None])
def test_a_list_that_does_not_say_connected_confirms_nothing(connected: bool | None) -> None:
    listed = altered(silent(), control={"devices": (s.device("home", NOW, connected=connected),)})
    assert confirmed(listed) == ""


def test_old_lists_and_old_sidecars_confirm_nothing() -> None:
    assert confirmed(s.old(silent(), 61, "control")) == ""
    assert confirmed(s.old(well(), 31, "sidecar")) == ""
