"""A tag that anybody may come to give a device is no proof of who the device is (I7)."""

import pytest

from components.tailnet.verify import Findings
from tests.support.configs import Raw, smallest
from tests.support.verified import TAG, YOU, findings_of, right

CHAIN = {
    TAG: ["tag:deploy"],
    "tag:deploy": ["alice@example.com", "tag:ci"],
    "tag:ci": ["group:ops", "autogroup:member"],
}


@pytest.mark.parametrize(
    ("owners", "said"),
    [
        ({TAG: ["autogroup:admin", "autogroup:tagged"]}, "autogroup:tagged may give a device this tag, and pose as the gateway"),
        ({TAG: ["user:*@example.com"]}, "user:*@example.com may give a device this tag, and pose as the gateway"),
        ({TAG: ["*"]}, "* may give a device this tag, and pose as the gateway"),
        ({TAG: ["*@example.com"]}, "*@example.com may give a device this tag, and pose as the gateway"),
        ({TAG: ["autogroup:shared"]}, "autogroup:shared may give a device this tag, and pose as the gateway"),
        (
            {TAG: ["tag:ci"], "tag:ci": ["autogroup:members"]},
            "autogroup:members may give a device this tag, through tag:ci, whose devices may give it, and pose as the gateway",
        ),
        (
            CHAIN,
            "autogroup:member may give a device this tag, through tag:deploy, whose devices may give it, and pose as the "
            "gateway",
        ),
        # Tags that own each other, and one of them anybody's.
        (
            {TAG: ["tag:a"], "tag:a": ["tag:b", TAG], "tag:b": ["tag:a", "autogroup:member"]},
            "autogroup:member may give a device this tag, through tag:a, whose devices may give it, and pose as the gateway",
        ),
    ],
)  # fmt: skip
def test_i7_a_tag_that_anybody_may_come_to_give_is_named(owners: Raw, said: str) -> None:
    findings = findings_of({**right(), "groups": {"group:ops": []}, "tagOwners": owners})
    assert (findings.wide, findings.undecided) == ([f'tagOwners["{TAG}"]: {said}'], [])


def test_i7_tags_that_people_and_admins_give_are_right() -> None:
    owners = {
        TAG: ["tag:a", "autogroup:admin", "autogroup:owner", "group:ops", YOU, TAG],
        "tag:a": ["tag:b", TAG],
        "tag:b": ["tag:a", "autogroup:network-admin"],
        "tag:open": ["autogroup:member", "tag:a"],
    }
    assert findings_of({**right(), "groups": {"group:ops": [YOU]}, "tagOwners": owners}) == Findings()


def test_i7_a_nodes_tag_may_not_be_anybodys_either() -> None:
    config: Raw = {**smallest(), "nodes": [{"id": "box", "kind": "linux", "gateway": "home"}]}
    owners = {**right(config)["tagOwners"], "tag:openclaw-node-box": ["tag:ci"], "tag:ci": ["autogroup:member"]}
    (line,) = findings_of({**right(config), "tagOwners": owners}, config).wide
    assert line.startswith('tagOwners["tag:openclaw-node-box"]: autogroup:member may give')
