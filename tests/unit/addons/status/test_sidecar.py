"""What tailscaled says of itself: the script as it runs in the container, over answers of a real tailscaled for each fault."""

import json
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.status import sidecar
from addons.status.execution import NotRun, Place, Printed, Section, sections
from addons.status.facts import Path, PathBytes, ServedFacts, SidecarFacts
from tests.support.status_samples import PLACE, TAILSCALE, Sidecar, saying


def recorded(case: str, name: str) -> str:
    return (TAILSCALE / case / f"{name}.out").read_text()


def facts(tmp_path: FilePath, case: str) -> SidecarFacts:
    reading = sidecar.reading(Sidecar.of(tmp_path, case), PLACE)
    assert reading.value is not None, reading.reason
    assert reading.reason == ""
    return reading.value


def of_status(status: dict[str, Any]) -> SidecarFacts:
    found = sidecar.parsed({"status": Section(json.dumps(status), 0)})
    assert found is not None
    return found


def test_one_run_reads_status_traffic_serve_and_volume(tmp_path: FilePath) -> None:
    read = facts(tmp_path, "direct")
    assert (read.version, read.backend, read.device_id) == ("1.102.3", "Running", "1")
    assert read.dns_name == "openclaw-home.sandbox.internal"
    assert read.addresses == ("100.64.0.1", "fd7a:115c:a1e0::1")
    assert (read.online, read.endpoints, read.home_relay) == (True, ("10.9.0.1:43613",), "local")
    assert (read.key_expiry, read.expired, read.warnings) == (None, False, ())
    assert read.bytes == PathBytes(direct=412, peer_relay=0, relay=148)
    assert read.state_volume is not None
    assert 0 < read.state_volume.used < read.state_volume.size


def test_a_direct_peer_has_the_address_of_the_path(tmp_path: FilePath) -> None:
    (peer,) = facts(tmp_path, "direct").peers
    assert (peer.device, peer.online, peer.path, peer.address) == ("alice-laptop", True, Path.DIRECT, "10.9.0.1:52893")
    assert (peer.relay, peer.received, peer.sent) == ("", 156, 436)
    assert peer.handshake_at == datetime(2026, 11, 27, 21, 30, 22, 128203, tzinfo=UTC)


def test_a_relayed_peer_has_the_relay_s_code(tmp_path: FilePath) -> None:
    read = facts(tmp_path, "relayed")
    (peer,) = read.peers
    assert (peer.path, peer.address, peer.relay) == (Path.RELAY, "", "local")
    assert read.bytes == PathBytes(direct=0, peer_relay=0, relay=560)


def test_45_seconds_later_nobody_knows_the_path(tmp_path: FilePath) -> None:
    """Its relay is named still: that is its home, and no path."""
    (peer,) = facts(tmp_path, "idle").peers
    assert (peer.path, peer.relay) == (Path.IDLE, "")


@pytest.mark.parametrize(
    ("peer", "path", "address"),
    [
        (
            {"Active": True, "CurAddr": "", "PeerRelay": "192.0.2.9:40000:vni:7", "Relay": "fra"},
            Path.PEER_RELAY,
            "192.0.2.9:40000:vni:7",
        ),
        (
            {"Active": True, "CurAddr": "192.0.2.1:41641", "PeerRelay": "192.0.2.9:1:vni:7"},
            Path.DIRECT,
            "192.0.2.1:41641",
        ),
        ({"Active": False, "CurAddr": "192.0.2.1:41641", "Relay": "fra"}, Path.IDLE, ""),
        ({"Active": True, "CurAddr": "", "PeerRelay": "", "Relay": ""}, Path.IDLE, ""),
        ({"CurAddr": "192.0.2.1:41641"}, Path.IDLE, ""),
    ],
)
def test_the_path_follows_upstream_s_own_order(peer: dict[str, Any], path: Path, address: str) -> None:
    (found,) = of_status({"BackendState": "Running", "Peer": {"nodekey:1": peer}}).peers
    assert (found.path, found.address) == (path, address)


def test_a_lost_relay_is_a_warning_with_code_and_time(tmp_path: FilePath) -> None:
    (warning,) = facts(tmp_path, "relay-down").warnings
    assert (warning.code, warning.title, warning.severity) == (
        "no-derp-connection",
        "Relay server unavailable",
        "medium",
    )
    assert warning.impacts_connectivity
    assert warning.broken_since == datetime(2026, 11, 27, 21, 31, 22, 925197, UTC)


def test_a_lost_control_server_is_seen_in_online_alone(tmp_path: FilePath) -> None:
    read = facts(tmp_path, "control-down")
    assert (read.backend, read.online, read.warnings) == ("Running", False, ())


def test_a_device_that_is_logged_out_has_no_identity(tmp_path: FilePath) -> None:
    read = facts(tmp_path, "logged-out")
    assert (read.backend, read.device_id, read.dns_name, read.addresses) == ("NeedsLogin", "", "", ())
    assert [warning.code for warning in read.warnings] == ["wantrunning-false"]


def test_an_expired_node_key_is_not_one_that_never_expires(tmp_path: FilePath) -> None:
    later = facts(tmp_path, "expiry-set")
    assert (later.backend, later.expired, later.key_expiry) == (
        "Running",
        False,
        datetime(2026, 12, 7, 21, 32, 18, tzinfo=UTC),
    )
    over = facts(tmp_path, "expired")
    assert (over.backend, over.expired, over.key_expiry) == (
        "NeedsLogin",
        True,
        datetime(2026, 11, 27, 21, 32, 21, tzinfo=UTC),
    )


