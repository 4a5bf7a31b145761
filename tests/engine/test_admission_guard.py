"""The admission guard in the real API server: what it refuses, to whom, and with which words; and what it lets through.

Every attack is sent twice as a dry run: to a stack whose guard denies, and to one whose guard only warns. All rules that an
attack breaks are in the warnings, where a refusal shows the first.
"""

from collections.abc import Generator

import pytest

from components.admission import rules
from components.constants import PROJECT
from sandbox.kube import Object
from tests.support.engine_world import Cluster, MakeStack, Stack, eventually, instance, steps
from tests.support.guard_attacks import ATTACKS, Attack, block, connected, deleted, egress, made
from tests.support.guard_pods import POD_ATTACKS, debugged
from tests.support.guard_requests import (
    ADMINISTRATOR,
    CONTROLLER,
    EDITOR,
    PROGRAM,
    Answer,
    Ask,
    Request,
    Scene,
    Who,
    ask,
)

MESSAGES = {rule.id: f"{rule.invariant}: {rule.message}" for rule in rules()}
ALL: tuple[Attack, ...] = (*ATTACKS, *POD_ATTACKS)
RBAC = "rbac.authorization.k8s.io"
EVERYTHING = [
    "",
    "storage.k8s.io",
    "apps",
    "batch",
    "networking.k8s.io",
    "discovery.k8s.io",
    "policy",
    "example.com",
    "gateway.networking.k8s.io",
]


@pytest.fixture(scope="module")
def guarded(stack: MakeStack) -> Stack:
    new_stack = stack("guarded")
    new_stack.up(instance("guarded"))
    return new_stack


@pytest.fixture(scope="module")
def warned(stack: MakeStack) -> Stack:
    """A stack that tries its guard out."""
    new_stack = stack("warned")
    new_stack.config = {f"{PROJECT}:cluster": {"admission": "warn"}}
    new_stack.up(instance("warned"))
    return new_stack


@pytest.fixture(scope="module")
def people(cluster: Cluster, guarded: Stack, warned: Stack) -> Generator[None]:
    """The rights of those who attack: the role `edit` in both namespaces, a program's in all, and a few cluster-wide."""
    rights = {
        "agent": [
            {"apiGroups": EVERYTHING, "resources": ["*"], "verbs": ["*"]},
            {"apiGroups": [RBAC], "resources": ["*"], "verbs": ["bind", "create"]},
        ],
        "debuggers": [{"apiGroups": [""], "resources": ["pods/ephemeralcontainers"], "verbs": ["*"]}],
        "landlords": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["*"]}],
        "storage-admins": [{"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["*"]}],
    }
    for name, allowed in rights.items():
        role: Object = {"metadata": {"name": f"test-{name}"}, "rules": allowed}
        cluster.create(f"/apis/{RBAC}/v1/clusterroles", role)
        subject: Object = {"kind": "Group", "apiGroup": RBAC, "name": name}
        if name == "agent":
            subject = AGENT
        cluster.create(f"/apis/{RBAC}/v1/clusterrolebindings", bound(f"test-{name}", f"test-{name}", subject))
    for namespace in ("openclaw-guarded", "openclaw-warned"):
        eve: Object = {"kind": "User", "apiGroup": RBAC, "name": EDITOR.user}
        # Also the proof that roles for people may be given.
        for given in ("edit", "test-debuggers"):
            path = f"/apis/{RBAC}/v1/namespaces/{namespace}/rolebindings"
            assert cluster.create(path, bound(f"eve-{given}", given, eve))
    yield
    for name in rights:
        for kind in ("clusterrolebindings", "clusterroles"):
            cluster.delete(f"/apis/{RBAC}/v1/{kind}/test-{name}")


def bound(name: str, role: str, subject: Object) -> Object:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }


@pytest.fixture
def scene(people: None, cluster: Cluster) -> Scene:
    return Scene(cluster, "guarded", "openclaw-guarded")


@pytest.fixture
def trial(people: None, cluster: Cluster) -> Scene:
    return Scene(cluster, "warned", "openclaw-warned")


def test_every_rule_is_attacked() -> None:
    assert {attack.rule for attack in ALL} == set(MESSAGES)


@pytest.mark.parametrize("attack", ALL, ids=str)
def test_an_attack_is_refused(scene: Scene, attack: Attack) -> None:
    answer = ask(scene.cluster, attack.who, attack.request(scene))
    assert answer.refused, f"it was let through: {answer}"
    # The words of one of our rules, never an error of an expression.
    assert any(message in answer.refused for message in MESSAGES.values()), answer.refused


