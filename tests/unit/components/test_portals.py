"""Portals: each port is served, granted and shown like the gateway's own, and only to people."""

import json
from typing import Any

import pytest

from components import sidecar
from components.settings.load import parse
from components.tailnet import access, policy, proof, verify
from components.tailnet.evaluator import shape
from tests.support.configs import smallest
from tests.support.settings import lines

FQDN = "openclaw-home.example.ts.net"
NODE = {"id": "build", "kind": "linux", "gateway": "home"}


def configured(*ports: Any, **sidecar: Any) -> Any:
    return smallest(tailscale={"portals": [*ports], **sidecar}) | {"nodes": [NODE]}


@pytest.mark.parametrize("port", [0, 22, 80, 443, 1023, 65536, "http", 3000.5])
def test_a_portal_is_an_unprivileged_port(port: Any) -> None:
    (line,) = lines(configured(port))
    assert line.startswith("instances[0].tailscale.portals[0] ")
    assert "is not a whole number from 1024 to 65535" in line


@pytest.mark.parametrize("port", [1055, 5900, 8788, 9002, 18789, 18790, 18800, 18899])
def test_a_portal_never_opens_a_port_of_the_gateway_s_own(port: int) -> None:
    (line,) = lines(configured(port))
    assert line.endswith("is a port of the gateway's own, which a portal would open. Choose another, such as 3000.")


def test_two_portals_are_two_ports() -> None:
    (line,) = lines(configured(3000, 3000))
    assert "lists the same entry twice" in line


@pytest.mark.parametrize(
    ("reach", "tcp", "url"),
    [
        ("https", {"HTTPS": True}, f"https://{FQDN}:3000"),
        ("http", {"HTTP": True}, f"http://{FQDN}:3000"),
        ("tcp", {"TCPForward": "127.0.0.1:3000"}, f"tcp://{FQDN}:3000"),
    ],
)
def test_serve_passes_a_portal_to_the_same_port_of_loopback(reach: str, tcp: Any, url: str) -> None:
    (instance,) = parse(configured(3000, reach=reach)).instances
    serve = json.loads(sidecar.serve_json(instance.tailscale, FQDN))
    assert serve["TCP"]["3000"] == tcp
    if reach != "tcp":
        assert serve["Web"][f"{FQDN}:3000"] == {"Handlers": {"/": {"Proxy": "http://127.0.0.1:3000"}}}
    assert sidecar.portals(instance.tailscale, FQDN) == [url]


def test_people_reach_portals_and_nodes_do_not() -> None:
    settings = parse(configured(3000, 8080))
    text = policy.render(settings)
    assert proof.problems(text, settings) == []
    seen = {(row.subject, row.port) for row in access.rows(text, settings) if row.device == "tag:openclaw-home"}
    people = {("you@example.com", f"tcp {port}") for port in (443, 3000, 8080)}
    assert seen == people | {("tag:openclaw-node-build", "tcp 443")}


def test_a_policy_of_somebody_else_s_must_open_them_and_to_nobody_else() -> None:
    without, settings = parse(configured()), parse(configured(3000))
    lacking = verify.verify(policy.render(without), settings)
    assert lacking.missing
    assert '"tcp:443", "tcp:3000"' in lacking.missing.text()
    assert verify.verify(policy.render(settings), settings).missing is None
    too_wide = verify.verify(policy.render(settings), without)
    assert any("tcp:3000" in line for line in too_wide.wide)
    # A rule that gives the node what its gateway's people may have.
    document: Any = {**shape.document(policy.render(settings))}
    document["grants"] = [
        *document["grants"],
        {"src": ["tag:openclaw-node-build"], "dst": ["tag:openclaw-home"], "ip": ["tcp:3000"]},
    ]
    (line,) = verify.verify(json.dumps(document), settings).wide
    assert "tag:openclaw-node-build may reach tag:openclaw-home on tcp:3000" in line
