"""Every form that an invariant names is seen, in every kind, in every place of a pod, whatever is unknown around it."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UNKNOWN_OBJECT_VALUE, UNKNOWN_STRING_VALUE

from policies.rules.kinds import POD_SPECS
from tests.support.policy_cases import DEPLOYMENT, SPEC, Props, container, deployment, nested, pod, run

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
NODE_PORT = {"apiVersion": "v1", "kind": "Service", "spec": {"type": "NodePort"}}


def paths(rule: str, kind: str, props: Props) -> list[str]:
    """The paths that a rule reports: the part in parentheses of each message."""
    return [message.split(" (", 1)[1].split("). ", 1)[0] for message in run(rule, kind, props)]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"type": "LoadBalancer"}, "spec.type"),
        ({"externalIPs": ["203.0.113.1"]}, "spec.externalIPs"),
        ({"ports": [{"port": 1}, {"nodePort": 30000}]}, "spec.ports[1].nodePort"),
        ({"type": UNKNOWN_STRING_VALUE, "externalIPs": ["203.0.113.1"]}, "spec.externalIPs"),
    ],
)
def test_i1_service_that_opens(spec: Props, path: str) -> None:
    assert paths("I1 services", "kubernetes:core/v1:Service", {"spec": spec}) == [path]
    assert paths("I1 services", "kubernetes:core/v1:ServicePatch", {"spec": spec}) == [path]


def test_i1_services_in_a_list_are_seen() -> None:
    items = {"items": [{"spec": {"type": "ClusterIP"}}, NODE_PORT, UNKNOWN_OBJECT_VALUE]}
    assert paths("I1 services", "kubernetes:core/v1:ServiceList", items) == ["items[1].spec.type"]
    assert paths("I1 services", "kubernetes:v1:List", items) == ["items[1].spec.type"]


@pytest.mark.parametrize(
    "kind",
    [
        "networking.k8s.io/v1:Ingress",
        "networking.k8s.io/v1:IngressPatch",
        "networking.k8s.io/v1beta1:Ingress",
        "extensions/v1beta1:Ingress",
        *(
            f"gateway.networking.k8s.io/v1:{kind}"
            for kind in ("Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "GatewayPatch", "New")
        ),
        "tailscale.com/v1alpha1:Connector",
        "networking.istio.io/v1:Gateway",
        "traefik.io/v1alpha1:IngressRoute",
        "serving.knative.dev/v1:Service",
    ],
)
def test_i1_route_of_any_kind_is_refused(kind: str) -> None:
    assert len(run("I1 publishing_kinds", f"kubernetes:{kind}", {})) == 1


@pytest.mark.parametrize(
    "kind",
    [
        "kubernetes:core/v1:Endpoints",
        "kubernetes:discovery.k8s.io/v1:EndpointSlice",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "kubernetes:networking.k8s.io/v1:IngressClass",
        "kubernetes:core/v1:Service",
        "openclaw:tailnet:Gateway",
    ],
)
def test_i1_harmless_kinds_pass(kind: str) -> None:
    assert run("I1 publishing_kinds", kind, {}) == []


@pytest.mark.parametrize(
    "annotation",
    [
        "tailscale.com/expose",
        "tailscale.com/funnel",
        "kubernetes.io/ingress.class",
        "nginx.ingress.kubernetes.io/rewrite-target",
        "alb.ingress.kubernetes.io/scheme",
    ],
)
def test_i1_publishing_annotation_on_object_or_pods(annotation: str) -> None:
    metadata = {"metadata": {"annotations": {annotation: "x"}}}
    where = f'metadata.annotations["{annotation}"]'
    assert paths("I1 publishing_annotations", "kubernetes:core/v1:Service", metadata) == [where]
    assert paths("I1 publishing_annotations", DEPLOYMENT, {"spec": {"template": metadata}}) == [
        f"spec.template.{where}"
    ]


@pytest.mark.parametrize(
    "config",
    [
        '{"AllowFunnel": {"a:443": true}}',
        '{"allowfunnel": {"a:443": true}}',
        '{"\\u0041llowFunnel": {"a:443": true}}',
        '{"Foreground": {"x": {"AllowFunnel": {"a:443": true}}}}',
        '{"Services": [{"AllowFunnel": true}]}',
    ],
)
def test_i1_funnel_is_found_wherever_a_serve_config_may_hide_it(config: str) -> None:
    encoded = base64.b64encode(config.encode()).decode()
    for kind, field, name, text in [
        (CONFIG_MAP, "data", "serve.json", config),
        (CONFIG_MAP, "data", "other", config),
        (CONFIG_MAP, "binaryData", "serve.json", encoded),
        ("kubernetes:core/v1:Secret", "stringData", "serve.json", config),
        ("kubernetes:core/v1:Secret", "data", "serve.json", encoded),
    ]:
        assert len(run("I1 serve_config", kind, {field: {name: text}})) == 1, (kind, field)


def test_i1_serve_config_that_nobody_can_read_is_refused() -> None:
    for text in ('{"AllowFunnel": {"a": true}', '{"AllowFunnel": {"a": true}, "AllowFunnel": {}}'):
        assert run("I1 serve_config", CONFIG_MAP, {"data": {"serve.json": text}}) == [
            'I1: ConfigMap "x" holds a Serve config that is not valid JSON, so it cannot be checked for Funnel '
            '(data["serve.json"]). Write valid JSON, with each key once.'
        ]


def test_i1_policy_with_comments_is_read_and_an_unreadable_one_refused() -> None:
    opened = '// "//" is a string\n{"u": "https://x", /* { */ "nodeAttrs": [{"attr": ["funnel",],},],}'
    assert paths("I1 policy_attribute", "tailscale:index/acl:Acl", {"acl": opened}) == ["acl: nodeAttrs"]
    assert paths("I1 policy_attribute", "tailscale:index/acl:Acl", {"acl": opened + "}"}) == ["acl"]


@pytest.mark.parametrize(
    ("gateway", "refused"),
    [
        ({"bind": "loopback"}, []),
        ({}, ["gateway.bind"]),
        ({"bind": "auto", "tailscale": {"mode": "serve"}}, ["gateway.bind", "gateway.tailscale.mode"]),
        ({"bind": "loopback", "tailscale": {"mode": "funnel"}}, ["gateway.tailscale.mode"]),
        ({"bind": "loopback", "$include": "./other.json"}, ["$include"]),
    ],
)
def test_i1_openclaw_json(gateway: Props, refused: list[str]) -> None:
    data = {"data": {"openclaw.json": json.dumps({"gateway": gateway})}}
    assert paths("I1 config_file", CONFIG_MAP, data) == [f'data["openclaw.json"]: {path}' for path in refused]


def test_i1_openclaw_json_by_another_name_or_unreadable() -> None:
    assert paths("I1 config_file", CONFIG_MAP, {"data": {"a": '{"gateway": {"bind": "lan"}}'}}) == [
        "data.a: gateway.bind"
    ]
    assert run("I1 config_file", CONFIG_MAP, {"data": {"a": '{"gateway": {"other": 1}}'}}) == []
    assert run("I1 config_file", CONFIG_MAP, {"data": {"openclaw.json": "{bind: lan"}}) == [
        'I1: ConfigMap "x" holds an openclaw.json that is not valid JSON, so its bind cannot be checked '
        '(data["openclaw.json"]). Write valid JSON, with each key once.'
    ]


@pytest.mark.parametrize(
    "words",
    [
        {"args": ["gateway", "--bind", "auto"]},
        {"args": ["gateway", "--bind=tailnet"]},
        {"args": ["--bind=loopback", "--bind", "custom", UNKNOWN_STRING_VALUE]},
        {"command": ["sh", "-c"], "args": ["openclaw gateway --bind 'lan'"]},
        {"command": ["gateway", "--tailscale", "funnel"]},
    ],
)
def test_i1_flag_that_widens_the_bind(words: Props) -> None:
    assert paths("I1 flags", DEPLOYMENT, deployment(pod(container(**words)))) == [f"{SPEC}.containers[0]"]


def test_i1_flags_of_other_programs_are_their_own() -> None:
    assert run("I1 flags", DEPLOYMENT, deployment(pod(container("proxy", args=["--bind", "x"])))) == []


BAD: list[tuple[str, Props, str]] = [
    ("I1 host_ports", {"ports": [{"hostPort": 80}]}, "ports[0].hostPort"),
    ("I2 capabilities", {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, "capabilities.add[0]"),
    ("I2 capabilities", {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}, "capabilities.add[0]"),
    ("I2 privileges", {"securityContext": {"privileged": True}}, "securityContext.privileged"),
    ("I2 privileges", {"securityContext": {"allowPrivilegeEscalation": True}}, "allowPrivilegeEscalation"),
    ("I2 privileges", {"securityContext": {"procMount": "Unmasked"}}, "securityContext.procMount"),
    ("I2 host_paths", {"volumeMounts": [{"name": "tun"}]}, "volumeMounts[0]"),
    ("I3 volumes", {"volumeMounts": [{"name": "tun"}]}, "volumeMounts[0]"),
    ("I3 volumes", {"volumeDevices": [{"name": "tailnet-state"}]}, "volumeDevices[0]"),
    ("I3 volumes", {"volumeMounts": [{"name": "tailnet-of-a-claim-template"}]}, "volumeMounts[0]"),
    ("I3 volumes", {"volumeMounts": [{"name": "twin"}]}, "volumeMounts[0]"),
    ("I3 volumes", {"volumeMounts": [{"name": "bundle"}]}, "volumeMounts[0]"),
    ("I3 volumes", {"volumeMounts": [{"name": "claim"}]}, "volumeMounts[0]"),
    ("I3 environment", {"env": [{"name": "TS_AUTHKEY", "value": "x"}]}, "env[0]"),
    ("I3 environment", {"env": [{"valueFrom": {"secretKeyRef": {"name": "kek-1"}}}]}, "env[0].valueFrom.secretKeyRef"),
    ("I5 projected", {"volumeMounts": [{"name": "identity"}]}, "volumeMounts[0]"),
]
VOLUMES: list[Props] = [
    {"name": "tun", "hostPath": {"path": "/dev/net/tun", "type": "CharDevice"}},
    {"name": "tailnet-state", "persistentVolumeClaim": {"claimName": "tailnet-state"}},
    {"name": "tailnet-kek", "secret": {"secretName": "kek-1"}},
    {"name": UNKNOWN_STRING_VALUE, "emptyDir": {}},
    {"name": "twin", "secret": {"secretName": "kek-1"}},
    {"name": "bundle", "projected": {"sources": [{"secret": {"name": "kek-1"}}]}},
    {"name": "claim", "persistentVolumeClaim": {"claimName": "tailnet-state"}},
    {"name": "identity", "projected": {"sources": [{"serviceAccountToken": {"audience": "api.tailscale.com/k1"}}]}},
]
OTHERS: list[Any] = [
    container("unseal", volumeMounts=[{"name": "tailnet-kek"}]),
    container("tailscale", volumeMounts=[{"name": "tun"}, {"name": "identity"}]),
    container("tailscale", securityContext={"capabilities": {"add": ["NET_ADMIN"]}, "privileged": False}),
    container(UNKNOWN_STRING_VALUE, image=UNKNOWN_STRING_VALUE, env=UNKNOWN_OBJECT_VALUE),
    container("y", securityContext=UNKNOWN_OBJECT_VALUE, ports=[UNKNOWN_OBJECT_VALUE]),
    UNKNOWN_OBJECT_VALUE,
]


@settings(max_examples=150, deadline=None)
@given(
    bad=st.sampled_from(BAD),
    name=st.sampled_from(["gateway", "openclaw", "node"]),
    kind=st.sampled_from([*POD_SPECS, "DeploymentPatch", "Rollout"]),
    place=st.sampled_from(["containers", "initContainers", "ephemeralContainers"]),
    before=st.lists(st.sampled_from(OTHERS), max_size=3),
    after=st.lists(st.sampled_from(OTHERS), max_size=2),
)
def test_bad_container_is_found_in_any_place(
    bad: tuple[str, Props, str], name: str, kind: str, place: str, before: list[Any], after: list[Any]
) -> None:
    rule, fields, path = bad
    spec: Props = {"containers": [], "volumes": VOLUMES, "hostNetwork": UNKNOWN_BOOLEAN_VALUE}
    spec[place] = [*before, container(name, **fields), *after]
    keys = POD_SPECS.get(kind.removesuffix("Patch"), ("spec", "template", "spec"))
    at = f"{'.'.join(keys)}.{place}[{len(before)}]."
    found = paths(rule, f"kubernetes:any/v1:{kind}", nested(keys, spec))
    (refused_path,) = [one for one in found if one.startswith(at)]
    assert refused_path.endswith(path)
    # An ephemeral container has no rights of the sidecar's, whatever it is called.
    assert len(found) == 1 or place == "ephemeralContainers"


@pytest.mark.parametrize(
    ("rule", "fields", "path"),
    [
        ("I1 host_ports", {"hostNetwork": True}, "hostNetwork"),
        ("I2 privileges", {"hostPID": True}, "hostPID"),
        ("I2 privileges", {"hostIPC": True}, "hostIPC"),
        (
            "I2 host_paths",
            {"volumes": [{"name": "tun", "hostPath": {"path": "/dev/net/tun"}}]},
            "volumes[0].hostPath.type",
        ),
        ("I5 automount", {"automountServiceAccountToken": True}, "automountServiceAccountToken"),
        ("I5 automount", {"automountServiceAccountToken": None}, "automountServiceAccountToken"),
    ],
)
def test_pod_fields(rule: str, fields: Props, path: str) -> None:
    spec = pod(container(UNKNOWN_STRING_VALUE), **fields)
    assert paths(rule, DEPLOYMENT, deployment(spec)) == [f"{SPEC}.{path}"]


@pytest.mark.parametrize("audience", ["", "https://kubernetes.default.svc", "k3s", "tailscale", "x api.tailscale.com/"])
def test_i5_audience_of_somebody_else(audience: str) -> None:
    volume = {"name": "tailnet-token", "projected": {"sources": [{"serviceAccountToken": {"audience": audience}}]}}
    props = deployment(pod(container("tailscale"), volumes=[volume]))
    (finding,) = run("I5 projected", "kubernetes:apps/v1:Deployment", props)
    assert "projects a token that is not for the tailnet alone" in finding


def test_i5_patch_that_says_nothing_of_the_token_leaves_it_as_it_is() -> None:
    assert run("I5 automount", "kubernetes:apps/v1:DeploymentPatch", deployment({"containers": [container()]})) == []


def test_i2_persistent_volume_on_a_node_is_refused() -> None:
    volume = {"spec": {"hostPath": {"path": "/x"}}}
    assert paths("I2 host_paths", "kubernetes:core/v1:PersistentVolume", volume) == ["spec.hostPath"]


@pytest.mark.parametrize(
    ("kind", "name", "refused"),
    [
        ("ServiceAccount", "default", True),
        ("Group", "system:serviceaccounts:openclaw-home", True),
        ("Group", "system:authenticated", True),
        ("User", "system:serviceaccount:openclaw-home:default", True),
        ("User", "alice@example.com", False),
    ],
)
def test_i5_binding(kind: str, name: str, refused: bool) -> None:
    binding = {"subjects": [UNKNOWN_OBJECT_VALUE, {"kind": kind, "name": name}]}
    for form in ("RoleBinding", "ClusterRoleBinding", "ClusterRoleBindingPatch"):
        findings = run("I5 bindings", f"kubernetes:rbac.authorization.k8s.io/v1:{form}", binding)
        assert len(findings) == int(refused)
