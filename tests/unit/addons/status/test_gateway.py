"""What a gateway says of itself: the script, and the facts in what it printed beside a real gateway."""

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.errors import AddonsError
from addons.status import gateway
from addons.status.execution import NotRun, Place, Printed
from addons.status.facts import FillFacts, NodeFacts, PairingFacts
from sandbox.nodejs import node
from tests.support.gateway_server import GatewayServer, gateway_server
from tests.support.status_samples import gateway_answer, saying

PLACE = Place("openclaw-home", "openclaw-1", "gateway")
TOKEN = "token-of-the-gateway-0123456789"
STARTED = {"ok": True, "status": "started", "version": "2026.9.6", "uptimeMs": 5}
READY: dict[str, Any] = {"ready": True, "failing": [], "uptimeMs": 5, "eventLoop": {"degraded": False}}
# As the gateway sends it: with more than the status shows.
ASKS = {
    "requestId": "c77f8a17-1cd7-4c33-962e-3bc590c39feb",
    "deviceId": "13d6b6b80d2e197c684c0697cfd84fff981f3e222214eef061791bffde026027",
    "publicKey": "jLZT-fAjP4ENUicSqWwtaDHDrWHdhHxkDDY0IRmdZUQ",
    "platform": "linux",
    "clientId": "cli",
    "role": "operator",
    "scopes": ["operator.read"],
    "ts": 1795815240612,
}
WELL: dict[str, Any] = {
    "/startupz": STARTED,
    "/readyz": READY,
    "device.pair.list": {"pending": [ASKS], "paired": [{"deviceId": "x", "tokens": ["secret-of-a-device"]}]},
    "node.pair.list": {"pending": [], "paired": []},
    "node.list": {"ts": 1, "nodes": []},
    "system-presence": [{"mode": "gateway", "reason": "self", "text": "words"}],
}


def inside(server: GatewayServer, variable: str = "OPENCLAW_GATEWAY_TOKEN") -> Any:
    """The container of the gateway: commands really run, with its environment and its loopback."""

    def execute(place: Place, command: Sequence[str], seconds: float) -> Printed:
        port = [part.replace("18789", str(server.port)) for part in command]
        environment = {"PATH": f"{node().parent}:{os.environ['PATH']}", "HOME": "/", variable: TOKEN}
        done = subprocess.run(port, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
        assert TOKEN not in done.stdout + done.stderr
        assert "secret-of-a-device" not in done.stdout
        return Printed(done.stdout, done.stderr, done.returncode)

    return execute


def test_one_run_reads_probes_pairings_nodes_and_the_volume() -> None:
    with gateway_server(WELL) as server:
        reading = gateway.reading(inside(server), PLACE)
    assert reading.value is not None, reading.reason
    assert (reading.reason, reading.value.version, reading.value.clients) == ("", "2026.9.6", 0)
    assert (reading.value.started, reading.value.ready, reading.value.failing) == (True, True, ())
    assert [pairing.request for pairing in reading.value.pairings or ()] == [ASKS["requestId"]]
    assert reading.value.home_volume is not None
    assert 0 < reading.value.home_volume.used < reading.value.home_volume.size
    methods = sorted(method for method, _ in server.asked)
    assert methods == ["connect", "device.pair.list", "node.list", "node.pair.list", "system-presence"]


@pytest.mark.parametrize(
    ("variable", "sent"),
    [("OPENCLAW_GATEWAY_TOKEN", {"token": TOKEN}), ("OPENCLAW_GATEWAY_PASSWORD", {"password": TOKEN})],
)
def test_it_comes_as_a_backend_with_the_secret_of_the_container(variable: str, sent: dict[str, str]) -> None:
    with gateway_server(WELL) as server:
        gateway.reading(inside(server, variable), PLACE)
    _, connect = server.asked[0]
    assert connect["auth"] == sent
    assert (connect["client"]["id"], connect["client"]["mode"], connect["role"]) == (
        "gateway-client",
        "backend",
        "operator",
    )


def test_a_gateway_that_refuses_us_still_answers_its_probes() -> None:
    refusal = {"code": "UNAVAILABLE", "message": "not yet", "details": {"code": "AUTH_TOKEN_MISMATCH"}}
    with gateway_server(WELL, refusal=refusal) as server:
        reading = gateway.reading(inside(server), PLACE)
    assert reading.value is not None
    assert (reading.value.ready, reading.value.pairings, reading.value.nodes, reading.value.clients) == (
        True,
        None,
        None,
        None,
    )
    assert reading.reason == "AUTH_TOKEN_MISMATCH: not yet"


def test_a_method_that_it_lacks_leaves_the_others() -> None:
    with gateway_server({key: value for key, value in WELL.items() if key != "node.list"}) as server:
        reading = gateway.reading(inside(server), PLACE)
    assert reading.value is not None
    assert reading.value.nodes is None
    assert reading.value.pairings is not None
    assert reading.reason == "unknown method: node.list"


def test_a_page_instead_of_a_probe_s_answer_is_not_started() -> None:
    """Paths that a gateway does not know answer 200 with the Control UI."""
    with gateway_server({**WELL, "/startupz": "<html>", "/readyz": "<html>"}) as server:
        reading = gateway.reading(inside(server), PLACE)
    assert reading.value is not None
    assert (reading.value.started, reading.value.ready) == (False, False)


def test_where_there_is_no_startupz_being_ready_tells() -> None:
    with gateway_server({**WELL, "/startupz": "<html>"}) as server:
        reading = gateway.reading(inside(server), PLACE)
    assert reading.value is not None
    assert (reading.value.started, reading.value.ready) == (True, True)


def test_a_gateway_that_never_answers_is_left_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "SCRIPT", gateway.SCRIPT.replace("LIMIT_MS = 8000", "LIMIT_MS = 700"))
    with gateway_server(WELL, silent=True) as server:
        reading = gateway.reading(inside(server), PLACE)
    assert reading.value is not None
    assert reading.value.pairings is None
    assert reading.reason == "no answer within 0.7 s"