@pytest.mark.parametrize("attack", ALL, ids=str)
def test_a_guard_that_warns_names_the_rule(trial: Scene, attack: Attack) -> None:
    answer = ask(trial.cluster, attack.who, attack.request(trial))
    if attack.rule == "ownership/label":
        assert MESSAGES[attack.rule] in answer.refused
        return
    assert answer.refused == ""
    assert MESSAGES[attack.rule] in answer.warnings, answer


@pytest.mark.parametrize("attack", [one for one in POD_ATTACKS if one.rule != "pods/image"], ids=str)
def test_a_namespace_without_the_label_is_not_affected(scene: Scene, attack: Attack) -> None:
    request = attack.request(scene)
    if request.method == "POST":
        assert request.body is not None
        request.body["metadata"]["namespace"] = "default"
        elsewhere = Request("POST", "/api/v1/namespaces/default/pods", request.body)
        assert ask(scene.cluster, attack.who, elsewhere).refused == ""


def restarted(scene: Scene) -> Request:
    annotations = {"kubectl.kubernetes.io/restartedAt": "2026-11-27T12:00:00Z"}
    body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    return Request("PATCH", scene.path("deployments", "openclaw", "apps/v1"), body)


def scaled(scene: Scene) -> Request:
    path = f"{scene.path('deployments', 'openclaw', 'apps/v1')}/scale"
    return Request("PATCH", path, {"spec": {"replicas": 0}}, "application/merge-patch+json")


def evicted(scene: Scene) -> Request:
    body: Object = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": scene.metadata(scene.pod_name())}
    return Request("POST", f"{scene.path('pods', scene.pod_name())}/eviction", body)


def annotated(scene: Scene) -> Request:
    path = scene.path("pods", scene.pod_name())
    return Request("PATCH", path, {"metadata": {"annotations": {"cni.example.com/seen": "yes"}}})


SERVED = '{"TCP": {"80": {"HTTP": true}}, "Web": {"a.b:80": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:18789"}}}}}'
# What somebody other than the stack's administrators still does, and programs of the cluster.
ALLOWED: dict[str, tuple[Who, Ask]] = {
    "a restart": (EDITOR, restarted),
    "an end for now": (EDITOR, scaled),
    "a pod deleted": (EDITOR, lambda scene: Request("DELETE", scene.path("pods", scene.pod_name()))),
    "a pod evicted": (PROGRAM, evicted),
    "a pod annotated by the network": (PROGRAM, annotated),
    "a shell in the gateway": (EDITOR, connected("exec", "container=gateway&command=id&stdout=1")),
    "a shell where none is named": (EDITOR, connected("exec", "command=id&stdout=1")),
    "a Secret for secretsFrom": (EDITOR, made("secrets", "Secret", stringData={"A": "b"})),
    "a ConfigMap of authorities": (PROGRAM, made("configmaps", "ConfigMap", data={"ca.crt": "-----BEGIN"})),
    "a word about Funnel": (
        EDITOR,
        made("configmaps", "ConfigMap", data={"a.md": 'AllowFunnel: {} and "AllowFunnel" too'}),
    ),
    "as much as a ConfigMap can be": (
        PROGRAM,
        made("configmaps", "ConfigMap", data={f"{part}.crt": "AllowFunnel " + "x " * 130_000 for part in range(3)}),
    ),
    "the longest configuration": (
        ADMINISTRATOR,
        made("configmaps", "ConfigMap", data={"openclaw.json": '{"bind": "loopback", "mode": "' + "x " * 400_000}),
    ),
    "DNS on the node": (
        ADMINISTRATOR,
        made(
            "networkpolicies",
            "NetworkPolicy",
            "networking.k8s.io/v1",
            spec={"podSelector": {}, **egress(block("169.254.20.10/32"), port=53)},
        ),
    ),
    "a policy for a hundred addresses": (
        ADMINISTRATOR,
        made(
            "networkpolicies",
            "NetworkPolicy",
            "networking.k8s.io/v1",
            spec={"podSelector": {}, **egress(*(block(f"10.0.{number}.0/24") for number in range(100)))},
        ),
    ),
    "a role for a thousand people": (
        ADMINISTRATOR,
        lambda scene: Request(
            "POST",
            f"/apis/{RBAC}/v1/clusterrolebindings",
            {
                **bound("asked", "view", {}),
                "subjects": [
                    {"kind": "ServiceAccount", "name": "default", "namespace": f"team-{number}"}
                    for number in range(1000)
                ],
            },
        ),
    ),
    "a Serve file as ours": (EDITOR, made("configmaps", "ConfigMap", data={"serve.json": SERVED})),
    "a role": (ADMINISTRATOR, made("roles", "Role", f"{RBAC}/v1", rules=[])),
    "the same pod from its controller": (CONTROLLER, lambda scene: Request("POST", scene.path("pods"), scene.pod())),
    "kubectl debug --profile=restricted": (ADMINISTRATOR, debugged()),
    "a debugger in the gateway's processes": (ADMINISTRATOR, debugged(targetContainerName="gateway")),
    "an administrator in the sidecar": (ADMINISTRATOR, connected("exec", "container=tailscale&command=id&stdout=1")),
    "an administrator's port-forward": (ADMINISTRATOR, connected("portforward", "ports=18789")),
    "a Service inside the cluster": (ADMINISTRATOR, made("services", "Service", spec={"ports": [{"port": 80}]})),
    "the stack's own policy deleted": (
        ADMINISTRATOR,
        deleted("networkpolicies", "default-deny", "networking.k8s.io/v1"),
    ),
    "a token for an administrator": (
        ADMINISTRATOR,
        lambda scene: Request(
            "POST",
            f"{scene.path('serviceaccounts', 'default')}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": None}},
        ),
    ),
    "egress to a private address": (
        ADMINISTRATOR,
        made(
            "networkpolicies",
            "NetworkPolicy",
            "networking.k8s.io/v1",
            spec={"podSelector": {}, **egress(block("10.0.0.0/8"), block("192.168.1.0/24"))},
        ),
    ),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_it_is_let_through_without_a_warning(scene: Scene, trial: Scene, what: str) -> None:
    who, request = ALLOWED[what]
    for place in (scene, trial):
        answer = ask(place.cluster, who, request(place))
        assert (answer.refused, answer.warnings) == ("", "")
        # A simulated node answers no connection.
        assert answer.status < 400 or (answer.status != 403 and request(place).connects), answer


