"""The placement of a pod: each refusal in its words, and what is not refused."""

import re
from typing import Any

import pytest
import yaml

from components.settings.load import parse
from components.settings.placement import Placement
from tests.support.configs import PLACED_NODE, ROOT, Raw, smallest
from tests.support.placements import FROM_ELSEWHERE, PLACED, TO_THE_PROXY
from tests.support.settings import lines

POD = "instances[0].pod"


def placed(**pod: Any) -> Raw:
    return smallest(pod=pod)


def tolerated(**toleration: Any) -> Raw:
    return placed(tolerations=[toleration])


def proxied(url: Any = "https://proxy.example.com", *rules: Raw, no_proxy: Any = ()) -> Raw:
    return smallest(pod={"proxy": {"url": url, "noProxy": list(no_proxy)}}, extraEgress=list(rules))


def rule(cidr: str, port: int, protocol: str = "TCP") -> Raw:
    return {"cidr": cidr, "ports": [{"port": port, "protocol": protocol}]}


EVERY_TAINT = (
    "tolerations[0].key is missing: a pod that tolerates every taint can run on control planes, and is never evicted from a "
    "Kubernetes node that is gone. Name the taint."
)
NOT_A_LABEL = "is not the value of a label. Use up to 63 letters, digits, - . or _, such as kube-dns."
NOT_A_NAME = "is not the name of a Kubernetes object. Use a-z, 0-9, dots and dashes."
LOGIN = (
    "proxy.url contains a login, which the sidecar would write to its log (I4). Use a proxy that needs none, such as "
    "one in the cluster that logs in to yours."
)
NOT_A_PROXY = (
    "proxy.url is not the URL of a proxy. Write scheme, host and optionally a port, without a path, such as "
    "http://proxy.example.com:3128."
)
NOT_A_HOST = "is not a host. Write a name, .example.com for every host of a domain, or an IPv4 address, without a port."
ITSELF = "proxy.url is the pod itself. Write the address at which the cluster reaches the proxy."


def closed(port: int) -> str:
    return f"proxy.url is not reachable from the pod: no rule of extraEgress allows TCP port {port} to that address. Add one."