def test_approving_asks_for_what_the_list_has() -> None:
    with gateway_server({**WELL, "device.pair.approve": {}}) as server:
        done = gateway.decide(inside(server), PLACE, str(ASKS["requestId"]), approve=True)
    assert done == "Approved cli on linux 13d6b6b8"
    assert server.asked[-1] == ("device.pair.approve", {"requestId": ASKS["requestId"]})


def test_rejecting_a_node_s_commands_names_the_node() -> None:
    surface = {"requestId": "r-1", "nodeId": "c871", "displayName": "build", "commands": ["system.run"]}
    with gateway_server({**WELL, "node.pair.list": {"pending": [surface]}, "node.pair.reject": {}}) as server:
        assert gateway.decide(inside(server), PLACE, "r-1", approve=False) == "Rejected the commands of build"
    assert server.asked[-1] == ("node.pair.reject", {"requestId": "r-1"})


def test_a_refused_decision_is_an_error_in_the_gateway_s_words() -> None:
    with gateway_server(WELL) as server, pytest.raises(AddonsError) as error:
        gateway.decide(inside(server), PLACE, str(ASKS["requestId"]), approve=True)
    assert error.value.problem == "The gateway did not do it: unknown method: device.pair.approve"


def test_a_request_that_has_ended_is_told_from_a_failure() -> None:
    with gateway_server(WELL) as server, pytest.raises(AddonsError) as error:
        gateway.decide(inside(server), PLACE, "another", approve=True)
    assert error.value.problem == "Nobody asks under this id any more"
    assert {method for method, _ in server.asked} == {"connect", "device.pair.list", "node.pair.list"}


def test_the_command_fits_the_url_of_any_proxy() -> None:
    """Command and script travel as a query; nginx takes 8 KiB of a request's first line."""
    command = ["node", "--input-type=module", "--eval", gateway.SCRIPT, "--", "x" * 200]
    assert len(urlencode([("command", part) for part in command])) < 7500
    assert "//" not in gateway.SCRIPT.replace("http://", "").replace("ws://", "")


# What follows was printed beside a real gateway (openclaw 2026.9.6), in this order.


def recorded(name: str) -> Any:
    reading = gateway.reading(saying(json.dumps(gateway_answer(name))), PLACE)
    assert reading.value is not None
    return reading.value


def test_a_device_asks_with_its_scopes_and_five_minutes_to_live() -> None:
    build, cli = recorded("two-devices-ask").pairings
    asked = datetime(2026, 11, 27, 21, 34, 0, 612000, UTC)
    assert cli == PairingFacts(
        request="c77f8a17-1cd7-4c33-962e-3bc590c39feb",
        kind="device",
        name="cli on linux 13d6b6b8",
        asks_for=("operator.read", "operator.write", "operator.pairing", "operator.admin"),
        asked_at=asked,
        ends_at=asked + timedelta(minutes=5),
    )
    assert (build.name, build.kind, build.asks_for) == ("build", "device", ("role node",))


def test_a_node_s_commands_wait_for_ever() -> None:
    (surface,) = recorded("node-asks").pairings
    assert (surface.name, surface.kind, surface.ends_at) == ("build", "node", None)
    assert "system.run" in surface.asks_for


def test_a_node_that_waits_is_online_and_neither_callable_nor_permitted() -> None:
    (node,) = recorded("node-asks").nodes
    assert (node.online, node.callable, node.permitted, node.approval) == (True, False, False, "pending-approval")


def test_a_permitted_node_is_callable_until_it_goes() -> None:
    (node,) = recorded("node-permitted").nodes
    assert (node.name, node.online, node.callable, node.permitted) == ("build", True, True, True)
    assert node.since == datetime(2026, 11, 27, 21, 36, 46, 990000, UTC)
    assert recorded("node-permitted").clients == 1
    (gone,) = recorded("node-offline").nodes
    assert (gone.online, gone.callable, gone.permitted, gone.since) == (False, False, True, None)
    assert recorded("node-offline").clients == 0