CUSTOM = ("example.com", "reports"), ("gateway.networking.k8s.io", "httproutes")
CLASSES = ("gateway.networking.k8s.io", "gatewayclasses")
AGENT: Object = {"kind": "ServiceAccount", "name": "agent", "namespace": "tools"}


def _kind(version: str, kind: str) -> Object:
    return {"apiVersion": version, "kind": kind}


# Nothing of a gateway, and of no namespace: a selector of namespaces does not leave such kinds out.
ELSEWHERE: dict[str, tuple[str, Object]] = {
    "a volume": (
        "/api/v1/persistentvolumes",
        {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"}}},
    ),
    "a storage class": (
        "/apis/storage.k8s.io/v1/storageclasses",
        {**_kind("storage.k8s.io/v1", "StorageClass"), "provisioner": "example.com/disks"},
    ),
    "a namespace": ("/api/v1/namespaces", {}),
    "a role": (f"/apis/{RBAC}/v1/clusterrolebindings", bound("asked", "view", {**AGENT, "name": "other"})),
    "a port": ("/api/v1/namespaces/default/services", {"spec": {"type": "NodePort", "ports": [{"port": 80}]}}),
    "a kind that publishes": (
        f"/apis/{CLASSES[0]}/v1/{CLASSES[1]}",
        _kind(f"{CLASSES[0]}/v1", "GatewayClass"),
    ),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_the_rest_of_the_cluster_is_not_affected(scene: Scene, trial: Scene, custom: None, what: str) -> None:
    path, body = ELSEWHERE[what]
    for who in (ADMINISTRATOR, PROGRAM):
        request = Request("POST", path, {**body, "metadata": {"name": "asked"}})
        answer = ask(scene.cluster, who, request)
        assert (answer.refused, answer.warnings, answer.status) == ("", "", 201), answer


@pytest.fixture(scope="module")
def custom(cluster: Cluster) -> None:
    """Kinds that the API server does not bring along."""
    for group, plural in (*CUSTOM, CLASSES):
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        approved = {"api-approved.kubernetes.io": "unapproved, only for a test"} if group.endswith(".k8s.io") else {}
        kind = "GatewayClass" if plural == "gatewayclasses" else plural.removesuffix("s").capitalize()
        body: Object = {
            "metadata": {"name": f"{plural}.{group}", "annotations": approved},
            "spec": {
                "group": group,
                "scope": "Cluster" if plural == "gatewayclasses" else "Namespaced",
                "names": {"plural": plural, "singular": plural.removesuffix("s"), "kind": kind},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
            },
        }
        cluster.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
        inside = "" if plural == "gatewayclasses" else "namespaces/default/"
        path = f"/apis/{group}/v1/{inside}{plural}"
        eventually(lambda path=path: cluster.send("GET", path, None).status_code == 200, "the new kind to be served")


CUSTOM_CASES: dict[str, tuple[Who, tuple[str, str], bool]] = {
    "a report of a program": (PROGRAM, CUSTOM[0], True),
    "anything of a person": (EDITOR, CUSTOM[0], False),
    "a route of a program": (PROGRAM, CUSTOM[1], False),
    "a route of an administrator": (ADMINISTRATOR, CUSTOM[1], False),
}


@pytest.mark.parametrize("what", CUSTOM_CASES)
def test_kinds_of_others_come_from_programs_and_publish_nothing(scene: Scene, custom: None, what: str) -> None:
    who, (group, plural), allowed = CUSTOM_CASES[what]
    if who is EDITOR:
        # The role `edit` knows no kinds of others, unless they say so themselves.
        who = Who(PROGRAM.user.replace("tools", scene.namespace), ["landlords-of-reports"])
        role = bound("reports", "test-agent", {"kind": "Group", "apiGroup": RBAC, "name": "landlords-of-reports"})
        scene.cluster.create(f"/apis/{RBAC}/v1/namespaces/{scene.namespace}/rolebindings", role)
    request = made(plural, plural.removesuffix("s").capitalize(), f"{group}/v1")(scene)

    def answer() -> Answer | None:
        """Nothing while the API server has not heard of the role."""
        said = ask(scene.cluster, who, request)
        return said if said.status != 403 or said.refused else None

    assert bool(eventually(answer, "the role to be in force", 10).refused) == (not allowed)


def test_a_guard_that_only_audits_stops_and_warns_nobody(stack: MakeStack, people: None, cluster: Cluster) -> None:
    audited = stack("audited")
    audited.config = {f"{PROJECT}:cluster": {"admission": "audit"}}
    audited.up(instance("audited"))
    scene = Scene(cluster, "audited", "openclaw-audited")
    attack = made("services", "Service", spec={"ports": [{"port": 80}], "type": "NodePort"})
    assert ask(cluster, ADMINISTRATOR, attack(scene)).refused == ""
    bindings = [one for kind, one in cluster.of_stack("audited") if kind == "GuardBinding"]
    modes = {
        one["metadata"]["name"].removeprefix("openclaw-tailnet-audited-"): one["spec"]["validationActions"]
        for one in bindings
    }
    assert modes.pop("ownership") == ["Deny"]
    assert all(actions == ["Audit"] for actions in modes.values())
    audited.destroy()


def test_the_expressions_have_no_warning_of_the_api_server(guarded: Stack, cluster: Cluster) -> None:
    """The controller-manager checks each against the schema of the kinds that it is about."""

    def policies() -> list[Object]:
        return [one for kind, one in cluster.of_stack("guarded") if kind == "Guard"]

    def checked() -> bool:
        return all(
            one.get("status", {}).get("observedGeneration") == one["metadata"]["generation"] for one in policies()
        )

    eventually(checked, "the controller-manager to check every policy")
    warnings = {
        one["metadata"]["name"]: one["status"].get("typeChecking", {}).get("expressionWarnings", [])
        for one in policies()
    }
    assert {name: found for name, found in warnings.items() if found} == {}


def test_two_stacks_in_one_cluster_leave_each_other_alone(guarded: Stack, stack: MakeStack, cluster: Cluster) -> None:
    before = cluster.inventory("guarded")
    neighbour = stack("neighbour")
    neighbour.up(instance("neighbour", storage={"retain": False}))
    place = Scene(cluster, "neighbour", "openclaw-neighbour")
    attack = made("services", "Service", spec={"ports": [{"port": 80}], "type": "NodePort"})
    said = ask(cluster, ADMINISTRATOR, attack(place)).refused
    assert "openclaw-tailnet-neighbour-services" in said
    assert "openclaw-tailnet-guarded" not in said

    neighbour.destroy()
    assert cluster.inventory("neighbour") == {}
    assert cluster.inventory("guarded") == before
    said = ask(cluster, ADMINISTRATOR, attack(Scene(cluster, "guarded", "openclaw-guarded"))).refused
    assert "openclaw-tailnet-guarded-services" in said
    unchanged = guarded.preview(instance("guarded"))
    assert unchanged.unchanged, steps(unchanged)
