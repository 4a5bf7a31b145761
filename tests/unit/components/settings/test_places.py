"""Places: addresses of services, and namespaces that are somebody else's."""

from typing import Any

import pytest

from components.settings.load import parse
from tests.support.configs import Raw, smallest, with_tailnet
from tests.support.settings import lines

BAD_URLS: list[Any] = [
    *(
        "https://user:hunter2@example.com",
        "https://hunter2@example.com",
        "https://example.com?key=hunter2",
        "https://example.com/?a",
    ),
    *(
        "https://example.com#hunter2",
        "https://example.com/#",
        "https://example.com:99999",
        "https://example.com:0",
        "https://a:b:c",
    ),
    *(
        "https://example.com:65536",
        "https://example.com:",
        "https://example.com:80a",
        "ftp://example.com",
        "//example.com",
    ),
    *(
        "example.com",
        "https://",
        "https:///a",
        "https://example..com",
        "https://-a.com",
        "https://a_b.com",
        "https://exa mple.com",
    ),
    *(
        "https://example.com/$(id)",
        "https://example.com/a b",
        "https://example.com\\@evil.com",
        "https://[::1",
        "https://::1",
    ),
    *(
        "https://1.2.3",
        "https://256.1.1.1",
        "https://example.com\n",
        " https://example.com",
        "https://exämple.com",
        "javascript:1",
    ),
    *(
        "https://example.com/a",
        "https://example.com//",
        "HTTPS://example.com",
        "https://example.com/;id",
        "https://a" + "b" * 300,
    ),
    *(
        "https://0x7f.1",
        "https://example.com/%61",
        443,
        None,
        [],
        {},
        "",
        "https://example.com:٤٤٣",
        "https://[fe80::1%25eth0]",
        "http://169.254.169.254",
        "https://[fe80::1]",
        "http://0.0.0.0:8080",
        "http://[::]",
        "http://224.0.0.1",
    ),
]
CLEAR = ["http://example.com", "http://8.8.8.8:80", "http://headscale.example.org:8080", "http://[2606:4700::1]"]
GOOD_URLS = [
    *("https://headscale.example.com", "https://headscale.example.com:8443", "https://8.8.8.8", "https://localhost"),
    *(
        "http://10.244.0.1:8085",
        "http://127.0.0.1:9",
        "http://localhost:8080",
        "http://headscale",
        "http://headscale.internal:80",
    ),
    *("http://headscale.vpn.svc", "http://headscale.lan", "https://[fd00::1]:8443", "http://[fd00::1]"),
]


@pytest.mark.parametrize("key", ["loginServer", "apiUrl"])
@pytest.mark.parametrize("url", [*[url for url in BAD_URLS if url is not None], *CLEAR], ids=repr)
def test_what_is_no_base_url_is_refused_and_not_repeated(key: str, url: Any) -> None:
    (line,) = lines(with_tailnet(**{key: url}))
    assert line.startswith(f"tailnet.{key} ")
    assert "hunter2" not in line
    assert ("unencrypted" in line) == (url in CLEAR)


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_base_url_is_taken(url: str) -> None:
    settings = parse(with_tailnet(loginServer=url, apiUrl=url))
    assert settings.tailnet.login_server == settings.tailnet.api_url == url


NO_ISSUERS = [
    *(
        url
        for url in BAD_URLS
        if isinstance(url, str) and url not in ("https://example.com/a",) and not url.endswith("//")
    ),
    *(
        "http://oidc.example.com",
        "https://kubernetes.default.svc",
        "https://kubernetes.default.svc.cluster.local",
        "https://10.0.0.1",
    ),
    *(
        "https://localhost",
        "https://[fd00::1]",
        "https://oidc.example.com/a?b",
        "https://u:p@oidc.example.com/a",
        "https://192.168.1.1/a",
    ),
]


@pytest.mark.parametrize("url", NO_ISSUERS, ids=repr)
def test_what_is_no_public_issuer_is_refused(url: str) -> None:
    (line,) = lines({**smallest(), "cluster": {"issuer": url}})
    assert line.startswith("cluster.issuer ")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://oidc.example.com",
            "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF",
            "https://a.b/c/d/",
        ),
        *("https://container.googleapis.com/v1/projects/p/locations/l/clusters/c", "https://1.1.1.1:8443/a"),
    ],
)
def test_a_public_issuer_is_taken(url: str) -> None:
    assert parse({**smallest(), "cluster": {"issuer": url}}).cluster.issuer == url


def with_cluster(cluster: Raw, namespace: str | None = None, of_pod: str | None = None, pod_id: str = "p") -> Raw:
    pod = {"id": pod_id, "kind": "kubernetes", "gateway": "home", "kubernetes": {"namespace": of_pod}}
    return {**smallest(namespace=namespace), "cluster": cluster, "nodes": [pod]}


SOMEBODY_ELSES: dict[str, tuple[Raw, str]] = {
    "default": (with_cluster({}, "default"), "instances[0].namespace"),
    "kube-public": (with_cluster({}, "kube-public"), "instances[0].namespace"),
    "the default monitoring": (with_cluster({}, "monitoring"), "instances[0].namespace"),
    "the monitoring": (with_cluster({"monitoringNamespace": "watch"}, "watch"), "instances[0].namespace"),
    "the DNS": (with_cluster({"dnsNamespace": "dns"}, "dns"), "instances[0].namespace"),
    "the DNS by the default name": (with_cluster({"dnsNamespace": "openclaw-home"}), "instances[0].namespace"),
    "a pod's monitoring": (with_cluster({}, of_pod="monitoring"), "nodes[0].kubernetes.namespace"),
    "a pod's DNS": (with_cluster({"dnsNamespace": "dns"}, of_pod="dns"), "nodes[0].kubernetes.namespace"),
    "a pod's by the default name": (
        with_cluster({"monitoringNamespace": "openclaw-node-q"}, pod_id="q"),
        "nodes[0].kubernetes.namespace",
    ),
    "a pod's kube-": (with_cluster({}, of_pod="kube-node-lease"), "nodes[0].kubernetes.namespace"),
}


@pytest.mark.parametrize("name", SOMEBODY_ELSES)
def test_a_namespace_of_somebody_else_s_is_refused(name: str) -> None:
    config, path = SOMEBODY_ELSES[name]
    (line,) = lines(config)
    assert line.startswith(f"{path} ")
    assert line.endswith("its pods would lose their network. Choose one for this instance alone.")


def test_the_name_of_the_monitoring_is_free_when_it_is_elsewhere() -> None:
    parse(with_cluster({"monitoringNamespace": "watch"}, "monitoring"))
