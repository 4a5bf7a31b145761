"""The placement in the manifests: what the owner says is in the pod, and what is ours stays as it was."""

from collections.abc import Iterator
from typing import Any

import pytest

from components.placement import NEVER_BY_PROXY, Authorities, placed
from components.settings import Placement
from tests.support.certificates import AUTHORITY, OTHER_AUTHORITY
from tests.support.configs import PLACED_NODE, Raw, smallest
from tests.support.graph import Graph
from tests.support.harness import run_program
from tests.support.placements import FROM_ELSEWHERE, PLACED, TO_THE_PROXY

NOTHING = smallest()
EVERYTHING = smallest(pod=PLACED, extraEgress=[TO_THE_PROXY])
NODE: Raw = {**smallest(), "nodes": [{"id": "build", "gateway": "home", **PLACED_NODE}]}
URL = PLACED["proxy"]["url"]
WITHOUT = ",".join([*NEVER_BY_PROXY, *PLACED["proxy"]["noProxy"]])


def template(graph: Graph, deployment: str = "home-gateway") -> Any:
    return graph.one("Deployment", deployment).plain["spec"]["template"]


def containers(pod: Any) -> dict[str, Any]:
    return {one["name"]: one for one in [*pod.get("initContainers", []), *pod["containers"]]}


def variables(container: Any) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in container.get("env", [])}


def added(one: Raw, other: Raw, deployment: str = "home-gateway") -> dict[str, dict[str, Any]]:
    """The variables of each container that only the second configuration gives."""
    before, after = (containers(template(run_program(config), deployment)["spec"]) for config in (one, other))
    return {
        name: {key: value for key, value in variables(after[name]).items() if key not in variables(before[name])}
        for name in after
    }


def test_scheduling_stands_in_the_pod() -> None:
    pod = template(run_program(EVERYTHING))["spec"]
    for key in ("nodeSelector", "tolerations", "runtimeClassName", "priorityClassName"):
        assert pod[key] == PLACED[key]
    assert pod["imagePullSecrets"] == [{"name": name} for name in PLACED["imagePullSecrets"]]


def test_words_of_the_owner_stand_beside_ours() -> None:
    before, after = (template(run_program(config))["metadata"] for config in (NOTHING, EVERYTHING))
    assert after["labels"] == {**before["labels"], **PLACED["labels"]}
    assert set(after["annotations"]) == {*before["annotations"], *PLACED["annotations"]}


def test_without_a_placement_the_pod_has_none_of_its_keys() -> None:
    pod = template(run_program(NOTHING))["spec"]
    assert not {"nodeSelector", "tolerations", "runtimeClassName", "priorityClassName", "imagePullSecrets"} & set(pod)
    assert template(run_program(smallest(pod={"labels": {}})))["spec"] == pod


def test_what_is_ours_stays_as_it_was() -> None:
    before, after = (template(run_program(config))["spec"] for config in (NOTHING, EVERYTHING))
    assert {key: after[key] for key in before if "ontainers" not in key and key != "volumes"} == {
        key: value for key, value in before.items() if "ontainers" not in key and key != "volumes"
    }
    assert after["volumes"][: len(before["volumes"])] == before["volumes"]
    for name, container in containers(before).items():
        ours = containers(after)[name]
        assert {key: ours[key] for key in container if key not in ("env", "volumeMounts")} == {
            key: value for key, value in container.items() if key not in ("env", "volumeMounts")
        }
        assert variables(container).items() <= variables(ours).items()
        assert ours["volumeMounts"][: len(container["volumeMounts"])] == container["volumeMounts"]


def test_ours_wins_even_over_what_the_settings_would_refuse() -> None:
    """Should a key pass them: what is laid under ours cannot replace it."""
    ours: Any = {
        "spec": {
            "template": {
                "metadata": {"labels": {"a": "ours"}, "annotations": {"b": "ours"}},
                "spec": {
                    "runtimeClassName": "ours",
                    "volumes": [],
                    "containers": [
                        {"name": "gateway", "env": [{"name": "HTTPS_PROXY", "value": "ours"}], "volumeMounts": []}
                    ],
                },
            }
        }
    }
    theirs = {"labels": {"a": "b"}, "annotations": {"b": "a"}, "runtimeClassName": "x", "proxy": PLACED["proxy"]}
    pod = placed(ours, Placement.model_validate(theirs), None)["spec"]["template"]
    assert pod["metadata"] == ours["spec"]["template"]["metadata"]
    assert pod["spec"]["runtimeClassName"] == "ours"
    # The last of two with one name counts.
    assert variables(pod["spec"]["containers"][0])["HTTPS_PROXY"] == "ours"


def test_the_function_changes_nothing_that_it_is_given() -> None:
    volumes: list[Any] = []
    given: Any = {"spec": {"template": {"metadata": {"labels": {}}, "spec": {"containers": [], "volumes": volumes}}}}
    result = placed(given, Placement.model_validate(PLACED), Authorities("ca", "ca.crt"))
    assert (volumes, given["spec"]["template"]["metadata"]) == ([], {"labels": {}})
    assert result["spec"]["template"]["spec"]["volumes"]


PROXY = smallest(pod={"proxy": PLACED["proxy"]}, extraEgress=[TO_THE_PROXY])
IN_CAPITALS = {"HTTPS_PROXY": URL, "HTTP_PROXY": URL, "NO_PROXY": WITHOUT}
IN_BOTH = {**IN_CAPITALS, "https_proxy": URL, "http_proxy": URL, "no_proxy": WITHOUT, "NODE_USE_ENV_PROXY": "1"}


