"""UDP, relays and what tailscaled warns of."""

import pytest

from addons.status.facts import HealthWarning, Snapshot
from addons.status.model import Health, State
from addons.status.rules import judge
from addons.status.rules.paths import KNOWN, SILENT
from tests.support import addons_snapshots as s
from tests.support.addons_cases import no_path
from tests.support.addons_snapshots import NOW, altered, well

# tailscale.com v1.102.3: tsconst/health.go, and the others of health/warnings.go.
UPSTREAM = {
    *(
        "update-available",
        "security-update-available",
        "is-using-unstable-version",
        "network-status",
        "wantrunning-false",
    ),
    *(
        "local-log-config-error",
        "login-state",
        "not-in-map-poll",
        "no-derp-home",
        "no-derp-connection",
        "derp-timed-out",
    ),
    *(
        "derp-region-error",
        "no-udp4-bind",
        "mapresponse-timeout",
        "tls-connection-failed",
        "magicsock-receive-func-error",
    ),
    *("test-warnable", "apply-disk-config", "warming-up", "tls-cert-pending", "ip-forwarding-off"),
}


def found(snapshot: Snapshot) -> list[str]:
    return [one.rule for one in judge(snapshot, NOW).findings]


def warned(*warnings: HealthWarning) -> Snapshot:
    return altered(well(), sidecar={"warnings": warnings})


def warning(
    code: str, title: str = "A title", text: str = "a text", severity: str = "", impacts: bool = False
) -> HealthWarning:
    return HealthWarning.model_validate(
        {"code": code, "title": title, "text": text, "severity": severity, "impacts_connectivity": impacts}
    )


def test_every_code_of_tailscale_has_our_words_or_is_silent_on_purpose() -> None:
    known = [one.code for one in KNOWN]
    assert {*known, *SILENT} == UPSTREAM
    assert len(known) == len(set(known))
    assert not set(known) & set(SILENT)


def test_while_it_warms_up_nothing_is_said() -> None:
    assert found(warned(warning("no-derp-home"), warning("new"), warning("warming-up"))) == []


def test_a_new_code_is_said_in_its_own_words() -> None:
    status = judge(warned(warning("from-the-future", "Sun is out", "It is bright.", "high")), NOW)
    assert status.headline == "tailscaled warns: Sun is out: It is bright."
    assert status.health is Health.DEGRADED


def test_one_of_little_weight_changes_nothing() -> None:
    assert judge(warned(warning("from-the-future", severity="low")), NOW).health is Health.HEALTHY
    assert judge(warned(warning("from-the-future", severity="low", impacts=True)), NOW).health is Health.DEGRADED


def test_an_older_tailscale_has_texts_only() -> None:
    """Before 1.102 there are no codes."""
    for title in ("", "router: nothing works"):
        status = judge(warned(warning("", title, "router: nothing works")), NOW)
        assert status.headline == "tailscaled warns: router: nothing works"


def test_udp_and_relay_blocked_is_down_unless_a_device_still_speaks_directly() -> None:
    assert judge(no_path(), NOW).state is State.DOWN
    assert found(altered(well(), netcheck={"udp": False, "relay": ""})) == ["no-relay-answers", "udp-blocked"]


def test_a_netcheck_that_said_nothing_blocks_nothing() -> None:
    assert found(altered(well(), netcheck={"udp": None, "relay": ""})) == []


@pytest.mark.parametrize("seconds", [250, 400])
def test_an_old_netcheck_blocks_nothing_either(seconds: float) -> None:
    assert "udp-blocked" not in found(s.old(altered(well(), netcheck={"udp": False}), seconds, "netcheck"))
