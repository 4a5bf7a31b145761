"""Plugins and channels from npm: installed by the pod itself, through a proxy that inspects TLS, pinned and verified."""

import contextlib
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from components.constants import PLUGINS_CONTAINER
from engine.configuration import Values
from engine.errors import EngineError
from sandbox import certificates
from sandbox.node import layout, network
from sandbox.node.devices import Device
from sandbox.node.layout import Layout
from sandbox.world import World
from tests.support.e2e_agent import ask_by_http
from tests.support.e2e_world import HOME, LAB, Figures, Gateway, apply, hasty, wait_answer, with_
from tests.support.engine_world import Cluster, Stack, eventually
from tests.support.npm_proxy import NpmProxy, Package

# Seconds for which the update waits for a gateway that never comes.
PATIENCE: Final = 45
NAME: Final = "@example/openclaw-greeter"
_TOOL: Final = """
export default {
  id: "greeter",
  name: "Greeter",
  description: "Greets people",
  register(api) {
    api.registerTool({
      name: "greet",
      label: "Greet",
      description: "Greets somebody",
      parameters: { type: "object", properties: { who: { type: "string" } }, required: ["who"] },
      execute: async (_id, { who }) => ({ content: [{ type: "text", text: `VERSION greets ${who}` }], details: {} }),
    });
  },
};
"""


def greeter(version: str, digest: str = "") -> Package:
    """A plugin with one tool, which says its version."""
    package: dict[str, Any] = {
        "name": NAME,
        "version": version,
        "type": "module",
        "peerDependencies": {"openclaw": ">=2026.3.24"},
        "openclaw": {
            "extensions": ["./index.js"],
            "compat": {"pluginApi": ">=2026.3.24", "minGatewayVersion": "2026.3.24"},
            "build": {"openclawVersion": "2026.9.6", "pluginSdkVersion": "2026.9.6"},
        },
    }
    manifest: dict[str, Any] = {
        "id": "greeter",
        "name": "Greeter",
        "description": "Greets people",
        "categories": ["other"],
        "contracts": {"tools": ["greet"]},
        "activation": {"onStartup": True},
        "configSchema": {"type": "object", "additionalProperties": False},
    }
    files = {"package.json": json.dumps(package), "openclaw.plugin.json": json.dumps(manifest)}
    return Package({**files, "index.js": _TOOL.replace("VERSION", version)}, digest)


@pytest.fixture
def proxy(world: World, tmp_path: Path) -> Generator[NpmProxy]:
    """On the pods' bridge, where a company's proxy would be an address outside the cluster."""
    node = layout.of(world.home)
    certificates.authority(tmp_path)
    with NpmProxy(node.address, tmp_path, [greeter("1.0.0")]) as proxy, open_to_pods(node, proxy.port):
        yield proxy


@contextlib.contextmanager
def open_to_pods(node: Layout, port: int) -> Generator[None]:
    """A port of this machine that the sandbox's own firewall lets pods reach, while the block runs."""
    rule = f"iifname {node.pod_bridge} ip daddr {node.address} tcp dport {port} accept"
    chain = ("rule", "inet", node.table, "input")
    said = network.run(["nft", "--echo", "--handle", "insert", *chain, rule])
    handle = said.partition("# handle ")[2].split()[0]
    try:
        yield
    finally:
        network.run(["nft", "delete", *chain, "handle", handle])


def behind(proxy: NpmProxy, version: str) -> Values:
    """Alice's gateway, whose only way out is the proxy."""
    return with_(
        HOME,
        gateway={"plugins": {"greeter": f"{NAME}@{version}"}, "permissions": "full"},
        pod={
            # The control server, the relay and the model are at this address, too.
            "proxy": {"url": f"http://{proxy.address}:{proxy.port}", "noProxy": [proxy.address]},
            "caBundle": {"pem": (proxy.authority / "ca.crt").read_text()},
        },
        extraEgress=[*HOME["extraEgress"], {"cidr": f"{proxy.address}/32", "ports": [{"port": proxy.port}]}],
    )


def test_a_plugin_is_installed_by_the_pod_and_serves_the_agent(
    world: World, cluster: Cluster, stack: Stack, owner: Device, proxy: NpmProxy, figures: Figures
) -> None:
    home = Gateway(world, cluster, "home")
    apply(cluster, stack, behind(proxy, "1.0.0"), LAB)
    home.wait_ready()
    wait_answer(owner, f"{home.url}/healthz")
    assert_greets(owner, home, "1.0.0")
    figures("requests of npm through the proxy", len(proxy.requests))

    # Whoever changes what the registry has cannot change the digest that it published.
    proxy.packages[:] = [greeter("2.0.0", digest="A" * 86 + "==")]
    with pytest.raises(EngineError):
        hasty(stack, PATIENCE).up(behind(proxy, "2.0.0"), LAB)
    eventually(lambda: _last_words(home), "the init container to fail", 180)
    said = _last_words(home)
    assert f"plugins: {NAME}@2.0.0 was not installed" in said, said
    assert "EINTEGRITY" in said, said

    # The old list is the way back, and needs nobody: what it names was installed, and the registry has it no more.
    proxy.requests.clear()
    apply(cluster, stack, behind(proxy, "1.0.0"), LAB)
    home.wait_ready()
    assert proxy.requests == []
    wait_answer(owner, f"{home.url}/healthz")
    assert_greets(owner, home, "1.0.0")


def assert_greets(owner: Device, home: Gateway, version: str) -> None:
    """The agent has the plugin's tool, of this version. OpenClaw puts tools of plugins behind one of its own."""
    call = {"id": "greet", "args": {"who": "Alice"}}
    answer = ask_by_http(owner, home, f"use tool_call {json.dumps(call)}", home.token())
    assert answer.status == 200, answer
    assert f"{version} greets Alice" in answer.text, answer


def _last_words(home: Gateway) -> str:
    """What the init container said when it failed, once it did."""
    status = home.statuses()[PLUGINS_CONTAINER]
    ended = [state["terminated"] for state in (status["state"], status["lastState"]) if "terminated" in state]
    return next((state["message"] for state in ended if state["exitCode"]), "")
