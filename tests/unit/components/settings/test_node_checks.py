"""Execution nodes in the configuration: safe defaults, and each mistake as one line with its mend."""

from typing import Any

import pytest

from components.settings.load import parse
from tests.support.configs import Raw, smallest
from tests.support.settings import lines

KEY = {"value": "tskey-auth-given"}


def with_nodes(*nodes: Raw, instance: Raw | None = None, **parts: Any) -> Raw:
    """The smallest configuration with these nodes of its gateway."""
    complete = [{"kind": "linux", "gateway": "home", **node} for node in nodes]
    return {**smallest(**(instance or {})), "nodes": complete, **parts}


def test_the_smallest_node_has_the_safe_defaults() -> None:
    (node,) = parse(with_nodes({"id": "build"})).nodes
    assert node.people == ()
    assert node.auth_key.value is None
    assert node.auth_key.expiry_days <= 7
    assert node.offered == node.commands == ("system.run", "system.run.prepare", "system.which")
    assert node.browser is None
    (instance,) = parse(smallest()).instances
    assert instance.gateway.nodes.commands.allow == instance.gateway.nodes.commands.deny == ()


AT = "nodes[0]"
CASES: dict[str, tuple[Raw, str]] = {
    "duplicate id": (
        with_nodes({"id": "build"}, {"id": "build", "hostname": "other"}),
        'nodes[1].id "build" is that of nodes[0]. Give each node its own id.',
    ),
    "an instance with a node's names": (
        {
            **with_nodes({"id": "b", "gateway": "node-b", "hostname": "x"}),
            "instances": [{"id": "node-b", "people": ["a@b.c"]}],
        },
        f'{AT}.id "b" makes the names of instances[0]. Give each node its own id.',
    ),
    "an instance's hostname": (
        with_nodes({"id": "build", "hostname": "openclaw-home"}),
        f'{AT}.hostname "openclaw-home" is that of instances[0]. Two devices never share a name: choose another.',
    ),
    "another node's hostname": (
        with_nodes({"id": "a"}, {"id": "b", "hostname": "openclaw-node-a"}),
        'nodes[1].hostname "openclaw-node-a" is that of nodes[0]. Two devices never share a name: choose another.',
    ),
    "an instance's namespace": (
        with_nodes({"id": "build", "kind": "kubernetes", "kubernetes": {"namespace": "openclaw-home"}}),
        f'{AT}.kubernetes.namespace "openclaw-home" is that of instances[0]. A node has a namespace of its own: '
        "choose another.",
    ),
    "a namespace of the cluster's own": (
        with_nodes({"id": "build", "kind": "kubernetes", "kubernetes": {"namespace": "default"}}),
        f'{AT}.kubernetes.namespace "default" holds other workloads: its pods would lose their network. '
        "Choose one for this instance alone.",
    ),
    "no such gateway": (
        with_nodes({"id": "build", "gateway": "hoem"}),
        f"{AT}.gateway is not the id of an instance. Did you mean home?",
    ),
    "a gateway that is not in the tailnet": (
        with_nodes({"id": "build"}, instance={"tailscale": {"enabled": False}}),
        f'{AT}.gateway "home" has Tailscale disabled, so no node reaches it. Enable it, or remove the node.',
    ),
    "a gateway where only people log in": (
        with_nodes({"id": "build"}, instance={"gateway": {"auth": {"mode": "identity"}}}),
        f'{AT}.gateway "home" has auth mode "identity", in which no node can pair: a tagged device '
        'has no user. Use "token" or "password".',
    ),
    "a phone without https": (
        with_nodes({"id": "phone", "kind": "mobile"}, instance={"tailscale": {"reach": "http"}}),
        f'{AT}.gateway "home" has reach "http": the apps accept a pairing code only over https. Use "https".',
    ),
    "a phone with a key": (
        with_nodes({"id": "phone", "kind": "mobile", "authKey": KEY}),
        f'{AT}.authKey has no effect on a node of kind "mobile". Remove it.',
    ),
    "a pod's settings for a machine": (
        with_nodes({"id": "build", "kubernetes": {}}),
        f'{AT}.kubernetes has no effect on a node of kind "linux". Remove it.',
    ),
    "somebody who would connect to a pod": (
        with_nodes({"id": "build", "kind": "kubernetes", "people": ["a@b.c"]}),
        f'{AT}.people has no effect on a node of kind "kubernetes". Remove it.',
    ),
    "ports for nobody": (
        with_nodes({"id": "build", "ports": [22]}),
        f"{AT}.ports has no effect, because people is empty. List people, or remove ports.",
    ),
    "unknown group": (
        with_nodes({"id": "build", "people": ["group:ops"]}, tailnet={"name": "example.ts.net", "ownership": "owned"}),
        f'{AT}.people[0] "group:ops" is not a group of tailnet.groups. Add it there.',
    ),
    "external without a key": (
        with_nodes(
            {"id": "build"},
            instance={"tailscale": {"authKey": KEY}},
            tailnet={"name": "example.ts.net", "ownership": "external"},
        ),
        f'{AT}.authKey.value is missing: with tailnet.ownership "external" no key is minted. Set it: '
        "pulumi config set --secret --path 'nodes[0].authKey.value'.",
    ),
    "empty key": (
        with_nodes({"id": "build", "authKey": {"value": " "}}),
        f"{AT}.authKey.value is empty. Set it, or remove the key.",
    ),
    "a command that the gateway denies": (
        with_nodes({"id": "build"}, instance={"gateway": {"nodes": {"commands": {"deny": ["system.which"]}}}}),
        f'{AT}.commands[2] "system.which" is denied by instances[0].gateway.nodes.commands.deny. Remove one of the two.',
    ),
    "no version to install": (
        with_nodes({"id": "build"}, images={"gateway": "x.io/g@sha256:" + "0" * 64}),
        f"images.gateway has no tag that says which version {AT} should install. Write a version, with at most -slim, -browser "
        "or a date such as -r20260820, before any digest, such as :2026.9.6.",
    ),
    "no digest": (
        with_nodes(
            {"id": "build", "kind": "kubernetes", "kubernetes": {"image": "x.io/tools:1.0.0"}},
            images={
                "requireDigest": True,
                "gateway": "x.io/g@sha256:" + "0" * 64,
                "tailscale": "x.io/t@sha256:" + "0" * 64,
            },
        ),
        f'{AT}.kubernetes.image "x.io/tools:1.0.0" has no digest, which images.requireDigest asks for (I8). Add it.',
    ),
    "memory request above limit": (
        with_nodes({"id": "b", "kind": "kubernetes", "kubernetes": {"resources": {"memoryRequest": "3Gi"}}}),
        f'{AT}.kubernetes.resources.memoryRequest "3Gi" is above the limit. Lower it.',
    ),
    "a pattern of commands": (
        with_nodes({"id": "build", "commands": ["system.*"]}),
        f"{AT}.commands[0] is not a node command. Write its exact name, such as system.run; patterns match nothing.",
    ),
    "a browser in a pod": (
        with_nodes({"id": "build", "kind": "kubernetes", "browser": {}}),
        f'{AT}.browser has no effect on a node of kind "kubernetes". Remove it.',
    ),
    "a phone's browser": (
        with_nodes({"id": "phone", "kind": "mobile", "browser": {}}),
        f'{AT}.browser has no effect on a node of kind "mobile". Remove it.',
    ),
    "a shell beside a browser": (
        with_nodes({"id": "build", "browser": {}, "commands": ["system.run"]}),
        f"{AT}.commands would get past browser.profiles: a command reads every profile of the machine. Remove it, or give the "
        "commands a node of their own.",
    ),
    "a browser without its setting": (
        with_nodes({"id": "build", "commands": ["system.run", "browser.proxy.upload.v1"]}),
        f"{AT}.commands[1] would offer every profile of the browser. Remove it, and use browser on a node of kind linux or mac.",
    ),
    "a pod's browser without its setting": (
        with_nodes({"id": "build", "kind": "kubernetes", "commands": ["browser.proxy"]}),
        f"{AT}.commands[0] would offer every profile of the browser. Remove it, and use browser on a node of kind linux or mac.",
    ),
    "two browsers for one agent": (
        with_nodes({"id": "a", "browser": {}}, {"id": "b", "kind": "mac", "browser": {}}),
        'nodes[1].browser is the second one for "home", after nodes[0]: the agent would have to guess. Remove one of them.',
    ),
    "a browser that the gateway denies": (
        with_nodes(
            {"id": "build", "browser": {}}, instance={"gateway": {"nodes": {"commands": {"deny": ["browser.proxy"]}}}}
        ),
        f'{AT}.browser "browser.proxy" is denied by instances[0].gateway.nodes.commands.deny. Remove one of the two.',
    ),
    "a profile that would take over what is open": (
        with_nodes({"id": "build", "browser": {"profiles": ["chrome", "user"]}}),
        f"{AT}.browser.profiles[1] must be one of openclaw, chrome.",
    ),
    "a profile twice": (
        with_nodes({"id": "build", "browser": {"profiles": ["chrome", "chrome"]}}),
        f"{AT}.browser.profiles lists the same entry twice, at [0] and at [1]. Remove one of them.",
    ),
    "no profile": (
        with_nodes({"id": "build", "browser": {"profiles": []}}),
        f"{AT}.browser.profiles is empty. Add at least one entry.",
    ),
    "the machine's own services": (
        with_nodes({"id": "build", "browser": {"hosts": ["127.0.0.1"]}}),
        f"{AT}.browser.hosts[0] is the machine itself, whose local services trust whoever asks. Name another host.",
    ),
    "an address with its scheme": (
        with_nodes({"id": "build", "browser": {"hosts": ["https://wiki.example.com"]}}),
        f"{AT}.browser.hosts[0] is not a host. Write a name such as wiki.example.com or an address, without scheme, port and "
        "patterns.",
    ),
    "an unknown kind": (
        with_nodes({"id": "build", "kind": "windows"}),
        f"{AT}.kind must be one of linux, kubernetes, mac, mobile.",
    ),
    "no list": (
        {**smallest(), "nodes": {}},
        "nodes must be a list. Add one entry for each node, with id, kind and gateway.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_one_line(name: str) -> None:
    config, line = CASES[name]
    assert lines(config) == [line]


def test_a_mistake_in_an_instance_is_not_also_one_of_its_nodes() -> None:
    assert len(lines(with_nodes({"id": "build"}, instance={"people": ["*"]}))) == 1