REFUSED: dict[str, tuple[Raw, str]] = {
    "a selector that is no label": (
        placed(nodeSelector={"disk": "s s d"}),
        "nodeSelector.<key> contains a space or an",
    ),
    "a selector that is too long": (placed(nodeSelector={"disk": "x" * 64}), f"nodeSelector.<key> {NOT_A_LABEL}"),
    "a selector without a value": (placed(nodeSelector={"disk": ""}), f"nodeSelector.<key> {NOT_A_LABEL}"),
    "a selector that YAML read": (
        placed(nodeSelector={"gpu": True}),
        "nodeSelector.<key> is not a string. Put it in quotes.",
    ),
    "a selector's key": (
        placed(nodeSelector={"/disk": "ssd"}),
        "nodeSelector.<key> is not the key of a label. Use a name such as k8s-app or app.kubernetes.io/name.",
    ),
    "every taint": (tolerated(operator="Exists"), EVERY_TAINT),
    "every taint of an effect": (tolerated(operator="Exists", effect="NoExecute"), EVERY_TAINT),
    "a value without a taint": (tolerated(value="a"), EVERY_TAINT),
    "an empty key": (
        tolerated(key="", operator="Exists"),
        "tolerations[0].key is not the key of a label. Use a name such as k8s-app or app.kubernetes.io/name.",
    ),
    "a value for Exists": (
        tolerated(key="spot", operator="Exists", value="a"),
        'tolerations[0].value has no effect with operator "Exists". Remove one of the two.',
    ),
    "seconds without an effect": (
        tolerated(key="spot", tolerationSeconds=60),
        'tolerations[0].tolerationSeconds is only for effect "NoExecute". Remove it, or set that effect.',
    ),
    "seconds below none": (
        tolerated(key="spot", effect="NoExecute", tolerationSeconds=-1),
        'tolerations[0].tolerationSeconds "-1" is not a whole number from 0 to 31536000.',
    ),
    "an operator": (
        tolerated(key="spot", operator="Exist"),
        "tolerations[0].operator must be one of Equal, Exists. Did you mean Exists?",
    ),
    "an effect": (
        tolerated(key="spot", effect="NoRun"),
        "tolerations[0].effect must be one of NoSchedule, PreferNoSchedule, NoExecute.",
    ),
    "a toleration twice": (
        placed(tolerations=[{"key": "spot"}, {"key": "spot"}]),
        "tolerations lists the same entry twice, at [0] and at [1]. Remove one of them.",
    ),
    "a RuntimeClass": (placed(runtimeClassName="gVisor"), f"runtimeClassName {NOT_A_NAME}"),
    "a priority of the cluster": (
        placed(priorityClassName="system-node-critical"),
        "priorityClassName is reserved for the cluster's own pods. Create a PriorityClass, and write its name.",
    ),
    "a pull secret's content": (placed(imagePullSecrets=['{"auths":{}}']), f"imagePullSecrets[0] {NOT_A_NAME}"),
    "a pull secret as a manifest has it": (
        placed(imagePullSecrets=[{"name": "login"}]),
        "imagePullSecrets[0] is an object or a list. Write a single string.",
    ),
    "a pull secret twice": (
        placed(imagePullSecrets=["login", "login"]),
        "imagePullSecrets lists the same entry twice, at [0] and at [1]. Remove one of them.",
    ),
    "a label of ours": (
        placed(labels={"app.kubernetes.io/name": "mine"}),
        "labels.<key> is one of this stack's own labels (I12). Remove it.",
    ),
    "a label's value": (placed(labels={"team": "a/b"}), f"labels.<key> {NOT_A_LABEL}"),
    "an annotation that YAML read": (
        placed(annotations={"prometheus.io/scrape": True}),
        "annotations.<key> is not a string. Put it in quotes.",
    ),
    "an annotation of nothing": (
        placed(annotations={"note": " "}),
        "annotations.<key> is empty. Set it, or remove the key.",
    ),
    "an annotation of two lines": (
        placed(annotations={"note": "a\nb"}),
        "annotations.<key> starts or ends with a space, or contains an invisible character. Write it in one line.",
    ),
    "an annotation that is too long": (
        placed(annotations={"note": "x" * 2049}),
        "annotations.<key> is too long. Use at most 2048 characters.",
    ),
    "no authorities": (placed(caBundle={}), "caBundle names no certificates. Set pem or configMap."),
    "authorities twice": (
        placed(caBundle={**PLACED["caBundle"], "configMap": "corporate-ca"}),
        "caBundle.configMap is set together with pem. Keep one of the two.",
    ),
    "a key of what is no ConfigMap": (
        placed(caBundle={**PLACED["caBundle"], "key": "ca.crt"}),
        "caBundle.key has no effect with pem. Remove it.",
    ),
    "a ConfigMap's key": (
        placed(caBundle={"configMap": "corporate-ca", "key": "../ca.crt"}),
        "caBundle.key is not a key of a ConfigMap. Use letters, digits, - . or _, such as ca.crt.",
    ),
    "a proxy without a URL": (placed(proxy={}), "proxy.url is missing. Add it."),
    "a proxy with a login": (proxied("http://bob:hunter2@proxy.example.com:3128"), LOGIN),
    "a proxy with a name": (proxied("http://bob@proxy.example.com:3128"), LOGIN),
    "a proxy of another kind": (proxied("socks5://proxy.example.com:1080"), NOT_A_PROXY),
    "a proxy without a scheme": (proxied("proxy.example.com:3128"), NOT_A_PROXY),
    "a proxy with a path": (proxied("https://proxy.example.com/x"), NOT_A_PROXY),
    "a proxy that is a metadata service": (proxied("http://169.254.169.254"), NOT_A_PROXY),
    "a proxy in the pod": (proxied("http://127.0.0.1:3128"), ITSELF),
    "a proxy in the pod by name": (proxied("http://localhost:3128"), ITSELF),
    "a proxy in the pod by IPv6": (proxied("http://[::1]:3128"), ITSELF),
    "a proxy in the tailnet": (
        proxied("http://100.64.0.1:3128"),
        "proxy.url is in the tailnet, which the pod has to join first. Write an address outside it.",
    ),
    "a private proxy": (proxied("http://10.1.2.3:3128"), closed(3128)),
    "a private proxy on the usual port": (proxied("https://10.1.2.3"), closed(443)),
    "a private proxy with a rule for another": (proxied("http://10.1.2.3", rule("10.1.2.4/32", 80)), closed(80)),
    "a private proxy with a rule for UDP": (
        proxied("http://10.1.2.3:3128", rule("10.1.2.0/24", 3128, "UDP")),
        closed(3128),
    ),
    "a private proxy of IPv6": (proxied("https://[fd12::1]", rule("10.1.2.0/24", 443)), closed(443)),
    "a public proxy on a port of its own": (proxied("http://1.1.1.1:3128"), closed(3128)),
    "a named proxy on a port of its own": (proxied("http://proxy.example.com:3128"), closed(3128)),
    "a proxy with a private name": (proxied("https://proxy.internal"), closed(443)),
    "a proxy of the cloud's host": (proxied("https://168.63.129.16"), closed(443)),
    "everything without the proxy": (
        proxied(no_proxy=["*"]),
        "proxy.noProxy[0] would bypass the proxy for everything. Remove proxy instead.",
    ),
    "a network without the proxy": (
        proxied(no_proxy=["10.0.0.0/8"]),
        "proxy.noProxy[0] is a network, which OpenClaw does not support here. List its hosts.",
    ),
    "a host with a port": (proxied(no_proxy=["example.com:443"]), f"proxy.noProxy[0] {NOT_A_HOST}"),
    "a pattern": (proxied(no_proxy=["*.example.com"]), f"proxy.noProxy[0] {NOT_A_HOST}"),
    "two hosts in one": (proxied(no_proxy=["a.example.com,b.example.com"]), f"proxy.noProxy[0] {NOT_A_HOST}"),
    "a host of IPv6": (proxied(no_proxy=["fd12::1"]), f"proxy.noProxy[0] {NOT_A_HOST}"),
    "a host twice": (
        proxied(no_proxy=["example.com", "example.com"]),
        "proxy.noProxy lists the same entry twice, at [0] and at [1]. Remove one of them.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_its_reason(case: str) -> None:
    config, message = REFUSED[case]
    (line,) = lines(config)
    assert line == f"{POD}.{message}" if message.endswith((".", "?")) else line.startswith(f"{POD}.{message}")


ACCEPTED: dict[str, Raw] = {
    "nothing": placed(),
    "keys without a value": placed(nodeSelector=None, tolerations=None, caBundle=None, proxy=None),
    "everything": smallest(pod=PLACED, extraEgress=[TO_THE_PROXY]),
    "a taint without a value": tolerated(key="node-role.kubernetes.io/control-plane", effect="NoSchedule"),
    "a taint in all its effects": tolerated(key="spot", operator="Exists"),
    "a taint for no time": tolerated(key="spot", operator="Exists", effect="NoExecute", tolerationSeconds=0),
    "the same taint by two effects": placed(
        tolerations=[{"key": "spot", "effect": "NoSchedule"}, {"key": "spot", "effect": "NoExecute"}]
    ),
    "authorities of somebody else": placed(caBundle=FROM_ELSEWHERE),
    "a public proxy": proxied(),
    "a public proxy by address": proxied("https://1.1.1.1"),
    "a named proxy with a rule": proxied("http://proxy.example.com:3128", rule("10.0.0.0/8", 3128)),
    "a private name with a rule": proxied("https://squid.proxy.svc", rule("10.0.0.0/8", 443)),
    "a proxy of IPv6": proxied("http://[fd12::1]:3128", rule("fd12::/32", 3128)),
    "a public proxy with a rule": proxied("http://1.1.1.1:3128", rule("1.1.1.1/32", 3128)),
    "hosts without the proxy": proxied(no_proxy=["example.com", ".example.com", "registry", "10.1.2.3"]),
    "a node": {**smallest(), "nodes": [{"id": "build", "gateway": "home", **PLACED_NODE}]},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(case: str) -> None:
    parse(ACCEPTED[case])


def test_a_node_s_placement_is_checked_with_its_own_egress() -> None:
    """The rule of its gateway opens nothing for the node's pod."""
    kubernetes = {"pod": {"proxy": {"url": "http://10.1.2.3:3128"}}}
    node = {"id": "build", "kind": "kubernetes", "gateway": "home", "kubernetes": kubernetes}
    config = {**smallest(extraEgress=[TO_THE_PROXY]), "nodes": [node]}
    assert lines(config) == [f"nodes[0].kubernetes.pod.{closed(3128)}"]


def test_every_key_of_a_placement_is_in_the_example() -> None:
    """Else the tests of secrets in every place would pass one over."""
    assert set(PLACED) == {field.alias for field in Placement.model_fields.values()}


def test_the_example_of_the_page_is_taken_as_it_stands() -> None:
    """All of its keys, too: who reads the page knows them."""
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "placement.md").read_text(), re.DOTALL)
    (instance,) = parse({**smallest(), "instances": yaml.safe_load(block)}).instances
    assert instance.pod.model_fields_set == set(Placement.model_fields)
