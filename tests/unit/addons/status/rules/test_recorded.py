"""What a real tailscaled answered in each fault is judged as that fault: by the scripts that read it, and the rules."""

from datetime import timedelta
from pathlib import Path

import pytest

from addons.status import netcheck, sidecar
from addons.status.facts import Snapshot
from addons.status.model import InstanceStatus
from addons.status.readings import utc_now
from addons.status.rules import judge
from tests.support import addons_snapshots as s
from tests.support.status_samples import PLACE, Sidecar

# The gateway whose sidecar was recorded: without certificates, in a tailnet of headscale.
DECLARED = {"reach": "tcp", "served_port": 18789, "fqdn": "openclaw-home.sandbox.internal"}


def recorded(tmp_path: Path, case: str) -> Snapshot:
    """A gateway that is well but for its sidecar, which answers as recorded."""
    now = utc_now()
    listed = s.device("home", now, id="1", name="openclaw-home.sandbox.internal")
    snapshot = s.altered(s.well("home", now), declared=DECLARED, control={"devices": (listed,)}, history=())
    return snapshot.model_copy(update={"sidecar": sidecar.reading(Sidecar.of(tmp_path, case), PLACE)})


def judged(snapshot: Snapshot) -> tuple[InstanceStatus, list[str]]:
    status = judge(snapshot, utc_now() + timedelta(seconds=1))
    return status, [one.rule for one in status.findings]


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("control-down", "out-of-touch"),
        ("logged-out", "needs-login"),
        ("expired", "node-key-expired"),
        ("relay-down", "warns-no-derp-connection"),
    ],
)
def test_a_recorded_fault_is_named(tmp_path: Path, case: str, rule: str) -> None:
    status, found = judged(recorded(tmp_path, case))
    assert found[0] == rule, status.headline


@pytest.mark.parametrize("case", ["direct", "relayed", "idle"])
def test_a_recorded_gateway_without_a_fault_has_none(tmp_path: Path, case: str) -> None:
    status, found = judged(recorded(tmp_path, case))
    assert found == []
    assert status.confirmed_by == ("alice-laptop" if case == "direct" else "the tailnet's list of devices")


def test_a_recorded_tailscaled_that_does_not_run_is_unknown(tmp_path: Path) -> None:
    status, found = judged(recorded(tmp_path, "no-daemon"))
    assert found == ["sidecar-not-read"]
    assert status.health == "unknown"


@pytest.mark.parametrize(
    ("case", "rules"), [("open", []), ("udp-blocked", ["udp-blocked"]), ("no-derp", ["netcheck-not-read"])]
)
def test_a_recorded_netcheck_says_what_the_network_lets_through(tmp_path: Path, case: str, rules: list[str]) -> None:
    whole = recorded(tmp_path, "direct")
    measured = netcheck.reading(Sidecar.of(tmp_path, case), PLACE)
    assert judged(whole.model_copy(update={"netcheck": measured}))[1] == rules
