"""The access matrix and its changes: what the policy says, in rows and in words (I7)."""

import json
from typing import Any

import pytest
from hypothesis import given

from components.settings.load import parse
from components.tailnet import access, hujson
from components.tailnet.policy import render
from tests.support.configs import Raw, configurations, smallest, with_tailnet
from tests.support.evaluate import TailnetPolicy
from tests.support.harness import run_program

TAG, YOU = "tag:openclaw-home", "you@example.com"
NODES: list[Raw] = [
    {"id": "build", "kind": "linux", "gateway": "home", "people": [YOU]},
    {"id": "phone", "kind": "mobile", "gateway": "home"},
]
DEFAULT = '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}'


def owned(**instance: Any) -> Raw:
    return {**smallest(**instance), "tailnet": {"name": "example.ts.net", "ownership": "owned"}}


@given(configurations())
def test_i7_the_matrix_is_what_the_policy_lets_through_by_another_evaluator(config: Raw) -> None:
    settings = parse(config)
    policy = TailnetPolicy(render(settings))
    matrix = {
        (row.subject, row.device, int(row.port.removeprefix("tcp ")))
        for row in access.rows(render(settings), settings)
        if not row.subject.startswith("node ")
    }
    tags = [*policy.data["tagOwners"]]
    members = {person for source in policy.data["grants"] for name in source["src"] for person in policy.people(name)}
    ports = {22, 80, 443, 9002, 18789, *(port for _, _, port in matrix)}
    wanted = {
        (source, tag, port)
        for source in [*members, *tags, "stranger@example.com"]
        for tag in tags
        for port in ports
        if policy.accepts(source, tag, port)
    }
    assert {(subject.lower(), *rest) for subject, *rest in matrix} == {
        (source.lower(), *rest) for source, *rest in wanted
    }


@given(configurations())
def test_i7_only_a_gateways_nodes_execute_and_only_for_it(config: Raw) -> None:
    settings = parse(config)
    executing = [row for row in access.rows(render(settings), settings) if row.can_execute]
    assert {
        row.subject.partition(" (")[0].removeprefix("tag:openclaw-node-").removeprefix("node ") for row in executing
    } == {node.id for node in settings.nodes if not node.browser}
    gateways = {f"tag:openclaw-{node.gateway}" for node in settings.nodes if not node.browser}
    assert {row.device for row in executing} == gateways


@given(configurations())
def test_i7_only_whoever_opens_the_gateway_drives_the_browser_of_its_node(config: Raw) -> None:
    settings = parse(config)
    driven = {node.gateway: node.id for node in settings.nodes if node.browser}
    for row in access.rows(render(settings), settings):
        (port,) = {f"tcp {one.tailscale.served_port}" for one in settings.instances if one.id == row.gateway}
        opens = row.device == f"tag:openclaw-{row.gateway}" and row.port == port and "@" in row.subject
        assert row.drives == (driven.get(row.gateway, "") if opens else ""), row


@given(configurations())
def test_i11_nothing_is_told_when_nothing_changes(config: Raw) -> None:
    settings = parse(config)
    text = render(settings)
    assert access.changes(text, text, settings) == []


def test_the_changes_are_told_in_words() -> None:
    settings = parse({**owned(people=[YOU, "bob@example.com"]), "nodes": NODES})
    before: Raw = {
        "tagOwners": {TAG: [], "tag:ci": [], "tag:openclaw-old": [], "tag:openclaw-node-gone": []},
        "grants": [
            {"src": [YOU], "dst": [TAG], "ip": ["tcp:443"]},
            {"src": ["tag:ci"], "dst": [TAG], "ip": ["tcp:22", "9002"]},
            {"src": ["*"], "dst": ["tag:openclaw-old"], "ip": ["*"]},
            {"src": ["eve@example.com"], "dst": ["tag:openclaw-node-gone", "100.64.0.9"], "ip": ["tcp:22"]},
        ],
    }
    assert access.changes(json.dumps(before), render(settings), settings) == [
        "+ bob@example.com may open gateway home (tcp 443)",
        "+ tag:openclaw-node-build may open gateway home (tcp 443)",
        "+ you@example.com may reach node build (tcp 22)",
        "- tag:ci may no longer open gateway home (tcp 22)",
        "- tag:ci may no longer open gateway home (port 9002)",
        "- eve@example.com may no longer open gateway home (tcp 22)",
        "- eve@example.com may no longer reach node build (tcp 22)",
        "- everybody (*) may no longer open gateway old (every port)",
        "- eve@example.com may no longer open gateway old (tcp 22)",
        "- eve@example.com may no longer reach node gone (tcp 22)",
    ]


def test_a_preview_tells_changes_and_matrix_an_update_only_changes() -> None:
    change = (
        "Who gains and who loses access:\n"
        "  + you@example.com may open gateway home (tcp 443)\n"
        "  - everybody (*) may no longer open gateway home (every port)"
    )
    matrix = (
        "Who has access after this:\n"
        "| subject | device | gateway | port | can connect | can execute | can drive the browser of | through |\n"
        "|---|---|---|---|---|---|---|---|\n"
        "| you@example.com | tag:openclaw-home | home | tcp 443 | yes | no | no | grants[0] |\n"
        "agent of home: guarded: writes in its workspace, a person approves each command"
    )
    assert run_program(owned(), preview=True, live=DEFAULT).logs == [change, matrix]
    assert run_program(owned(), live=DEFAULT).logs == [change]
    assert run_program(owned(), preview=True).logs == [matrix]
    assert run_program(owned()).logs == []


