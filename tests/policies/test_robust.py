"""Whatever a program declares, the pack answers: it does not fail, is not slow, and repeats no value."""

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi_policy.proxy import UNKNOWN_OBJECT_VALUE, UNKNOWN_STRING_VALUE

from policies.pack import analyze
from tests.support.configs import SHAPES
from tests.support.harness import run_program
from tests.support.processor import measured

Resource = tuple[str, str, dict[str, Any]]

KINDS = (
    *(
        "kubernetes:core/v1:Secret",
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:apps/v1:Deployment",
        "kubernetes:v1:List",
    ),
    *("kubernetes:core/v1:Service", "kubernetes:core/v1:Namespace", "kubernetes:networking.k8s.io/v1:NetworkPolicy"),
    *(
        "kubernetes:argoproj.io/v1alpha1:Workflow",
        "kubernetes:yaml/v2:ConfigGroup",
        "kubernetes:cilium.io/v2:CiliumNetworkPolicy",
    ),
    *("tailscale:index/acl:Acl", "tailscale:index/tailnetKey:TailnetKey", "docker:index/container:Container"),
    *(
        "command:local:Command",
        "kubernetes:apiextensions.k8s.io:CustomResource",
        "pulumi:providers:kubernetes",
        "odd",
        "",
    ),
)
# Words that lead into a rule, so that arbitrary values arrive there.
KEYS = (
    *(
        "metadata",
        "annotations",
        "labels",
        "name",
        "namespace",
        "spec",
        "template",
        "containers",
        "initContainers",
        "env",
        "envFrom",
    ),
    *(
        "value",
        "valueFrom",
        "secretKeyRef",
        "image",
        "command",
        "args",
        "lifecycle",
        "preStop",
        "exec",
        "ports",
        "hostPort",
        "volumes",
    ),
    *(
        "securityContext",
        "capabilities",
        "add",
        "drop",
        "resources",
        "limits",
        "volumeMounts",
        "mountPath",
        "hostPath",
        "projected",
    ),
    *(
        "sources",
        "egress",
        "ingress",
        "to",
        "from",
        "ipBlock",
        "cidr",
        "except",
        "port",
        "endPort",
        "protocol",
        "podSelector",
        "items",
    ),
    *(
        "data",
        "stringData",
        "binaryData",
        "openclaw.json",
        "serve.json",
        "acl",
        "tags",
        "scopes",
        "subjects",
        "kind",
        "apiVersion",
    ),
    *(
        "openclaw-tailnet/allow",
        "kubectl.kubernetes.io/last-applied-configuration",
        "gateway",
        "bind",
        "yaml",
        "type",
        "matchLabels",
    ),
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "lan",
            "*",
            "tailscale",
            "gateway",
            "ghcr.io/openclaw/openclaw:latest",
            "sh",
            "-c",
            "0.0.0.0/0",
            "ünï",
            "ZW4=",
            "I1: so",
        ]
    ),
    st.sampled_from([UNKNOWN_STRING_VALUE, UNKNOWN_OBJECT_VALUE]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), inner, max_size=5)
    ),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), VALUES, max_size=6))
def test_no_tree_of_properties_makes_a_rule_fail(kind: str, props: dict[str, Any]) -> None:
    assert [one.message for one in analyze([(kind, "x", props)]) if "cannot be judged" in one.message] == []


def golden() -> list[Resource]:
    resources = [
        one for shape in ("default", "node-kubernetes", "owned", "identity") for one in run_program(SHAPES[shape]).all()
    ]
    return [(one.type, one.name, one.plain) for one in resources if one.custom and not one.type.startswith("random:")]


GOLDEN = golden()
SECRET = "Pl4nted_Secret-0xYZ"


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [way for key, item in value.items() for way in leaves(item, (*path, key))]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list):
        return [way for index, item in enumerate(value) for way in leaves(item, (*path, index))]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return [path]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy  # pyright: ignore[reportUnknownVariableType]


PLACES = [(number, way) for number, (_, _, props) in enumerate(GOLDEN) for way in leaves(props)]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(PLACES),
    st.sampled_from([SECRET, f"--token={SECRET}", f"I6: {SECRET} is why", f"tskey-auth-{SECRET}"]),
)
def test_no_message_repeats_a_value(place: tuple[int, tuple[Any, ...]], planted: str) -> None:
    number, way = place
    kind, name, props = GOLDEN[number]
    others = GOLDEN[:number] + GOLDEN[number + 1 :]
    said = analyze([(kind, name, replaced(props, way, planted)), *others])
    assert [one.message for one in said if SECRET in one.message or "Pl4nted" in one.message] == []


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from([UNKNOWN_STRING_VALUE, UNKNOWN_OBJECT_VALUE]))
def test_an_unknown_value_refuses_nothing(place: tuple[int, tuple[Any, ...]], unknown: str) -> None:
    """Alone, without the rest of its stack: what the unknown value decides is decided in `up`."""
    number, way = place
    kind, name, props = GOLDEN[number]
    if name == "home-default-deny" or way[-1:] == ("namespace",):
        # A stack without its default deny, for all that is known.
        return
    said = analyze([(kind, name, replaced(props, way, unknown))])
    assert [one.message for one in said if not one.advisory] == []


