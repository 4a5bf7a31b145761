"""Exposure by a policy of others, besides packets: logins, Funnel, routes. Named, with what to change (I1, I7)."""

import json
from typing import Any

import pytest

from components.settings.load import parse
from components.tailnet.evaluator import Device
from components.tailnet.verify import verify
from tests.support.configs import Raw, smallest
from tests.support.verified import TAG, findings_of, right

SSH: Raw = {"action": "accept", "src": ["autogroup:admin"], "dst": [TAG], "users": ["root"]}
# Defined in the policies here, and nobody's of ours.
OTHERS: Raw = {
    "tagOwners": {"tag:ci": [], "tag:router": []},
    "groups": {"group:ops": ["carol@example.com"]},
    "hosts": {"all": "100.64.0.0/10", "near": "100.64.0.9", "lan": "192.168.0.0/16"},
    "ipsets": {"ipset:all": ["all"], "ipset:lan": ["lan"]},
}


def judged(**more: Any) -> tuple[list[str], list[str]]:
    findings = findings_of(right(**OTHERS, **more))
    assert findings.missing is None
    return findings.wide, findings.undecided


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, f"ssh[0]: autogroup:admin may open a shell on {TAG}; remove {TAG} from its dst"),
        ({"action": "check"}, f"ssh[0]: autogroup:admin may open a shell on {TAG}; remove {TAG} from its dst"),
        (
            {"src": ["group:ops", "tag:ci"], "dst": ["autogroup:tagged"]},
            f"ssh[0]: group:ops, tag:ci may open a shell on {TAG}; remove autogroup:tagged from its dst",
        ),
        (
            {"dst": ["tag:ci", TAG, "autogroup:tagged"]},
            f"ssh[0]: autogroup:admin may open a shell on {TAG}; remove autogroup:tagged and {TAG} from its dst",
        ),
        # A condition does not narrow it to nobody.
        (
            {"srcPosture": ["posture:known"]},
            f"ssh[0]: autogroup:admin may open a shell on {TAG}; remove {TAG} from its dst",
        ),
        ({"dst": [f" {TAG} "]}, f"ssh[0]: autogroup:admin may open a shell on {TAG}; remove {TAG} from its dst"),
        (
            {"src": [TAG], "dst": [TAG], "users": ["localpart:*@example.com"]},
            f"ssh[0]: {TAG} may open a shell on {TAG}; remove {TAG} from its dst",
        ),
    ],
)
def test_i7_a_shell_on_a_gateway_is_too_wide_whatever_names_it(rule: Raw, said: str) -> None:
    assert judged(ssh=[{**SSH, **rule}]) == ([said], [])


@pytest.mark.parametrize(
    "rule",
    [
        {"dst": ["tag:ci"]},
        {"src": ["group:ops"], "dst": ["autogroup:self", "autogroup:member"]},
        {"src": ["carol@example.com"], "dst": ["carol@example.com"]},
        {"src": [TAG], "dst": ["tag:ci"]},
        {"src": []},
        {"dst": []},
    ],
)
def test_i7_a_shell_elsewhere_is_none_of_ours(rule: Raw) -> None:
    assert judged(ssh=[{**SSH, **rule}]) == ([], [])


@pytest.mark.parametrize("dst", ["*", "all", "100.64.0.0/10", "ipset:all", "group:ops"])
def test_i7_an_ssh_destination_that_nobody_takes_is_told_with_its_place(dst: str) -> None:
    assert findings_of(right(**OTHERS, ssh=[SSH, {**SSH, "dst": [dst]}])).undecided == [
        f'the policy cannot be read: ssh[1]: invalid dst "{dst}"'
    ]


FUNNEL = "may use Funnel, which opens it to the internet (I1)"


OPENING: list[tuple[Raw, str]] = [
    ({"attr": ["mullvad", "funnel"]}, FUNNEL),
    ({"attr": [" Funnel"]}, FUNNEL),
    ({"attr": ["https://tailscale.com/cap/funnel-ports?ports=443"]}, FUNNEL),
    ({"app": {"tailscale.com/cap/funnel": [{}]}}, FUNNEL),
    (
        {"attr": ["https://tailscale.com/cap/debug"]},
        "opens debug endpoints of its client to the tailnet (I7)",
    ),
    ({"attr": ["drive:share"]}, "may share files with the tailnet (I7)"),
    (
        {"attr": ["disable-linux-cgnat-drop-rule"]},
        "takes packets from tailnet addresses that did not come through it (I7)",
    ),
]