def test_go_s_zero_time_means_that_the_key_never_expires() -> None:
    assert of_status({"BackendState": "Running", "Self": {"KeyExpiry": "0001-01-01T00:00:00Z"}}).key_expiry is None


def test_a_tailscaled_without_the_flags_is_asked_for_its_status(tmp_path: FilePath) -> None:
    """The samples `open` and `udp-blocked` have no watch: the recorded program then says that it lacks the flag."""
    read = facts(tmp_path, "udp-blocked")
    assert (read.backend, read.dns_name) == ("Running", "openclaw-gw.sandbox.internal")
    assert [peer.path for peer in read.peers] == [Path.RELAY]
    assert read.bytes == PathBytes(direct=4352 + 7560, peer_relay=0, relay=2296 + 2588)
    # What was not recorded there is not said, and not empty.
    assert read.served is None


def test_an_address_that_two_sockets_share_is_one_endpoint(tmp_path: FilePath) -> None:
    assert facts(tmp_path, "udp-blocked").endpoints == ("10.244.0.7:52545",)


def test_health_in_words_alone_is_shown_as_it_is(tmp_path: FilePath) -> None:
    (warning,) = facts(tmp_path, "no-derp").warnings
    assert (warning.code, warning.title, warning.severity) == ("", "Tailscale is stopped.", "")


def test_serve_is_listed_by_port_with_what_is_behind_it(tmp_path: FilePath) -> None:
    assert facts(tmp_path, "relayed").served == (
        ServedFacts(port=80, kind="http", target="http://127.0.0.1:18789"),
        ServedFacts(port=18789, kind="tcp", target="127.0.0.1:18789"),
    )
    assert facts(tmp_path, "direct").served is None
    assert facts(tmp_path, "logged-out").served == ()


def test_without_a_tailscaled_its_own_words_are_the_reason(tmp_path: FilePath) -> None:
    reading = sidecar.reading(Sidecar.of(tmp_path, "no-daemon"), PLACE)
    assert reading.value is None
    assert reading.reason == (
        "tailscaled did not say how it is: failed to connect to local tailscaled; it doesn't appear to be running "
        "(sudo systemctl start tailscaled ?)"
    )


def test_a_tailscale_that_hangs_is_ended_and_said(tmp_path: FilePath) -> None:
    container = Sidecar.of(tmp_path, "direct")
    (tmp_path / "tailscale").write_text("#!/bin/sh\nsleep 60\n")
    # As the limits in the script, only shorter.
    command = [part.replace("section watch 4", "section watch 0.2") for part in sidecar.command("--m", ("status",))]
    command = [part.replace("section status 4", "section status 0.2") for part in command]
    answered = sections(container(PLACE, command, 10).out, "--m")
    assert [section.problem for section in answered.values()] == ["no answer in time", "no answer in time"]


def test_a_container_where_nothing_runs_is_a_reason() -> None:
    def execute(place: Place, command: object, seconds: float) -> Printed:
        raise NotRun("Nothing can be run there: forbidden")

    reading = sidecar.reading(execute, PLACE)
    assert (reading.value, reading.reason) == (None, "Nothing can be run there: forbidden")


@pytest.mark.parametrize("text", ["", "busy", "{}", '{"BackendState": 7}', "\x00" * 100])
def test_what_is_no_answer_is_a_reason(text: str) -> None:
    reading = sidecar.reading(saying(text), PLACE)
    assert reading.value is None
    assert reading.reason.startswith("tailscaled did not say how it is: ")


def test_counters_that_are_cut_off_are_not_zero() -> None:
    whole = recorded("direct", "metrics")
    status = Section(recorded("udp-blocked", "status"), 0)
    for metrics in (
        Section(whole[: len(whole) // 2], None),
        Section("", 0),
        Section("tailscaled_inbound_bytes_total{", 0),
    ):
        read = sidecar.parsed({"status": status, "metrics": metrics})
        assert read is not None
        assert read.bytes is None


def test_the_script_fits_any_posix_shell() -> None:
    """No word of bash's; dash, which runs it in these tests, would not know them."""
    assert not {"[[", "local ", "function ", "<<<", "$'", "&>"}.intersection(sidecar.SCRIPT.split())
    assert "[[" not in sidecar.SCRIPT


@settings(deadline=None)
@given(st.data())
def test_an_answer_that_is_cut_anywhere_is_no_error(data: st.DataObject) -> None:
    mark = "-- m"
    parts = [f"{mark} {name}\n{recorded('direct', name)}\n{mark} = 0\n" for name in ("watch", "metrics")]
    whole = "".join(parts)
    answered = sections(whole[: data.draw(st.integers(0, len(whole)))], mark)
    read = sidecar.parsed(answered)
    # The whole status, or none of it: half a list of peers would look like peers that have gone.
    assert read is None or [peer.device for peer in read.peers] == ["alice-laptop"]
    assert read is None or read.bytes in (None, PathBytes(direct=412, peer_relay=0, relay=148))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("Version", "AuthURL", "TailscaleIPs", "Self", "Peer", "Health", "CertDomains")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)), JSON, JSON)
def test_a_status_of_any_shape_is_no_error(status: dict[str, Any], health: Any, served: Any) -> None:
    message = {"InitialStatus": {"BackendState": "Running", **status}, "Health": health}
    answered = {
        "watch": Section(json.dumps(message), 0),
        "serve": Section(json.dumps({"TCP": served, "Web": served}), 0),
    }
    read = sidecar.parsed(answered)
    assert read is not None
    assert read.model_dump_json()
