"""Requests to the API server by somebody else than the administrator, and what the admission guard says to them."""

import contextlib
import copy
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from components.constants import LABEL_STACK
from sandbox.kube import Object
from tests.support.engine_world import Cluster, containers

Change = Callable[[Object, dict[str, Object]], object]
Ask = Callable[["Scene"], "Request"]


@dataclass(frozen=True)
class Who:
    """Somebody whom the administrator pretends to be."""

    user: str
    groups: Sequence[str] = ()


# As `kubectl create rolebinding --clusterrole=edit` makes one.
EDITOR: Final = Who("eve@example.com", ["system:authenticated"])
# A program of the cluster with rights everywhere, such as backup, that is no part of the control plane.
PROGRAM: Final = Who(
    "system:serviceaccount:tools:agent",
    ["system:serviceaccounts", "system:serviceaccounts:tools", "system:authenticated"],
)
# Of the control plane, whose requests somebody (a webhook, an injector) may have changed.
CONTROLLER: Final = Who(
    "system:serviceaccount:kube-system:replicaset-controller",
    ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
)
# A pipeline that runs the stack's program with the rights that it needs, and no more.
PIPELINE: Final = Who("ci@example.com", ["system:authenticated"])
ADMINISTRATOR: Final = Who("")


@dataclass(frozen=True)
class Request:
    """One request. Nothing is changed by it, unless it is a connection."""

    method: str
    path: str
    body: Object | None = None
    patch: str = "application/strategic-merge-patch+json"

    @property
    def connects(self) -> bool:
        """True for exec and the like, which know no dry run."""
        return any(f"/{kind}" in self.path for kind in ("exec", "attach", "portforward", "proxy"))


@dataclass(frozen=True)
class Answer:
    """What the API server said. `refused` is the guard's reason, empty when the guard let it through; `warnings` are those of
    a guard that only warns.
    """

    refused: str
    warnings: str
    status: int


def ask(cluster: Cluster, who: Who, request: Request, dry: bool = True) -> Answer:
    """Sends a request as somebody; a dry run, where there is one and nothing else is said."""
    headers = {"impersonate-user": who.user} if who.user else {}
    pairs = [*headers.items(), *(("impersonate-group", group) for group in who.groups)]
    if request.method == "PATCH":
        pairs.append(("content-type", request.patch))
    path = request.path
    if dry and not request.connects:
        path += f"{'&' if '?' in path else '?'}dryRun=All"
    response = cluster.send(request.method, path, request.body, pairs)
    said = (
        response.json().get("message", "") if response.is_error and "json" in response.headers["content-type"] else ""
    )
    guarded = "ValidatingAdmissionPolicy '" in said or said.startswith("policy ")
    return Answer(said if guarded else "", "\n".join(guard_warnings(response)), response.status_code)


def guard_warnings(response: httpx.Response) -> list[str]:
    """Warnings of the guard; Pod Security warns of every sidecar in mode tun."""
    return [text for text in response.headers.get_list("warning") if "ValidatingAdmissionPolicy" in text]


@contextlib.contextmanager
def guard_audits(cluster: Cluster, namespace: str) -> Generator[None]:
    """While the block runs, the guard of a namespace lets everything through, as with `cluster.admission: audit`. API servers
    notice within a second.
    """
    stack = cluster.one("Namespace", "", namespace)["metadata"].get("labels", {}).get(LABEL_STACK)
    bindings = [one for kind, one in cluster.of_stack(stack) if kind == "GuardBinding"] if stack else []

    def actions(of: Callable[[Object], list[str]]) -> None:
        for one in bindings:
            path = f"{cluster.LISTS['GuardBinding']}/{one['metadata']['name']}"
            cluster.merge(path, {"spec": {"validationActions": of(one)}})

    actions(lambda one: ["Audit"])
    try:
        yield
    finally:
        actions(lambda one: one["spec"]["validationActions"])


@dataclass(frozen=True)
class Scene:
    """A namespace of a guarded stack, with what is in it: the starting point of an attack."""

    cluster: Cluster
    stack: str
    namespace: str

    def path(self, resource: str, name: str = "", group: str = "") -> str:
        """`resource` in the namespace; `group` with its version, as in `apps/v1`."""
        start = f"/apis/{group}" if group else "/api/v1"
        return f"{start}/namespaces/{self.namespace}/{resource}" + (f"/{name}" if name else "")

    def metadata(self, name: str = "asked", **more: Any) -> Object:
        return {"name": name, "namespace": self.namespace, **more}

    @property
    def label(self) -> dict[str, str]:
        return {LABEL_STACK: self.stack}

    def deployment(self) -> Object:
        return self.cluster.deployment(self.namespace)

    def pod_name(self) -> str:
        return str(self.cluster.items(self.path("pods"))[0]["metadata"]["name"])

    def pod(self, change: Change | None = None) -> Object:
        """The pod that the Deployment asks for, or one that is changed in one thing."""
        template: Object = copy.deepcopy(self.deployment()["spec"]["template"])
        pod: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template["metadata"], "name": "asked", "namespace": self.namespace},
            "spec": template["spec"],
        }
        if change:
            change(pod["spec"], containers(pod))
        return pod

    def named(self, kind: str, part: str) -> str:
        """The object of ours with this part in its name."""
        return next(name for name in self.cluster.names(kind, self.namespace) if f"-{part}-" in name)