def test_a_node_that_must_be_approved_anew_keeps_its_commands_only() -> None:
    """The approved ones go on working, and what it wants besides does not."""
    answer = gateway_answer("node-permitted")
    answer["nodes"]["value"][0]["approvalState"] = "pending-reapproval"
    (node,) = gateway.parsed(answer).nodes or (None,)
    assert node is not None
    assert (node.callable, node.permitted) == (True, False)


def test_the_address_of_a_node_is_the_one_that_it_comes_from() -> None:
    answer = gateway_answer("node-permitted")
    answer["nodes"]["value"][0]["remoteIp"] = "100.64.0.9"
    assert [node.address for node in gateway.parsed(answer).nodes or ()] == ["100.64.0.9"]


def test_decisions_of_a_real_gateway_are_told_in_words() -> None:
    def decide(name: str, approve: bool) -> str:
        return gateway.decide(saying(json.dumps(gateway_answer(name))), PLACE, "r", approve)

    assert decide("device-approved", True) == "Approved build"
    assert decide("device-rejected", False) == "Rejected cli on linux 13d6b6b8"
    assert decide("node-approved", True) == "Approved the commands of build"
    with pytest.raises(AddonsError, match="Nobody asks under this id any more"):
        decide("gone", True)


def test_a_gateway_that_starts_is_not_started_and_says_why() -> None:
    reading = gateway.reading(saying(json.dumps(gateway_answer("starting"))), PLACE)
    assert reading.value is not None
    assert (reading.value.started, reading.value.ready, reading.value.version) == (False, False, "")
    assert reading.value.home_volume == FillFacts(size=97793294336, used=48435699712)
    assert reading.reason == "the connection failed"


def test_a_wrong_secret_is_named_without_its_value() -> None:
    reading = gateway.reading(saying(json.dumps(gateway_answer("wrong-token"))), PLACE)
    assert reading.reason.startswith("AUTH_TOKEN_MISMATCH: unauthorized")


def test_the_ledger_has_one_row_for_each_call() -> None:
    read, listed = gateway.ledger(saying(json.dumps(gateway_answer("ledger"))), PLACE, 10)
    assert (read.tool, read.status, read.by) == ("read", "failed", "main")
    assert read.took == pytest.approx(0.066)
    assert (listed.tool, listed.status, listed.took) == ("ls", "succeeded", pytest.approx(0.562))
    assert listed.at == datetime(2026, 11, 27, 21, 41, 4, 916000, UTC)


def test_a_call_that_still_runs_has_no_end() -> None:
    (row,) = gateway.rows([{"occurredAt": 1795815664916, "status": "started", "toolName": "exec", "toolCallId": "a"}])
    assert (row.tool, row.status, row.took) == ("exec", "started", None)


def test_rows_without_the_id_of_a_call_are_not_joined() -> None:
    events = [{"occurredAt": 2000, "status": "failed"}, {"occurredAt": 1000, "status": "blocked"}]
    assert [row.took for row in gateway.rows(events)] == [None, None]


def test_a_ledger_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(AddonsError, match="did not show its ledger: AUTH_TOKEN_MISMATCH"):
        gateway.ledger(saying(json.dumps(gateway_answer("wrong-token"))), PLACE, 5)


@pytest.mark.parametrize(("out", "err"), [("", "sh: node: not found"), ("", ""), ("{", ""), ("[1]", "killed")])
def test_a_script_without_an_answer_is_a_reason(out: str, err: str) -> None:
    reading = gateway.reading(saying(out, err, 137), PLACE)
    assert reading.value is None
    assert reading.reason.startswith("The script in gateway of openclaw-home/openclaw-1 gave no answer: ")


def test_a_container_where_nothing_runs_is_a_reason() -> None:
    def execute(place: Place, command: Sequence[str], seconds: float) -> Printed:
        raise NotRun("Nothing can be run there: forbidden")

    assert gateway.reading(execute, PLACE).reason == "Nothing can be run there: forbidden"


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ENTRY = st.dictionaries(
    st.sampled_from(["ts", "scopes", "commands", "connected", "connectedAtMs", "role", "mode"]), JSON
)
LISTS: st.SearchStrategy[Any] = JSON | st.fixed_dictionaries({"value": st.lists(ENTRY, max_size=2)})


@given(
    st.dictionaries(st.sampled_from(["startupz", "readyz", "home", "devices", "surfaces", "nodes", "presence"]), LISTS)
)
def test_an_answer_of_any_shape_is_no_error(answer: dict[str, Any]) -> None:
    assert gateway.parsed(answer).model_dump_json()
    assert isinstance(gateway.parsed(answer).nodes or (), tuple)
    assert all(isinstance(node, NodeFacts) for node in gateway.parsed(answer).nodes or ())


@given(
    st.lists(
        ENTRY | st.dictionaries(st.sampled_from(["occurredAt", "status", "toolCallId", "actor"]), JSON), max_size=4
    )
)
def test_a_ledger_of_any_shape_is_no_error(events: list[Any]) -> None:
    assert len(list(gateway.rows(events))) <= len(events)