@pytest.mark.parametrize(
    "target", ["*", TAG, "autogroup:tagged", "all", "100.64.0.0/10", "ipset:all", "fd7a::/16", f" {TAG}"]
)
@pytest.mark.parametrize(
    ("more", "effect"),
    OPENING,
)
def test_i1_attributes_that_open_a_device_are_found_whatever_names_it(target: str, more: Raw, effect: str) -> None:
    said = f"nodeAttrs[0]: {TAG} {effect}; remove {target.strip()} from its target"
    assert judged(nodeAttrs=[{"target": ["tag:ci", target], **more}]) == ([said], [])


def test_i1_each_effect_of_an_entry_is_a_line() -> None:
    wide, undecided = judged(nodeAttrs=[{"target": ["*", TAG], "attr": ["drive:share", "funnel", "drive:share"]}])
    assert [line.partition("; ")[2] for line in wide] == [f"remove * and {TAG} from its target"] * 2
    assert undecided == []


@pytest.mark.parametrize(
    "entry",
    [
        *({"target": [target], "attr": ["funnel", "drive:share"]} for target in (
            "tag:ci", "group:ops", "carol@example.com", "autogroup:member", "autogroup:admin", "lan", "ipset:lan", "10.0.0.0/8",
        )),
        {"target": [], "attr": ["funnel"]},
        {"target": ["*"], "ipPool": ["100.80.0.0/16"]},
        {"target": ["*"], "app": {"example.com/cap/of/an/app": [{"anything": 1}]}},
        *({"target": [TAG], "attr": [attribute]} for attribute in (
            "mullvad", "nextdns:abc123", "nextdns:no-device-info", "disable-ipv4", "disable-web-client", "drive:access",
            "disable-captive-portal-detection", "randomize-client-port", "magicdns-aaaa", "only-tcp-443", "",
        )),
    ],
)  # fmt: skip
def test_i1_attributes_that_open_nothing_of_ours_are_left_alone(entry: Raw) -> None:
    assert judged(nodeAttrs=[entry]) == ([], [])


UNKNOWN: list[tuple[Raw, str]] = [
    *(
        (
            {"target": [target], "attr": ["funnel"]},
            f"nodeAttrs[0]: whether {target}, which may use Funnel, is a device of ours",
        )
        for target in ("near", "100.64.0.9", "100.64.0.0/24")
    ),
    ({"target": ["*"], "os": ["linux"]}, "nodeAttrs[0]: it has os, which cannot be judged offline"),
    (
        {"target": ["*"], "app": {"tailscale.com/cap/future": [{}]}},
        "nodeAttrs[0]: whether the app tailscale.com/cap/future opens the devices that have it is not known",
    ),
    (
        {"target": ["tag:ci"], "app": {"tailscale.com/app-connectors": [{"connectors": TAG}]}},
        "nodeAttrs[0].connectors must be a list",
    ),
]


@pytest.mark.parametrize(
    ("entry", "said"),
    UNKNOWN,
)
def test_i1_attributes_of_whom_nobody_knows_are_not_taken_for_somebody_elses(entry: Raw, said: str) -> None:
    assert judged(nodeAttrs=[entry]) == ([], [said])


def test_i1_an_address_of_a_device_that_joined_is_that_devices() -> None:
    joined = [Device("pi", ("100.64.0.8",), user="bob@example.com"), Device("home", ("100.64.0.9",), tags=(TAG,))]
    config = {**smallest(), "instances": [{"id": name, "people": ["you@example.com"]} for name in ("den", "home")]}
    for target, ours in (("100.64.0.8", False), ("100.64.0.9", True), ("100.64.0.10", True)):
        policy = right(config, nodeAttrs=[{"target": [target], "attr": ["funnel"]}])
        assert bool(verify(json.dumps(policy), parse(config), joined).undecided) is ours


