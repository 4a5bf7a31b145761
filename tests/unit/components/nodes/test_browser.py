"""The browser that an agent drives: what the node and its gateway are told, in words that OpenClaw knows."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.gateway import openclaw_json, ours
from components.nodes import browser, linux
from components.openclaw.schema import Schema
from components.settings.load import parse
from components.settings.nodes import NodeBrowser
from tests.support.configs import Raw, smallest

DRIVEN: Raw = {
    "id": "studio",
    "kind": "linux",
    "gateway": "home",
    "browser": {"profiles": ["chrome"], "hosts": ["10.1.2.3"]},
}
SHELL: Raw = {"id": "build", "kind": "linux", "gateway": "home"}


def with_nodes(*nodes: Raw) -> Raw:
    return {**smallest(), "nodes": list(nodes)}


def routed(*nodes: Raw) -> Any:
    """What the gateway of these nodes is told about browsers."""
    settings = parse(with_nodes(*nodes))
    (instance,) = settings.instances
    node = browser.node_of(instance.id, settings)
    return json.loads(openclaw_json(instance, None, node.id if node else None))["gateway"]["nodes"]["browser"]


def test_a_gateway_asks_one_node_by_name_and_no_other() -> None:
    assert routed(SHELL, DRIVEN) == {"mode": "manual", "node": "studio"}
    assert routed(SHELL) == routed() == {"mode": "off"}


def test_another_gateway_s_node_is_not_asked() -> None:
    two = {**smallest(), "instances": [*smallest()["instances"], {"id": "lab", "people": ["bob@example.com"]}]}
    settings = parse({**two, "nodes": [DRIVEN]})
    assert browser.node_of("lab", settings) is None
    assert browser.node_of("home", settings) == settings.nodes[0]


def test_the_node_offers_its_browser_and_nothing_more() -> None:
    settings = parse(with_nodes(DRIVEN))
    files = linux.files(settings.nodes[0], settings.instances[0], settings)
    (unit,) = [text for path, (_, text) in files.items() if path.endswith(".service")]
    assert unit.count("--commands browser.proxy\n") == 2
    mode, text = files["/etc/openclaw-node/openclaw.json"]
    assert (mode, json.loads(text)) == ("0644", browser.config(NodeBrowser(profiles=("chrome",), hosts=("10.1.2.3",))))
    environment = files["/etc/openclaw-node/environment"][1].splitlines()
    assert {"OPENCLAW_CONFIG_PATH=/etc/openclaw-node/openclaw.json", "OPENCLAW_CONFIG_READONLY=1"} <= {*environment}


def test_a_node_without_the_setting_is_as_it_was() -> None:
    settings = parse(with_nodes(SHELL))
    files = linux.files(settings.nodes[0], settings.instances[0], settings)
    assert "/etc/openclaw-node/openclaw.json" not in files
    assert "browser" not in json.dumps(files)


@pytest.mark.parametrize("profiles", [("openclaw",), ("chrome",), ("chrome", "openclaw")])
def test_the_node_is_limited_to_the_listed_profiles_and_runs_no_scripts(profiles: Any) -> None:
    config = browser.config(NodeBrowser(profiles=profiles))
    assert config["nodeHost"]["browserProxy"] == {"enabled": True, "allowProfiles": [*profiles]}
    assert config["browser"]["defaultProfile"] == profiles[0]
    assert config["browser"]["evaluateEnabled"] is False
    assert config["browser"]["extensionRelay"] == {"allowLegacyAuth": False}
    # Private addresses are denied by OpenClaw's default, which `false` would turn into: every name is denied.
    assert config["browser"]["ssrfPolicy"] == {"allowedHostnames": []}


def test_openclaw_knows_every_key() -> None:
    schema = Schema.of("2026.9.6")
    assert schema
    assert not [*schema.mistakes(browser.config(NodeBrowser()))]
    (instance,) = parse(smallest()).instances
    assert not [*schema.mistakes(ours(instance, None, "studio"))]


@pytest.mark.parametrize("host", ["wiki", "wiki.example.internal", "10.1.2.3", "fd12::1", "printer.local"])
def test_a_private_host_may_be_listed(host: str) -> None:
    assert NodeBrowser.model_validate({"hosts": [host]}).hosts == (host,)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "a.localhost",
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "fe80::1%eth0",
        ),
        *(
            "169.254.169.254",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "*",
            "*.example.com",
            "LOCALHOST",
            "localhost.",
        ),
        *("wiki:8000", "http://wiki", "wiki/a", "[::1]", "a@wiki", ""),
    ],
)
def test_the_machine_itself_is_never_listed_however_it_is_spelt(host: str) -> None:
    with pytest.raises(ValidationError):
        NodeBrowser.model_validate({"hosts": [host]})
