"""The section `nodeAttrs`: read, or refused with one clear message."""

from typing import Any

import pytest

from tests.support.evaluator_world import ALICE, GW, assert_refused, evaluator

APP: dict[str, Any] = {"tailscale.com/app-connectors": [{"connectors": [GW], "domains": ["example.com"]}]}


def attributes(*target: str, **more: Any) -> dict[str, Any]:
    return {"target": list(target), **more}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (attributes("tag:no", attr=["funnel"]), 'tag not found: "tag:no"'),
        (attributes("group:no", attr=["funnel"]), 'group not defined in policy: "group:no"'),
        (attributes("nohost", attr=["funnel"]), 'host not defined in policy: "nohost"'),
        (attributes("ipset:no", attr=["funnel"]), 'ipset not defined in policy: "ipset:no"'),
        (attributes("10.0.0.0/33", attr=["funnel"]), 'host not defined in policy: "10.0.0.0/33"'),
        (attributes(f"{GW}:443", attr=["funnel"]), 'tag not found: "tag:gw:443"'),
        *(
            (
                attributes(GW, f"autogroup:{name}", attr=["funnel"]),
                f'nodeAttrs target does not support this autogroup: "autogroup:{name}"',
            )
            for name in ("self", "internet", "danger-all", "nonroot")
        ),
        (attributes("svc:web", attr=["funnel"]), 'nodeAttrs target is not supported: "svc:web"'),
        ({"target": GW, "attr": ["funnel"]}, "nodeAttrs[0].target must be a list"),
        (attributes(GW, attr="funnel"), "nodeAttrs[0].attr must be a list"),
        (attributes(GW, attr=[{}]), "nodeAttrs[0].attr must be a string"),
        (attributes(GW, app=[]), "nodeAttrs[0].app must be an object"),
        (attributes(GW, app={"example.com/cap": {}}), 'nodeAttrs[0].app["example.com/cap"] must be a list'),
        *(
            (attributes(GW, app={name: []}), f'nodeAttrs[0].app: "{name}" must have the form {{domain}}/{{path}}')
            for name in ("", "connectors", "/connectors", "example.com/", "https://example.com/cap")
        ),
        (attributes(GW, ipPool="100.80.0.0/16"), "nodeAttrs[0].ipPool must be a list"),
        *(
            (
                attributes(GW, ipPool=[pool]),
                f'nodeAttrs[0].ipPool: "{pool}" is not a prefix of addresses, as in 100.80.0.0/16',
            )
            for pool in ("", "100.80.0.1", "100.80.0.0/33", "100.80.0.0/016", "100.80.0.0/255.255.0.0", "office")
        ),
        *(
            (attributes(GW, ipPool=[pool]), f'nodeAttrs ipPool must be within 100.64.0.0/10: "{pool}"')
            for pool in ("10.0.0.0/8", "100.0.0.0/8", "100.64.0.0/9", "fd7a:115c:a1e0::/64", "0.0.0.0/0")
        ),
        (
            attributes(GW, ipPool=["100.80.0.0/16", "100.100.0.0/16"]),
            'nodeAttrs ipPool must not overlap reserved Tailscale ranges: "100.100.0.0/16" overlaps "100.100.100.0/24"',
        ),
        (
            attributes(GW, ipPool=["100.115.93.0/24"]),
            'nodeAttrs ipPool must not overlap reserved Tailscale ranges: "100.115.93.0/24" overlaps "100.115.92.0/23"',
        ),
        ("funnel", "nodeAttrs[0] must be an object"),
    ],
)
def test_wrong_attributes_are_refused_with_one_clear_message(entry: Any, message: str) -> None:
    assert_refused(message, "nodeAttrs", nodeAttrs=[entry])


@pytest.mark.parametrize(
    "entry",
    [
        {},
        attributes(),
        attributes(GW),
        attributes("*", ALICE, GW, "group:users", "group:nobody", "printer", "office", "ipset:lab", "100.64.0.3"),
        attributes("autogroup:member", "autogroup:tagged", "autogroup:admin", attr=["funnel"]),
        attributes(f" {GW} ", attr=["mullvad", "nextdns:abc123", "disable-ipv4", "what-ever"]),
        attributes("*", app=APP),
        attributes("*", app={"example.com/cap/of/an/app": [1, "two", {"three": []}]}),
        attributes("*", ipPool=["100.80.0.0/16", "100.81.0.1/32", "100.100.101.0/24", "100.64.3.4/10"][:3]),
        {"Target": [GW], "ATTR": ["funnel"], "ipPool": None, "app": None},
    ],
)
def test_right_attributes_are_accepted(entry: dict[str, Any]) -> None:
    (read,) = evaluator(nodeAttrs=[entry]).policy.node_attributes
    assert str(read) == "nodeAttrs[0]"
    assert read.unclear == ""


def test_keys_of_attributes_that_are_not_understood_are_kept_as_unclear() -> None:
    (read,) = evaluator(nodeAttrs=[attributes(GW, os=["linux"])]).policy.node_attributes
    assert read.unclear == "it has os, which cannot be judged offline"
