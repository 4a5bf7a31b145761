"""The words and shapes of the page."""

from datetime import timedelta

import pytest

from addons.server import sentences
from addons.status.facts import Path, PeerFacts
from addons.status.model import Health, InstanceStatus, State
from addons.status.rules import judge
from components.outputs import AccessOutput
from tests.support.addons_snapshots import NOW, SITUATIONS

STATUSES = {name: judge(situation("home", NOW), NOW) for name, situation in SITUATIONS.items()}


def test_each_state_has_a_shape_of_its_own() -> None:
    assert set(sentences.SHAPES) == set(State)
    assert len(set(sentences.SHAPES.values())) == len(State)


@pytest.mark.parametrize("name", STATUSES)
def test_only_what_is_well_and_confirmed_is_green(name: str) -> None:
    status = STATUSES[name]
    green = sentences.tone(status) == "good"
    assert green == (status.health is Health.HEALTHY and status.state is State.CONNECTED)
    assert green <= bool(status.confirmed_by)


@pytest.mark.parametrize("name", STATUSES)
def test_what_is_not_well_does_not_have_the_shape_of_it(name: str) -> None:
    status = STATUSES[name]
    if status.health is not Health.HEALTHY:
        assert sentences.shape(status) != sentences.SHAPES[State.CONNECTED]


def test_a_state_lapses_with_the_first_source_it_stands_on() -> None:
    # The cluster was read 2 s ago and the sidecar 3 s ago; each says nothing of the present after 30 s.
    assert sentences.fresh_until(STATUSES["connected"]) == NOW + timedelta(seconds=27)
    assert sentences.read_at(STATUSES["connected"]) == NOW - timedelta(seconds=3)


def test_switched_off_it_stands_on_the_cluster_alone() -> None:
    assert sentences.fresh_until(STATUSES["off"]) == NOW + timedelta(seconds=28)


def test_what_is_unknown_does_not_lapse_again() -> None:
    assert sentences.fresh_until(STATUSES["unknown"]) is None
    assert sentences.read_at(STATUSES["unknown"]) == NOW - timedelta(seconds=183)


def test_a_value_that_is_not_there_says_why() -> None:
    assert sentences.unknown(STATUSES["unknown"], "SIDECAR") == "Not known: connection refused by 10.0.0.1:6443"
    assert sentences.unknown(STATUSES["off"], "SIDECAR") == "None while private access is off"


def test_who_waits_has_a_place_of_its_own() -> None:
    waiting = STATUSES["a pairing waits"]
    assert [finding.rule for finding in waiting.findings] == ["pairing-waits"]
    assert sentences.also(waiting) == []
    relayed = STATUSES["relayed"]
    assert relayed.findings[0] not in sentences.also(relayed)


def named(*names: str) -> list[InstanceStatus]:
    return [STATUSES[name] for name in names]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((), "The stack has no gateways yet"),
        (("connected",), "The gateway is well"),
        (("connected", "off"), "All 2 gateways are well"),
        (("relayed",), "The gateway needs a look"),
        (("connected", "relayed", "off"), "1 of 3 gateways needs a look"),
        (("relayed", "removed", "unknown"), "1 of 3 gateways is down"),
        (("unknown", "connected"), "1 of 2 gateways is not known now"),
        (("unknown", "unknown"), "All 2 gateways are not known now"),
    ],
)
def test_one_sentence_on_all_gateways(names: tuple[str, ...], says: str) -> None:
    assert sentences.summary(named(*names)) == says


def peer(path: Path) -> PeerFacts:
    return PeerFacts(device="laptop", addresses=(), online=True, path=path)


def test_paths_are_counted_by_their_way() -> None:
    paths = [Path.RELAY, Path.DIRECT, Path.DIRECT, Path.IDLE, Path.PEER_RELAY]
    assert sentences.paths(map(peer, paths)) == "2 direct, 1 over a peer relay, 1 relayed, 1 idle"
    assert sentences.paths([]) == ""


def test_scopes_are_said_in_words() -> None:
    assert sentences.scopes(("operator.read", "operator.admin")) == "read conversations and state and change everything"
    assert sentences.scopes(("operator.new",)) == "operator.new"
    assert sentences.scopes(()) == "nothing in particular"


ROW: AccessOutput = {
    "subject": "alice@example.com",
    "device": "tag:openclaw-home",
    "gateway": "home",
    "port": "tcp 443",
    "canConnect": True,
    "canExecute": False,
    "canDriveBrowserOf": "",
    "grant": "grants[0]",
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "alice@example.com may open gateway home (tcp 443)"),
        ({"canConnect": False}, "alice@example.com may not open gateway home (tcp 443)"),
        (
            {"subject": "group:ops", "canConnect": None},
            "group:ops may perhaps, which cannot be decided, open gateway home (tcp 443)",
        ),
        (
            {"canDriveBrowserOf": "studio"},
            "alice@example.com may open gateway home (tcp 443) and may drive the browser of node studio through it",
        ),
        (
            {"subject": "tag:openclaw-node-build", "canExecute": True},
            "node build may open gateway home (tcp 443) and runs its commands, once it is approved there",
        ),
        ({"device": "tag:openclaw-node-build"}, "alice@example.com may open node build (tcp 443)"),
    ],
)
def test_access_is_said_in_words(change: AccessOutput, says: str) -> None:
    row: AccessOutput = {**ROW, **change}
    assert f"{sentences.subject(row)} {sentences.access_words(row)}" == says


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("Run `pulumi up`, then `x`.", "Run <code>pulumi up</code>, then <code>x</code>."),
        ("`<b>` & <script>", "<code>&lt;b&gt;</code> &amp; &lt;script&gt;"),
        ("one ` alone", "one ` alone"),
        ("`a` and ` alone", "<code>a</code> and ` alone"),
        ("", ""),
    ],
)
def test_commands_in_a_sentence_are_code(text: str, html: str) -> None:
    assert str(sentences.coded(text)) == html


def test_short_times_are_said_exactly() -> None:
    assert [sentences.took(seconds) for seconds in (0.48, 9.96, 12.0, 300.0)] == ["0.5 s", "10.0 s", "12 s", "5 min"]
