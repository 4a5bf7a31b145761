"""`cluster.kubeconfig` is the path of a file. What a kubeconfig holds would stand in the state for all to read."""

import base64
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from components.settings.load import parse
from tests.support.configs import smallest
from tests.support.settings import lines

KUBECONFIG = {"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "a", "cluster": {"server": "https://a"}}]}
TOKEN = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    for part in ({"alg": "RS256", "kid": "some-key-or-other"}, {"iss": "https://kubernetes.default.svc"}, "x" * 30)
)
NO_PATHS: list[Any] = [
    *(KUBECONFIG, [KUBECONFIG], json.dumps(KUBECONFIG), json.dumps(KUBECONFIG, indent=1), yaml.safe_dump(KUBECONFIG)),
    *(yaml.safe_dump(KUBECONFIG, default_flow_style=True), base64.b64encode(json.dumps(KUBECONFIG).encode()).decode()),
    base64.urlsafe_b64encode(yaml.safe_dump(KUBECONFIG).encode()).decode().rstrip("="),
    base64.encodebytes(yaml.safe_dump(KUBECONFIG).encode()).decode(),
    *(
        TOKEN,
        "apiVersion: v1",
        "",
        "/",
        "~",
        "$HOME/.kube/config",
        "${KUBECONFIG}",
        "$(cat config)",
        "`id`",
        "a\nb",
        " ~/a",
    ),
    *("-----BEGIN CERTIFICATE-----", "a" * 2000, 5, True, "https://example.com/config", "/a;b", "/a|b", "/a'b", '/a"b'),
]


@pytest.mark.parametrize("value", NO_PATHS, ids=lambda value: repr(value)[:40])
def test_what_is_no_path_of_a_kubeconfig_is_refused(value: Any) -> None:
    (line,) = lines({**smallest(), "cluster": {"kubeconfig": value}})
    assert line.startswith("cluster.kubeconfig ")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "~/.kube/config",
            "/etc/rancher/k3s/k3s.yaml",
            "config",
            "./config",
            "../a/config",
            "/home/jürgen/.kube/config",
        ),
        *(
            "C:\\Users\\me\\.kube\\config",
            "C:/Users/me/.kube/config",
            "kubeconfig-prod.yaml",
            "/tmp/pytest-1/a_b/c+d@e/f",
            "/Users/John Doe/.kube/config",
        ),
        "/very/long/" + "directory/" * 50 + "config",
    ],
)
def test_a_path_of_a_kubeconfig_is_taken(path: str) -> None:
    assert parse({**smallest(), "cluster": {"kubeconfig": path}}).cluster.kubeconfig == path


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_document_in_base64_is_a_path(document: dict[str, str]) -> None:
    text = json.dumps({"apiVersion": "v1", "clusters": [], **document})
    for encoded in (base64.b64encode(text.encode()), base64.urlsafe_b64encode(text.encode())):
        assert len(lines({**smallest(), "cluster": {"kubeconfig": encoded.decode()}})) == 1