def test_a_proxy_is_the_gateway_s_and_the_sidecar_s() -> None:
    """The sidecar's probe, BusyBox' wget, would ask a proxy in small letters for loopback."""
    assert added(NOTHING, PROXY) == {"gateway": IN_BOTH, "tailscale": IN_CAPITALS, "unseal": {}}


def test_npm_installs_plugins_through_the_proxy_and_trusts_its_authority() -> None:
    plugins = {"gateway": {"plugins": {"slack": "@openclaw/slack@2026.9.6"}}}
    pod = {key: PLACED[key] for key in ("proxy", "caBundle")}
    before, after = smallest(**plugins), smallest(**plugins, pod=pod, extraEgress=[TO_THE_PROXY])
    assert added(before, after)["plugins"] == {**IN_BOTH, "NODE_EXTRA_CA_CERTS": "/etc/extra-ca/ca.crt"}


def test_a_node_s_commands_keep_the_proxy_into_the_tailnet() -> None:
    proxy = {"pod": {"proxy": PLACED["proxy"]}, "extraEgress": [TO_THE_PROXY]}
    node = {"id": "build", "kind": "kubernetes", "gateway": "home"}
    before, after = ({**smallest(), "nodes": [{**node, **more}]} for more in ({}, {"kubernetes": proxy}))
    expected = {"tailscale": IN_CAPITALS, "unseal": {}, "enrol": {}, "node": {}}
    assert added(before, after, "node-build-host") == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", ".svc", ".cluster.local"])
def test_i1_loopback_and_the_cluster_are_never_asked_of_a_proxy(host: str) -> None:
    for container in containers(template(run_program(EVERYTHING))["spec"]).values():
        for key, value in variables(container).items():
            assert key.lower() != "no_proxy" or host in value.split(",")


def trusting(config: Raw, deployment: str = "home-gateway") -> dict[str, str]:
    """The variable by which each container trusts the mounted certificates."""
    graph = run_program(config)
    trust: dict[str, str] = {}
    for name, container in containers(template(graph, deployment)["spec"]).items():
        mounts = [mount for mount in container["volumeMounts"] if mount["name"] == "extra-ca"]
        keys = {"NODE_EXTRA_CA_CERTS", "SSL_CERT_DIR", "SSL_CERT_FILE"} & set(variables(container))
        assert len(mounts) == len(keys)
        if keys:
            assert mounts == [{"name": "extra-ca", "mountPath": "/etc/extra-ca", "readOnly": True}]
            (key,) = keys
            trust[name] = f"{key}={variables(container)[key]}"
    return trust


def test_authorities_are_trusted_besides_the_system_s() -> None:
    """SSL_CERT_FILE would be read instead of the system's file; NODE_EXTRA_CA_CERTS and a directory are read besides."""
    node_js = "NODE_EXTRA_CA_CERTS=/etc/extra-ca/ca.crt"
    go = "SSL_CERT_DIR=/etc/ssl/certs:/etc/extra-ca"
    assert trusting(EVERYTHING) == {"gateway": node_js, "tailscale": go}
    assert trusting(NODE, "node-build-host") == {"enrol": node_js, "node": node_js, "tailscale": go}
    assert trusting(NOTHING) == {}


def sources(graph: Graph, deployment: str = "home-gateway") -> Iterator[Any]:
    for volume in template(graph, deployment)["spec"]["volumes"]:
        if volume["name"] == "extra-ca":
            yield volume["configMap"]


def test_another_certificate_is_another_config_map_and_pod() -> None:
    names, digests = set[str](), set[str]()
    for pem in (AUTHORITY, AUTHORITY + OTHER_AUTHORITY):
        graph = run_program(smallest(pod={"caBundle": {"pem": pem}}))
        (source,) = sources(graph)
        config_map = graph.one("ConfigMap", "home-ca-bundle")
        assert (config_map.plain["data"], config_map.plain["immutable"]) == ({"ca.crt": pem}, True)
        assert source == {"name": config_map.object_name, "items": [{"key": "ca.crt", "path": "ca.crt"}]}
        names.add(source["name"])
        digests.add(template(graph)["metadata"]["annotations"]["openclaw-tailnet/objects"])
    assert (len(names), len(digests)) == (2, 2)


def test_a_config_map_of_somebody_else_s_is_only_named() -> None:
    graph = run_program(smallest(pod={"caBundle": FROM_ELSEWHERE}))
    assert list(sources(graph)) == [{"name": "corporate-ca", "items": [{"key": "ca-bundle.crt", "path": "ca.crt"}]}]
    assert not [one for one in graph.of("ConfigMap") if one.object_name == "corporate-ca" or "ca-bundle" in one.name]


def test_i10_a_disabled_sidecar_changes_nothing_of_the_placement() -> None:
    off = smallest(pod=PLACED, extraEgress=[TO_THE_PROXY], tailscale={"enabled": False})
    pod = template(run_program(off))["spec"]
    assert list(containers(pod)) == ["gateway"]
    assert IN_BOTH.items() <= variables(containers(pod)["gateway"]).items()
    assert pod["nodeSelector"] == PLACED["nodeSelector"]


def test_i11_a_placement_changes_the_deployment_only() -> None:
    before, after = (run_program(smallest(pod=pod)) for pod in ({}, {**PLACED, "proxy": None}))
    changed = {urn for urn in after.resources if before.resources.get(urn) != after.resources[urn]}
    assert {after.resources[urn].name for urn in changed} == {"home-gateway", "home-ca-bundle"}
    assert set(before.resources) == set(after.resources) - {
        urn for urn in changed if after.resources[urn].kind == "ConfigMap"
    }
