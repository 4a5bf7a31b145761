"""Everything that the program declares is admitted, in every form of the settings: made, changed and deleted.

The objects are the program's own, without an engine: as a server-side apply of each, which is what the provider does.
"""

import json
from collections.abc import Generator, Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from components.admission import guards
from components.constants import ANNOTATION_IMAGE
from sandbox.kube import Object
from tests.support.configs import IDS, NODE_IDS, SHAPES, STACK_FILES, Raw, configurations, read_stack_file
from tests.support.engine_world import Cluster, eventually
from tests.support.graph import Graph
from tests.support.guard_requests import ADMINISTRATOR, CONTROLLER, PIPELINE, Request, ask
from tests.support.harness import run_program

STACK: Final = "test"
CONFIGS: Final[dict[str, Raw]] = {path.name: read_stack_file(path) for path in STACK_FILES} | SHAPES
ORDER: Final = ("Namespace", "PersistentVolumeClaim", "Secret", "ConfigMap", "NetworkPolicy", "Deployment")
PATHS: Final = {
    "Namespace": "/api/v1/namespaces",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
}
ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
POLICIES, BINDINGS = f"{ADMISSION}/validatingadmissionpolicies", f"{ADMISSION}/validatingadmissionpolicybindings"
# Wherever an instance or a node of these configurations may be.
NAMESPACES: Final = sorted(
    {f"{start}{name}" for name in IDS for start in ("openclaw-", "own-")}
    | {f"{start}{name}" for name in NODE_IDS for start in ("openclaw-node-", "work-")}
)


def declared(graph: Graph) -> Iterator[Object]:
    """The objects of the namespaces, in the order in which they are made."""
    objects = [resource.plain for resource in graph.kubernetes() if resource.kind in ORDER]
    yield from sorted(objects, key=lambda one: ORDER.index(one["kind"]))


def path(one: Object) -> str:
    """Where it is in the API."""
    return f"{PATHS[one['kind']].format(one['metadata'].get('namespace'))}/{one['metadata']['name']}"


