"""The section `autoApprovers`: read, or refused with one clear message."""

from typing import Any

import pytest

from tests.support.evaluator_world import ALICE, GW, assert_refused, evaluator


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"routes": {"10.0.0.0/8": ["tag:no"]}}, 'tag not found: "tag:no"'),
        ({"routes": {"10.0.0.0/8": ["group:no"]}}, 'group not defined in policy: "group:no"'),
        ({"exitNode": ["tag:no"]}, 'tag not found: "tag:no"'),
        ({"exitNode": ["group:no"]}, 'group not defined in policy: "group:no"'),
        ({"services": {"svc:web": ["tag:no"]}}, 'tag not found: "tag:no"'),
        ({"services": {"tag:no": [GW]}}, 'tag not found: "tag:no"'),
        *(
            ({"exitNode": [GW, text]}, f'invalid auto approver "{text}"')
            for text in (
                "*", "", "office", "nohost", "100.64.0.3", "10.0.0.0/8", "ipset:lab", "svc:web", "autogroup:self",
                "autogroup:internet", "autogroup:danger-all", "autogroup:nonroot", " tag:gw",
            )
        ),
        *(
            (
                {"routes": {route: [GW]}},
                f'autoApprovers.routes["{route}"]: a route is a prefix of addresses, as in 10.0.0.0/8',
            )
            for route in (
                "", "*", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/08", "10.0.0.0/255.0.0.0", "010.0.0.0/8",
                "fd7a::/129", "fd7a::%eth0/64", "office", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0-10.0.0.9",
            )
        ),
        (
            {"services": {"web": [GW]}},
            'autoApprovers.services["web"]: a service is named svc:name, or by a tag',
        ),
        ({"routes": []}, "autoApprovers.routes must be an object"),
        ({"routes": {"10.0.0.0/8": GW}}, 'autoApprovers.routes["10.0.0.0/8"] must be a list'),
        ({"routes": {"10.0.0.0/8": [1]}}, 'autoApprovers.routes["10.0.0.0/8"] must be a string'),
        ({"exitNode": GW}, "autoApprovers.exitNode must be a list"),
        ({"exitNode": {}}, "autoApprovers.exitNode must be a list"),
        ({"services": []}, "autoApprovers.services must be an object"),
        ([], "autoApprovers must be an object"),
    ],
)  # fmt: skip
def test_wrong_approvers_are_refused_with_one_clear_message(section: Any, message: str) -> None:
    assert_refused(message, "autoApprovers", autoApprovers=section)


@pytest.mark.parametrize(
    ("section", "approvals"),
    [
        ({}, {"autoApprovers.exitNode": []}),
        ({"routes": None, "exitNode": None, "services": None}, {"autoApprovers.exitNode": []}),
        (
            {"routes": {"10.0.0.1/8": [GW], "::/0": [], "fd7a::/64": None}, "ExitNode": ["autogroup:admin"]},
            {
                'autoApprovers.routes["10.0.0.1/8"]': [GW],
                'autoApprovers.routes["::/0"]': [],
                'autoApprovers.routes["fd7a::/64"]': [],
                "autoApprovers.exitNode": ["autogroup:admin"],
            },
        ),
        (
            {
                "exitNode": [ALICE, "group:users", GW, "autogroup:member", "autogroup:tagged"],
                "services": {"svc:web": [GW], GW: [ALICE]},
            },
            {
                "autoApprovers.exitNode": [ALICE, "group:users", GW, "autogroup:member", "autogroup:tagged"],
                'autoApprovers.services["svc:web"]': [GW],
                f'autoApprovers.services["{GW}"]': [ALICE],
            },
        ),
    ],
)
def test_right_approvers_are_accepted(section: dict[str, Any], approvals: dict[str, list[str]]) -> None:
    read = evaluator(autoApprovers=section).policy.auto_approvers
    assert {entry.place: [one.text for one in entry.approvers] for entry in read.approvals} == approvals
    assert read.unclear == ""


def test_kinds_of_approvals_that_are_not_understood_are_kept_as_unclear() -> None:
    read = evaluator(autoApprovers={"connectors": [GW]}).policy.auto_approvers
    assert read.unclear == "it has connectors, which cannot be judged offline"