LONG = 300_000
# Seconds of the processor; what needs more grows with the square of a text, and would take minutes.
BOUND = 1.0
PIECES = (
    *(
        "a",
        " ",
        "\n",
        '"',
        "'",
        "\\",
        "\\u",
        "/",
        "//",
        "/*",
        "*/",
        "[",
        "{",
        '{"a":',
        "]",
        ",",
        ":",
        "=",
        "-",
        "--",
        "- ",
        "--bind ",
        "$",
        "$(",
    ),
    *(
        "${",
        "`",
        ";",
        "&",
        "#",
        "sh -c ",
        "eyJ",
        "eyJa.",
        "sk-",
        "tskey-auth-",
        "://a:",
        "://a:b",
        "-----BEGIN ",
        "ghp_",
        "bearer ",
        "token=",
        "&a ",
    ),
    *(
        "*a ",
        "a: ",
        "? ",
        "kind: ",
        "gateway",
        "AllowFunnel",
        "xoxb-",
        "0.0.0.0/0",
        "\0",
        "é",
        "A=1 ",
        "a.b:c/",
        "node ",
        "(",
        ")",
        "((",
        "%",
        "export A=",
    ),
)


@pytest.mark.parametrize("piece", PIECES, ids=repr)
def test_the_time_for_any_text_is_bounded(piece: str) -> None:
    text = (piece * (LONG // len(piece) + 1))[:LONG]
    image = "ghcr.io/openclaw/openclaw:2026.9.6"
    spec = {
        "containers": [
            {"name": "gateway", "image": image, "args": ["sh", "-c", text], "env": [{"name": "A", "value": text}]}
        ]
    }
    named = {"metadata": {"name": "openclaw", "annotations": {"a": text, "openclaw-tailnet/allow": text}}}
    resources: list[Resource] = [
        (
            "kubernetes:core/v1:ConfigMap",
            "a",
            {**named, "data": {"openclaw.json": text, "serve.json": text, "x": text}},
        ),
        ("kubernetes:core/v1:Secret", "b", {"data": {"openclaw.json": text}, "stringData": {"x": text}}),
        ("kubernetes:apps/v1:Deployment", "c", {**named, "spec": {"template": {"spec": spec}}}),
        ("kubernetes:example.com/v1:Odd", "d", {"spec": {"a": text, "kind: ": f"kind: {text}"}}),
        ("tailscale:index/acl:Acl", "e", {"acl": text}),
        ("command:local:Command", "f", {"create": text}),
    ]
    for resource in resources:
        took, _ = measured(partial(analyze, [resource]), BOUND)
        assert took < BOUND, f"{resource[0]} took {took:.1f} s"


@pytest.mark.parametrize("depth", [90, 5_000])
def test_no_depth_makes_the_pack_fail(depth: int) -> None:
    nested: Any = "x"
    for _ in range(depth):
        nested = {"a": [nested]}
    said = analyze([("kubernetes:core/v1:Service", "x", {"spec": nested, "type": "ClusterIP"})])
    assert [one.invariant for one in said] == (["I1"] if depth > 50 else [])
    document = '{"gateway":' * depth + "1" + "}" * depth
    said = analyze([("kubernetes:core/v1:ConfigMap", "x", {"data": {"openclaw.json": document}})])
    assert {one.invariant for one in said if not one.advisory} == {"I1"}


def test_as_many_values_as_no_resource_has_are_refused() -> None:
    said = analyze([("kubernetes:core/v1:ConfigMap", "x", {"data": {str(n): [n, n] for n in range(60_000)}})])
    assert [one.message for one in said] == [
        'I1: resource "x" is nested deeper, or has more values, than any rule reads. Declare it in parts.'
    ]


def test_secret_data_that_is_no_ascii_is_read_all_the_same() -> None:
    assert analyze([("kubernetes:core/v1:Secret", "x", {"data": {"a": "ünï", "b": "=", "c": "\ud800"}})]) == []


def test_references_that_multiply_are_not_followed() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    text = f"apiVersion: v1\nkind: Service\nspec: {{type: NodePort}}\n{bomb}"
    took, _ = measured(lambda: analyze([("kubernetes:yaml/v2:ConfigGroup", "x", {"yaml": text})]), BOUND)
    assert took < BOUND
    assert json.dumps(text)