@pytest.mark.parametrize(
    ("connectors", "removed"),
    [([TAG], TAG), (["tag:ci", TAG], TAG), (["*"], "*"), (["autogroup:tagged", TAG], "autogroup:tagged")],
)
def test_i7_a_gateway_is_no_app_connector(connectors: list[str], removed: str) -> None:
    # Whom the entry targets are those who use the connector.
    app = {
        "tailscale.com/app-connectors": [{"connectors": ["tag:ci"]}, {"Connectors": connectors, "domains": ["x.com"]}]
    }
    assert judged(nodeAttrs=[{"target": ["autogroup:member"], "app": app}]) == (
        [
            f"nodeAttrs[0]: {TAG} may carry others' traffic as an app connector (I7); remove {removed} from its connectors"
        ],
        [],
    )


def test_i7_connectors_of_others_are_left_alone() -> None:
    app = {"tailscale.com/app-connectors": [{"connectors": ["tag:ci"]}, {}, 7]}
    assert judged(nodeAttrs=[{"target": ["*"], "app": app}]) == ([], [])


@pytest.mark.parametrize(("approver", "removed"), [(TAG, TAG), ("autogroup:tagged", "autogroup:tagged")])
@pytest.mark.parametrize(
    ("section", "place", "what"),
    [
        ("routes", 'autoApprovers.routes["10.0.0.0/8"]', "the route 10.0.0.0/8"),
        ("routes", 'autoApprovers.routes["0.0.0.0/0"]', "the route 0.0.0.0/0"),
        ("exitNode", "autoApprovers.exitNode", "an exit node"),
        ("services", 'autoApprovers.services["svc:web"]', "the service svc:web"),
    ],
)
def test_i7_a_gateway_draws_nobody_elses_traffic(
    section: str, place: str, what: str, approver: str, removed: str
) -> None:
    name = place.partition('"')[2].rstrip('"]')
    value = {name: ["tag:router", approver]} if name else ["tag:router", approver]
    assert judged(autoApprovers={section: value}) == (
        [
            f"{place}: {TAG} may advertise {what} without anybody's approval, and draw others' traffic (I7); remove "
            f"{removed} from it"
        ],
        [],
    )


@pytest.mark.parametrize(
    "approvers", [["tag:router"], ["group:ops"], ["carol@example.com"], ["autogroup:member", "autogroup:admin"], []]
)
def test_i7_routes_of_others_are_left_alone(approvers: list[str]) -> None:
    # Nothing of ours goes through them: a gateway uses no exit node, and its peers have addresses of their own.
    section = {"routes": {"10.0.0.0/8": approvers}, "exitNode": approvers, "services": {"svc:web": approvers}}
    assert judged(autoApprovers=section) == ([], [])


def test_i7_unknown_kinds_of_approvals_are_not_somebody_elses() -> None:
    said = "autoApprovers: it has connectors, which cannot be judged offline"
    assert judged(autoApprovers={"connectors": {"x": [TAG]}}) == ([], [said])


def test_i7_nodes_are_held_to_the_same() -> None:
    node = "tag:openclaw-node-build"
    config: Raw = {**smallest(), "nodes": [{"id": "build", "kind": "linux", "gateway": "home"}]}
    more: Raw = {
        "ssh": [{**SSH, "dst": [node]}],
        "nodeAttrs": [{"target": [node], "attr": ["funnel"]}],
        "autoApprovers": {"exitNode": [node]},
    }
    findings = findings_of(right(config, **more), config)
    assert [line.partition(":")[0] for line in findings.wide] == ["ssh[0]", "nodeAttrs[0]", "autoApprovers.exitNode"]
    assert all(node in line for line in findings.wide)


def test_i7_one_entry_about_many_gateways_is_one_line() -> None:
    config: Raw = {**smallest(), "instances": [{"id": f"g{n}", "people": ["you@example.com"]} for n in range(30)]}
    tags = [f"tag:openclaw-g{n}" for n in range(30)]
    findings = findings_of(
        right(config, ssh=[{**SSH, "dst": tags[::-1]}, {**SSH, "dst": ["autogroup:tagged"]}]), config
    )
    ours = "tag:openclaw-g0 and 29 more of this stack's tags"
    assert findings.wide == [
        f"ssh[0]: autogroup:admin may open a shell on {ours}; remove {ours} from its dst",
        f"ssh[1]: autogroup:admin may open a shell on {ours}; remove autogroup:tagged from its dst",
    ]
