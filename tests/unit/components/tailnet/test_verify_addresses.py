"""Rules about addresses and about something else: a right policy stays right, and a gateway's address is the gateway (I7)."""

import json

import pulumi
import pytest

from components.settings.load import parse
from components.tailnet.evaluator import Device
from components.tailnet.verify import Findings, verify
from tests.support.configs import smallest
from tests.support.harness import run_program
from tests.support.verified import TAG, YOU, findings_of, grant, right


@pytest.mark.parametrize(
    "to",
    [
        *(
            "user:*@example.com",
            "bob@example.com",
            "svc:web",
            "autogroup:self",
            "autogroup:internet",
            "autogroup:member",
        ),
        *(
            "tag:ci",
            "8.8.8.8",
            "10.0.0.0/8",
            "192.168.7.9",
            "fc00::/8",
            "100.128.0.1",
            "printer",
            "ipset:lab",
            "ipset:net",
        ),
        *("100.115.92.7", "0.0.0.0-100.63.255.255"),
    ],
)
def test_i7_a_rule_about_something_else_leaves_a_right_policy_right(to: str) -> None:
    policy = right(
        tagOwners={"tag:ci": []},
        hosts={"printer": "192.168.7.9"},
        ipsets={"ipset:lab": ["printer", "10.1.0.0/16"], "ipset:net": ["autogroup:internet"]},
        **grant("autogroup:member", "*", dst=to),
    )
    assert findings_of(policy) == Findings()


# The tailnet's devices, as the API lists them.
HOME = Device("home", ("100.64.0.1", "fd7a:115c:a1e0::1"), tags=(TAG,))
PRINTER = Device("printer", ("100.64.0.9", "fd7a:115c:a1e0::9"), tags=("tag:ci",))
PHONE = Device("phone", ("100.64.0.2",), user="bob@example.com")


@pytest.mark.parametrize(
    ("to", "findings"),
    [
        # Of others: no gateway's.
        ("100.64.0.9", Findings()),
        ("100.64.0.9/32", Findings()),
        ("fd7a:115c:a1e0::9", Findings()),
        ("100.64.0.2", Findings()),
        ("printer", Findings()),
        ("ipset:theirs", Findings()),
        # The gateway's own.
        ("100.64.0.1", Findings(wide=["grants[1]: autogroup:member may reach tag:openclaw-home on 22"])),
        ("fd7a:115c:a1e0::/64", Findings(wide=["grants[1]: autogroup:member may reach tag:openclaw-home on 22"])),
        # Nobody's yet: it may be given to a gateway that joins.
        (
            "100.64.0.77",
            Findings(
                undecided=[
                    "who reaches tag:openclaw-home: grants[1]: no other device has 100.64.0.77, so tag:openclaw-home may "
                    "come to have it"
                ]
            ),
        ),
        (
            "100.64.0.8/30",
            Findings(
                undecided=[
                    "who reaches tag:openclaw-home: grants[1]: no other device has 100.64.0.8/30, so tag:openclaw-home may "
                    "come to have it"
                ]
            ),
        ),
    ],
)
def test_i7_with_the_devices_known_an_address_is_whose_it_is(to: str, findings: Findings) -> None:
    more = {"hosts": {"printer": "100.64.0.9"}, "ipsets": {"ipset:theirs": ["printer", "100.64.0.2"]}}
    policy = right(**more, **grant("autogroup:member", "22", dst=to))
    assert verify(json.dumps(policy), parse(smallest()), [HOME, PRINTER, PHONE]) == findings


def test_i7_a_rule_that_gives_no_more_than_asked_may_name_any_address() -> None:
    assert findings_of(right(**grant(YOU, "tcp:443", dst="100.64.0.77"))) == Findings()


ADDRESS = "100.64.0.9"


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["tag:ci"], None),
        ([TAG], "grants[1]: bob@example.com may reach tag:openclaw-home on tcp:443"),
        (None, f"whether tag:openclaw-home is in {ADDRESS} is not known"),
    ],
)
def test_i7_the_program_asks_whose_an_address_is(tags: list[str] | None, said: str | None, preview: bool) -> None:
    policy = json.dumps(right(**grant("bob@example.com", "tcp:443", dst=ADDRESS)))
    listed = {"id": "1", "nodeId": "n1", "name": "x.example.ts.net", "tags": tags, "addresses": [ADDRESS, "odd"]}
    devices = OSError("not permitted (403)") if tags is None else [listed]
    if said is None:
        assert run_program(smallest(), preview=preview, live=policy, devices=devices).exports
        return
    with pytest.raises(pulumi.RunError) as refused:
        run_program(smallest(), preview=preview, live=policy, devices=devices)
    assert said in str(refused.value)
