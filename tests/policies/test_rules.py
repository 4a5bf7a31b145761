"""Each rule: what passes, what is refused with which words, and what an unknown value does to it."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UNKNOWN_OBJECT_VALUE, UNKNOWN_STRING_VALUE

from tests.support.policy_cases import DEPLOYMENT, SPEC, Props, container, deployment, pod, run

REMOVE = "Remove it; people reach a gateway through the tailnet."
TAILNET_SIDE = "Remove it. Only `tailscale` and `unseal` may hold Tailscale's secrets."
ENROL_ONLY = "Remove it. The gateway's secret is for the container `enrol` alone, which ends before any command runs."
TOKEN_VARIABLE = {
    "name": "OPENCLAW_GATEWAY_TOKEN",
    "valueFrom": {"secretKeyRef": {"name": "gateway-token", "key": "token"}},
}


@dataclass(frozen=True)
class Case:
    rule: str
    kind: str
    good: Props | None  # None: the type alone decides
    bad: Props
    message: str
    undecided: Props | None  # the value that decides is unknown: nothing is said in preview

    def __str__(self) -> str:
        return self.rule


def tailnet_pod(**gateway: Any) -> Props:
    sealed = {"name": "tailnet-sealed", "secret": {"secretName": "sealed-1"}}
    sidecar = container("tailscale", volumeMounts=[{"name": "tailnet-sealed", "mountPath": "/s"}])
    return deployment(pod(container(**gateway), initContainers=[sidecar], volumes=[sealed]))


def token_pod(name: str, token: Any) -> Props:
    volume = {"name": "id", "projected": {"sources": [{"serviceAccountToken": token}]}}
    return deployment(pod(container(name, volumeMounts=[{"name": "id", "mountPath": "/id"}]), volumes=[volume]))


def tun_pod(path: str) -> Props:
    return deployment(pod(container(), volumes=[{"name": "tun", "hostPath": {"path": path, "type": "CharDevice"}}]))


CASES = [
    Case(
        "I1 services",
        "kubernetes:core/v1:Service",
        {"spec": {"type": "ClusterIP", "ports": [{"port": 1}]}},
        {"spec": {"type": "NodePort"}},
        f'I1: Service "x" is of type NodePort: it opens a port on every node (spec.type). {REMOVE}',
        {"spec": {"type": UNKNOWN_STRING_VALUE}},
    ),
    Case(
        "I1 publishing_kinds",
        "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute",
        None,
        {"spec": {}},
        f'I1: HTTPRoute "x" publishes what is behind it outside the cluster. {REMOVE}',
        None,
    ),
    Case(
        "I1 publishing_annotations",
        "kubernetes:core/v1:Service",
        {"metadata": {"annotations": {"tailscale.com/expose": "false", "team": "a"}}},
        {"metadata": {"annotations": {"tailscale.com/expose": "true"}}},
        f'I1: Service "x" has an annotation that publishes it (metadata.annotations["tailscale.com/expose"]). {REMOVE}',
        {"metadata": {"annotations": {"tailscale.com/expose": UNKNOWN_STRING_VALUE}}},
    ),
    Case(
        "I1 host_ports",
        DEPLOYMENT,
        deployment(pod(container(ports=[{"containerPort": 18789}]))),
        deployment(pod(container(ports=[{"containerPort": 1}, {"hostPort": 8080.0}]))),
        f'I1: Deployment "x" binds a port of the node in container "gateway" ({SPEC}.containers[0].ports[1].hostPort). '
        + REMOVE,
        deployment(pod(container(ports=[{"hostPort": UNKNOWN_STRING_VALUE}]))),
    ),
    Case(
        "I1 opaque_releases",
        "kubernetes:helm.sh/v3:Release",
        None,
        {"chart": "nginx"},
        'I1: Release "x" deploys objects that no rule can read; one of them may be public. '
        "Use kubernetes.helm.v4.Chart: its objects are resources of the stack, each seen by the rules.",
        None,
    ),
    Case(
        "I1 serve_config",
        "kubernetes:core/v1:ConfigMap",
        {"data": {"serve.json": '{"AllowFunnel": {"${TS_CERT_DOMAIN}:443": false}}'}},
        {"data": {"serve.json": '{"AllowFunnel": {"${TS_CERT_DOMAIN}:443": true}}'}},
        'I1: ConfigMap "x" turns Tailscale Funnel on, which opens the gateway to the internet (data["serve.json"]). '
        "Set AllowFunnel to false or leave it out; people reach a gateway through the tailnet.",
        {"data": {"serve.json": UNKNOWN_STRING_VALUE}},
    ),
    Case(
        "I1 policy_attribute",
        "tailscale:index/acl:Acl",
        {"acl": '{"nodeAttrs": [], /* no funnel */ "grants": [],}'},
        {"acl": '{"nodeAttrs": [{"target": ["tag:x"], "attr": ["funnel"]}]}'},
        'I1: Acl "x" gives devices the attribute `funnel`, which lets them open to the internet '
        "(acl: nodeAttrs). Remove the attribute; people reach a gateway through the tailnet.",
        {"acl": UNKNOWN_STRING_VALUE},
    ),
    Case(
        "I1 command",
        DEPLOYMENT,
        deployment(pod(container("tailscale", args=["--socket=/tmp/s"]))),
        deployment(pod(container("tailscale", args=["sh", "-c", "tailscale funnel 443"]))),
        f'I1: Deployment "x" runs a command that mentions Funnel in container "tailscale" ({SPEC}.containers[0]). '
        "Remove it; the Serve config alone says what is served, inside the tailnet.",
        deployment(pod(container("tailscale", args=[UNKNOWN_STRING_VALUE]))),
    ),
    Case(
        "I1 config_file",
        "kubernetes:core/v1:ConfigMap",
        {"data": {"openclaw.json": '{"gateway": {"bind": "loopback", "tailscale": {"mode": "off"}}}'}},
        {"data": {"openclaw.json": '{"gateway": {"bind": "lan"}}'}},
        'I1: ConfigMap "x" does not bind the gateway to loopback (data["openclaw.json"]: gateway.bind). '
        'Set gateway.bind to "loopback"; the sidecar alone serves it, inside the tailnet.',
        {"data": {"openclaw.json": UNKNOWN_STRING_VALUE}},
    ),
    Case(
        "I1 flags",
        DEPLOYMENT,
        deployment(pod(container(args=["node", "openclaw.mjs", "gateway", "--bind", "loopback"]))),
        deployment(pod(container(args=["node", "openclaw.mjs", "gateway", "--bind", "lan"]))),
        f'I1: Deployment "x" widens the gateway\'s bind by --bind in container "gateway" ({SPEC}.containers[0]). '
        "Remove it; openclaw.json alone sets the bind, to loopback.",
        deployment(pod(container(args=["--bind", UNKNOWN_STRING_VALUE]))),
    ),
    Case(
        "I2 capabilities",
        DEPLOYMENT,
        deployment(pod(container("tailscale", securityContext={"capabilities": {"add": ["NET_ADMIN"]}}))),
        deployment(pod(container(securityContext={"capabilities": {"add": ["NET_ADMIN"]}}))),
        'I2: Deployment "x" adds NET_ADMIN to container "gateway" '
        f"({SPEC}.containers[0].securityContext.capabilities.add[0]). "
        "Remove it. Only the container `tailscale` may have it.",
        deployment(pod(container(securityContext={"capabilities": {"add": [UNKNOWN_STRING_VALUE]}}))),
    ),
    Case(
        "I2 privileges",
        DEPLOYMENT,
        deployment(pod(container(securityContext={"privileged": False, "allowPrivilegeEscalation": False}))),
        deployment(pod(container(securityContext={"privileged": True}))),
        'I2: Deployment "x" runs container "gateway" privileged: it controls the node '
        f"({SPEC}.containers[0].securityContext.privileged). Remove it.",
        deployment(pod(container(securityContext={"privileged": UNKNOWN_BOOLEAN_VALUE}))),
    ),
    Case(
        "I2 host_paths",
        DEPLOYMENT,
        tun_pod("/dev/net/tun"),
        tun_pod("/var/run"),
        'I2: Deployment "x" takes a file or directory of the node other than /dev/net/tun '
        f"({SPEC}.volumes[0].hostPath.path). Use a persistent volume claim, a ConfigMap, a Secret or an emptyDir.",
        tun_pod(UNKNOWN_STRING_VALUE),
    ),
    Case(
        "I3 volumes",
        DEPLOYMENT,
        tailnet_pod(volumeMounts=[{"name": "gateway-home", "mountPath": "/home"}]),
        tailnet_pod(volumeMounts=[{"name": "tailnet-sealed", "mountPath": "/s"}]),
        'I3: Deployment "x" mounts a volume of Tailscale\'s in container "gateway" '
        f"({SPEC}.containers[0].volumeMounts[0]). {TAILNET_SIDE}",
        tailnet_pod(volumeMounts=[{"name": UNKNOWN_STRING_VALUE}]),
    ),
    Case(
        "I3 environment",
        DEPLOYMENT,
        tailnet_pod(envFrom=[{"secretRef": {"name": "model-keys"}}]),
        tailnet_pod(envFrom=[{"secretRef": {"name": "sealed-1"}}]),
        'I3: Deployment "x" gives container "gateway" an object of Tailscale\'s as variables '
        f"({SPEC}.containers[0].envFrom[0].secretRef). {TAILNET_SIDE}",
        tailnet_pod(envFrom=[{"secretRef": {"name": UNKNOWN_STRING_VALUE}}]),
    ),
    Case(
        "I3 processes",
        DEPLOYMENT,
        deployment(pod(container(), shareProcessNamespace=False)),
        deployment(pod(container(), shareProcessNamespace=True)),
        "I3: Deployment \"x\" lets its containers see each other's processes, and through them each other's files "
        f"({SPEC}.shareProcessNamespace). Remove it.",
        deployment(pod(container(), shareProcessNamespace=UNKNOWN_BOOLEAN_VALUE)),
    ),
    Case(
        "I4 node_secret",
        DEPLOYMENT,
        deployment(pod(container("node"), initContainers=[container("enrol", env=[TOKEN_VARIABLE])])),
        deployment(pod(container("node", env=[TOKEN_VARIABLE]))),
        f'I4: Deployment "x" gives container "node" a secret as a variable ({SPEC}.containers[0].env[0]). {ENROL_ONLY}',
        deployment(pod(container("node", env=UNKNOWN_OBJECT_VALUE))),
    ),
    Case(
        "I5 automount",
        DEPLOYMENT,
        deployment(pod(container())),
        deployment({"containers": [container()]}),
        'I5: Deployment "x" lets Kubernetes mount a service-account token '
        f"({SPEC}.automountServiceAccountToken). Set it to false.",
        deployment(pod(container(), automountServiceAccountToken=UNKNOWN_BOOLEAN_VALUE)),
    ),
    Case(
        "I5 projected",
        DEPLOYMENT,
        token_pod("tailscale", {"audience": "api.tailscale.com/x"}),
        token_pod("tailscale", {"expirationSeconds": 600}),
        'I5: Deployment "x" projects a token that is not for the tailnet alone '
        f"({SPEC}.volumes[0].projected.sources[0].serviceAccountToken.audience). "
        "Remove the source, or name an audience of Tailscale's: api.tailscale.com/<client id>.",
        token_pod("tailscale", {"audience": UNKNOWN_STRING_VALUE}),
    ),
    Case(
        "I5 token_secrets",
        "kubernetes:core/v1:Secret",
        {"type": "Opaque"},
        {"type": "kubernetes.io/service-account-token"},
        'I5: Secret "x" asks for a service-account token that never expires (type). Remove it.',
        {"type": UNKNOWN_STRING_VALUE},
    ),
    Case(
        "I5 bindings",
        "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
        {"subjects": [{"kind": "Group", "name": "owners"}]},
        {"subjects": [{"kind": "Group", "name": "owners"}, {"kind": "ServiceAccount", "name": "default"}]},
        'I5: RoleBinding "x" gives rights in the Kubernetes API to a service account (subjects[1]). '
        "Remove it; no pod needs any.",
        {"subjects": [{"kind": UNKNOWN_STRING_VALUE, "name": "default"}]},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_passes(case: Case) -> None:
    kind = case.kind if case.good is not None else "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    assert run(case.rule, kind, case.good or {}) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_refuses(case: Case) -> None:
    assert run(case.rule, case.kind, case.bad) == [case.message]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_unknown_value_is_left_to_up(case: Case) -> None:
    if case.undecided is None:
        assert run(case.rule, case.kind, {"spec": UNKNOWN_OBJECT_VALUE}) == [case.message]
    else:
        assert run(case.rule, case.kind, case.undecided) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_unknown_values_beside_hide_nothing(case: Case) -> None:
    beside = {"status": UNKNOWN_OBJECT_VALUE, **case.bad, "apiVersion": UNKNOWN_STRING_VALUE}
    assert run(case.rule, case.kind, beside) == [case.message]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=4) | st.just(UNKNOWN_STRING_VALUE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("name", "env", "envFrom", "ports", "args", "securityContext", "volumeMounts", "lifecycle")


@settings(max_examples=40, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, json_values)), json_values)
def test_no_input_makes_a_rule_fail(odd: Props, volumes: Any) -> None:
    """Whatever a program declares, a rule answers: an exception would end the engine with a traceback."""
    spec = {"containers": [odd, {"env": [odd], "ports": [odd]}], "volumes": volumes}
    for case in CASES:
        run(case.rule, DEPLOYMENT, deployment(spec))
        run(case.rule, case.kind, {"spec": odd, "data": volumes, "subjects": volumes, "acl": volumes, "items": volumes})
