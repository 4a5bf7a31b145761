"""Each fault of docs/reliability.md is shown by the status as it is, and the doctor names its cause."""

from collections.abc import Callable
from typing import Final

import pytest

from addons.status.doctor import diagnose
from addons.status.facts import Snapshot
from addons.status.faults import FAULTS
from addons.status.model import Health
from addons.status.rules import judge
from addons.status.rules.table import RULES
from tests.support import addons_snapshots as s
from tests.support.addons_cases import CASES, ENDED, only
from tests.support.addons_snapshots import NOW, altered, broken, well
from tests.support.faults.report import SEEN as DOCUMENTED


def without_the_kubelet() -> Snapshot:
    """The API server tells what it knew; nobody gets into a container."""
    said = "error dialing backend: dial tcp 10.244.0.1:10250: connect: connection refused"
    return s.old(well(), 90, "sidecar", "netcheck", "gateway", reason=said)


# As each is once it can be seen, by what the page says of its signs: the snapshot, and the health.
SEEN: Final[dict[str, tuple[Callable[[], Snapshot], Health]]] = {
    "hostname taken by another device": (CASES["hostname-shared"], Health.DEGRADED),
    "auth key expired or revoked, state there": (CASES["auth-key-ended"], Health.HEALTHY),
    "auth key expired or revoked, state lost": (
        lambda: broken(
            "home", NOW, "tailscale", "backend error: authkey expired\nboot: failed to auth tailscale: exit status 1"
        ),
        Health.DOWN,
    ),
    "tailnet volume lost or emptied": (CASES["tailnet-volume-lost"], Health.DOWN),
    "sealed key corrupted": (CASES["sealed-key-damaged"], Health.DOWN),
    "sealed key of another instance": (CASES["sealed-key-foreign"], Health.DOWN),
    "sealed key's Secret deleted": (CASES["sealed-key-from-volume"], Health.DEGRADED),
    "key-encryption key's Secret deleted": (CASES["sealing-key-missing"], Health.DOWN),
    "UDP blocked": (CASES["relayed"], Health.DEGRADED),
    "relay (DERP) down": (CASES["no-path"], Health.DOWN),
    "control server down for a minute": (CASES["control-unreachable"], Health.DOWN),
    "sidecar OOM-killed": (only("tailscale", last_reason="OOMKilled", **ENDED), Health.DEGRADED),
    "gateway OOM-killed": (CASES["was-out-of-memory"], Health.DEGRADED),
    "kubelet killed": (without_the_kubelet, Health.UNKNOWN),
    "containerd killed": (without_the_kubelet, Health.UNKNOWN),
    "all parts of the node restarted during an update": (CASES["cluster-not-read"], Health.UNKNOWN),
    "/dev/net/tun missing on the node": (CASES["tun-missing"], Health.DOWN),
    "tailnet volume full": (CASES["tailnet-volume-full"], Health.DEGRADED),
    "tailnet volume full when the pod starts": (CASES["no-room-for-the-sidecar"], Health.DOWN),
    "tailnet volume unwritable": (CASES["tailnet-volume-unwritable"], Health.DOWN),
    "gateway volume full": (CASES["home-volume-full"], Health.DEGRADED),
    "gateway volume full when the gateway starts": (CASES["no-room-for-the-gateway"], Health.DOWN),
}


def test_every_fault_has_rules_and_no_other_has() -> None:
    assert list(FAULTS) == DOCUMENTED.documented()
    assert list(SEEN) == DOCUMENTED.documented()
    assert {rule for rules in FAULTS.values() for rule in rules} <= {rule.name for rule in RULES}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_status_shows_a_fault_and_the_doctor_names_it(fault: str) -> None:
    snapshot, health = SEEN[fault]
    status = judge(snapshot(), NOW)
    assert status.health is health
    assert {one.rule for one in status.findings} & set(FAULTS[fault])
    diagnosis = diagnose(status)
    if health is Health.HEALTHY:  # nothing is wrong: it is among what is worth knowing
        assert diagnosis.cause is None
        named = {one.rule for check in diagnosis.checks for one in check.findings}
    else:
        assert diagnosis.cause is not None
        named = {diagnosis.cause.rule}
    assert named & set(FAULTS[fault])


def test_a_control_server_that_is_down_is_seen_by_those_that_run_too() -> None:
    running = altered(well(), sidecar={"online": False})
    assert "out-of-touch" in [one.rule for one in judge(running, NOW).findings]


def test_what_a_fault_leaves_behind_is_said_for_a_while() -> None:
    """A node's parts are back within seconds: what they restarted is remembered."""
    status = judge(only("tailscale", last_reason="Error", **ENDED)(), NOW)
    assert (status.health, [one.rule for one in status.findings]) == (Health.HEALTHY, ["restarted"])