def test_the_matrix_is_an_output() -> None:
    rows: Any = run_program({**owned(), "nodes": NODES}).exports.plain["access"]
    assert rows[:2] == [
        {
            "subject": YOU,
            "device": TAG,
            "gateway": "home",
            "port": "tcp 443",
            "canConnect": True,
            "canExecute": False,
            "canDriveBrowserOf": "",
            "grant": "grants[0]",
        },
        {
            "subject": "tag:openclaw-node-build",
            "device": TAG,
            "gateway": "home",
            "port": "tcp 443",
            "canConnect": True,
            "canExecute": True,
            "canDriveBrowserOf": "",
            "grant": "grants[1]",
        },
    ]


def test_a_verified_matrix_is_that_of_the_live_policy() -> None:
    policy = hujson.loads_object(render(parse(smallest())))
    policy["groups"] = {"group:home": [YOU]}
    policy["grants"] = [
        {"src": ["tag:ci"], "dst": ["tag:ci"], "ip": ["*"]},
        {**policy["grants"][0], "src": ["group:home"]},
    ]
    policy["tagOwners"]["tag:ci"] = []
    [row] = run_program(smallest(), live=json.dumps(policy)).exports.plain["access"]
    assert (row["subject"], row["grant"]) == (YOU, "grants[1] (group:home)")


def test_an_api_that_cannot_be_reached_is_a_warning_for_an_owned_policy() -> None:
    said = run_program(owned(), preview=True, live=OSError("cannot reach the Tailscale API")).logs
    assert (
        said[0]
        == "The live policy of the tailnet cannot be read, so it was not compared with this stack's: cannot reach the Tailscale API"
    )
    assert said[1].startswith("Who has access after this:")


DRIVEN: list[Raw] = [
    {"id": "studio", "kind": "mac", "gateway": "home", "browser": {"profiles": ["openclaw", "chrome"]}}
]


def test_who_may_drive_a_browser_is_in_the_matrix() -> None:
    settings = parse({**owned(people=[YOU]), "nodes": DRIVEN})
    shown = access.table(access.rows(render(settings), settings)).splitlines()[2:]
    assert shown == [
        f"| {YOU} | {TAG} | home | tcp 443 | yes | no | studio | grants[0] |",
        f"| tag:openclaw-node-studio | {TAG} | home | tcp 443 | yes | no | no | grants[1] |",
    ]
    assert access.agents(settings) == (
        "agent of home: guarded: writes in its workspace, a person approves each command; drives the browser of node studio "
        "without asking (openclaw, chrome)"
    )


def test_a_rule_for_everybody_lets_everybody_drive_it() -> None:
    settings = parse({**owned(people=[YOU]), "nodes": DRIVEN})
    assert {row.subject: row.drives for row in access.rows(DEFAULT, settings) if row.device == TAG} == {"*": "studio"}
    assert access.changes(render(settings), DEFAULT, settings)[:2] == [
        "+ everybody (*) may open gateway home (every port)",
        "+ everybody (*) may drive the browser of node studio, through its gateway home",
    ]


def test_a_browser_whose_node_does_not_reach_its_gateway_is_driven_by_nobody() -> None:
    settings = parse({**owned(people=[YOU]), "nodes": DRIVEN})
    policy = hujson.loads_object(render(settings))
    del policy["grants"][1]
    assert [row.drives for row in access.rows(json.dumps(policy), settings)] == [""]


@pytest.mark.parametrize("live", ['{"grants": 1}', "not HuJSON"])
def test_a_live_policy_that_cannot_be_read_is_no_reason_to_fail_an_owned_one(live: str) -> None:
    settings = parse(owned())
    assert access.readable_changes(live, render(settings), settings) == []


def test_i7_what_cannot_be_decided_says_so() -> None:
    settings = parse(smallest())
    text = '{"grants": [{"src": ["bob@example.com"], "dst": ["100.64.0.9"], "ip": ["tcp:443"]}]}'
    [row] = access.rows(text, settings)
    assert row.can_connect is None
    assert "| cannot be decided |" in access.table([row])


def test_a_long_matrix_is_cut() -> None:
    [row] = access.rows(render(parse(smallest())), parse(smallest()))
    shown = access.table([row] * (access.SHOWN + 3)).splitlines()
    assert shown[-1] == "3 more rows: pulumi stack output access"
    assert len(shown) == access.SHOWN + 3


def test_an_external_policy_has_no_matrix() -> None:
    config = {**with_tailnet(ownership="external"), **smallest(tailscale={"authKey": {"value": "tskey-auth-given"}})}
    config["tailnet"] = {"name": "example.ts.net", "ownership": "external"}
    graph = run_program(config, preview=True)
    assert graph.exports.plain["access"] == []
    assert graph.logs == []
