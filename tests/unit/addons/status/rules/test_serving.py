"""Serve passes the declared port on to the gateway, by the declared protocol and name."""

from typing import Any

import pytest

from addons.status.facts import Snapshot
from addons.status.rules import judge
from tests.support.addons_cases import joined_anew, service_served
from tests.support.addons_snapshots import NOW, altered, well


def found(snapshot: Snapshot) -> list[str]:
    return [one.rule for one in judge(snapshot, NOW).findings]


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:18789", "127.0.0.1:18789", "http://localhost:18789/", "tcp://[::1]:18789"]
)
def test_the_gateway_by_any_of_its_addresses(target: str) -> None:
    assert found(service_served(target=target)()) == []


@pytest.mark.parametrize(
    "target", ["", "http://127.0.0.1:18780", "http://10.0.0.1:18789", "http://127.0.0.1:18789/other", "text: hello"]
)
def test_anything_else_is_not_the_gateway(target: str) -> None:
    assert found(service_served(target=target)()) == ["serves-another-target"]


def test_another_port_is_nothing_on_the_served_one() -> None:
    assert found(service_served(port=8443)()) == ["serves-nothing"]


def test_serve_takes_a_moment_after_the_device_has_joined() -> None:
    assert found(joined_anew(15, served=())()) == []
    assert found(joined_anew(25, served=())()) == ["serves-nothing"]


def test_what_was_not_said_is_not_wrong() -> None:
    assert found(altered(well(), sidecar={"served": None})) == []


@pytest.mark.parametrize(
    ("declared", "rules"),
    [
        ({}, ["no-certificate"]),
        ({"reach": "http", "served_port": 80}, []),
        ({"reach": "tcp", "served_port": 18789}, []),
    ],
)
def test_certificates_are_needed_for_https_only(declared: dict[str, Any], rules: list[str]) -> None:
    kind = declared.get("reach", "https")
    served = ({"port": declared.get("served_port", 443), "kind": kind, "target": "127.0.0.1:18789"},)
    assert found(altered(well(), declared=declared, sidecar={"certificate_domains": (), "served": served})) == rules