@pytest.fixture(scope="module")
def enforced(cluster: Cluster) -> Generator[None]:
    """The guard of the stack, and the classes that its pods name."""
    made: list[str] = []
    for guard in guards(NAMESPACES):
        for collection, manifest in ((POLICIES, guard.policy(STACK)), (BINDINGS, guard.binding(STACK, "deny"))):
            kind = "ValidatingAdmissionPolicy" + ("Binding" if collection == BINDINGS else "")
            body = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, **manifest}
            made.append(f"{collection}/{manifest['metadata']['name']}")
            cluster.apply(made[-1], body)
    probe: Object = {"metadata": {"name": "openclaw-probe", "labels": {"openclaw-tailnet/stack": STACK}}}
    cluster.create("/api/v1/namespaces", probe)
    service = {"metadata": {"name": "asked"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
    where = Request("POST", "/api/v1/namespaces/openclaw-probe/services", service)
    eventually(lambda: ask(cluster, ADMINISTRATOR, where).refused, "the guard to be in force")
    made += pipeline_rights(cluster)
    yield
    for one in reversed(made):
        cluster.delete(one)
    cluster.delete("/api/v1/namespaces/openclaw-probe")


def pipeline_rights(cluster: Cluster) -> list[str]:
    """Paths of a role for the pipeline, and its binding: what the program declares, and the guard of this stack alone."""
    verbs = ["create", "get", "list", "watch", "patch", "update", "delete"]
    ours = [guard.name(STACK) for guard in guards([])]
    allowed: list[Object] = [
        {
            "apiGroups": [""],
            "resources": ["namespaces", "persistentvolumeclaims", "secrets", "configmaps"],
            "verbs": verbs,
        },
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": verbs},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": verbs},
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
            "resourceNames": ours,
            "verbs": verbs,
        },
    ]
    group = "rbac.authorization.k8s.io"
    cluster.create(f"/apis/{group}/v1/clusterroles", {"metadata": {"name": "test-pipeline"}, "rules": allowed})
    bound: Object = {
        "metadata": {"name": "test-pipeline"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "test-pipeline"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": PIPELINE.user}],
    }
    cluster.create(f"/apis/{group}/v1/clusterrolebindings", bound)
    return [f"/apis/{group}/v1/{kind}/test-pipeline" for kind in ("clusterroles", "clusterrolebindings")]


def applied(one: Object) -> Request:
    """The server-side apply of the provider."""
    where = f"{path(one)}?fieldManager=program&force=true"
    return Request("PATCH", where, one, "application/apply-patch+yaml")


@pytest.fixture(scope="module")
def homes(cluster: Cluster, enforced: None) -> Generator[set[str]]:
    """The namespaces that the tests fill. When all is done they go, and the control plane deletes what is in them."""
    filled: set[str] = set()
    yield filled
    for name in filled:
        cluster.delete(f"/api/v1/namespaces/{name}")
    eventually(
        lambda: not [name for name in filled if cluster.get(f"/api/v1/namespaces/{name}")], "the namespaces to go"
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_declared_comes_changes_and_goes(cluster: Cluster, homes: set[str], classes: None, name: str) -> None:
    """With the real controllers between the Deployment and its pod."""
    objects = list(declared(run_program(CONFIGS[name], stack=STACK)))
    homes |= {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"}
    for one in objects:
        declare(cluster, one)
    for workload in (one for one in objects if one["kind"] == "Deployment"):
        namespace = workload["metadata"]["namespace"]
        first = came(cluster, namespace)
        # Another version of the image, as an upgrade has it.
        template = workload["spec"]["template"]
        template["spec"]["containers"][0]["image"] += "-next"
        template["metadata"]["annotations"][ANNOTATION_IMAGE + template["spec"]["containers"][0]["name"]] += "-next"
        declare(cluster, workload)
        eventually(lambda where=namespace, before=first: came(cluster, where) != before, f"the next pod of {namespace}")
    inside = [one for one in objects if one["kind"] != "Namespace"]
    for one in reversed(inside):
        answer = ask(cluster, PIPELINE, Request("DELETE", path(one)), dry=False)
        assert answer.status == 200, answer
    eventually(lambda: not [one for one in inside if cluster.get(path(one))], "all of it to go")


def declare(cluster: Cluster, one: Object) -> None:
    """Makes or changes it, as the pipeline."""
    answer = ask(cluster, PIPELINE, applied(one), dry=False)
    assert answer.status < 400, answer


def came(cluster: Cluster, namespace: str) -> str:
    """The uid of the pod that the controllers have made."""
    pods: list[Object] = []

    def there() -> bool:
        pods[:] = cluster.items(f"/api/v1/namespaces/{namespace}/pods")
        return len(pods) == 1

    eventually(there, f"the pod of {namespace}; {events(cluster, namespace)}")
    return str(pods[0]["metadata"]["uid"])


def events(cluster: Cluster, namespace: str) -> str:
    found = cluster.items(f"/api/v1/namespaces/{namespace}/events")
    return json.dumps([one.get("message") for one in found])


@pytest.fixture(scope="module")
def everywhere(cluster: Cluster, enforced: None) -> Generator[None]:
    """Every namespace that hypothesis may find."""
    labels = {"openclaw-tailnet/stack": STACK}
    for name in NAMESPACES:
        cluster.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    yield
    for name in NAMESPACES:
        cluster.delete(f"/api/v1/namespaces/{name}")


@given(configurations())
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_the_settings_say_is_admitted(cluster: Cluster, everywhere: None, classes: None, config: Raw) -> None:
    for one in declared(run_program(config, stack=STACK)):
        # A namespace for good: pods are compared with its labels.
        answer = ask(cluster, PIPELINE, applied(one), dry=one["kind"] != "Namespace")
        assert answer.status < 400, answer
        if one["kind"] != "Deployment":
            continue
        template, namespace = one["spec"]["template"], one["metadata"]["namespace"]
        pod: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template["metadata"], "name": "asked", "namespace": namespace},
            "spec": template["spec"],
        }
        asked = Request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
        answers: list[str] = []

        def taken(asked: Request = asked, answers: list[str] = answers) -> bool:
            answer = ask(cluster, CONTROLLER, asked)
            answers[:] = [f"{answer.status} {answer.refused}"]
            return answer.status == 201

        try:
            # The API server sees the new labels of the namespace a moment later.
            eventually(taken, "the pod to be admitted", 3)
        except AssertionError as error:
            raise AssertionError(answers[0]) from error
