"""Pods of somebody else's in the end-to-end world."""

import contextlib
from collections.abc import Generator

from components.settings import Images
from sandbox.kube import Object
from tests.support.engine_world import Cluster, eventually
from tests.support.guard_requests import guard_audits


@contextlib.contextmanager
def visitor(cluster: Cluster, namespace: str) -> Generator[str]:
    """A pod of somebody else's, as restricted as the namespaces ask; its name."""
    path, name = f"/api/v1/namespaces/{namespace}/pods", "visitor"
    body: Object = {
        "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "visitor",
                    "image": Images().gateway,
                    "args": ["sleep", "600"],
                    "securityContext": {
                        "runAsUser": 1000,
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }
    # Nobody else gets one into a gateway's namespace.
    with guard_audits(cluster, namespace):
        eventually(lambda: _admitted(cluster, path, body), f"the guard of {namespace} to let the visitor in", 10)
    try:
        eventually(lambda: phase(cluster, f"{path}/{name}") == "Running", f"the visitor in {namespace} to run", 30)
        yield name
    finally:
        cluster.delete(f"{path}/{name}")
        eventually(lambda: cluster.get(f"{path}/{name}") is None, f"the visitor in {namespace} to go", 30)


def _admitted(cluster: Cluster, path: str, body: Object) -> bool:
    return cluster.send("POST", path, body).is_success


def phase(cluster: Cluster, path: str) -> str:
    pod = cluster.get(path)
    return pod["status"]["phase"] if pod else ""
