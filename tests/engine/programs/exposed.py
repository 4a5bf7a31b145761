"""The real program, and beside it what the pack must refuse: `exposed:by` lists it, `exposed:namespace` says where."""

import json
import runpy
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.manifest import register


def pod(**over: Any) -> dict[str, Any]:
    """A Deployment with nothing wrong in it but `over`."""
    limits = {"cpu": "10m", "memory": "16Mi"}
    container = {"name": "extra", "image": "extra:1.0.0", "resources": {"requests": limits, "limits": limits}}
    spec = {"automountServiceAccountToken": False, "containers": [container], **over}
    template = {"metadata": {"labels": {"app": "extra"}}, "spec": spec}
    return {"spec": {"selector": {"matchLabels": {"app": "extra"}}, "template": template}}


EXPOSED: dict[str, tuple[type[pulumi.CustomResource], dict[str, Any]]] = {
    "node-port": (k8s.core.v1.Service, {"spec": {"type": "NodePort", "ports": [{"port": 18789}]}}),
    "host-network": (k8s.apps.v1.Deployment, pod(hostNetwork=True)),
    "bind-lan": (k8s.core.v1.ConfigMap, {"data": {"openclaw.json": json.dumps({"gateway": {"bind": "lan"}})}}),
    "automount": (k8s.apps.v1.Deployment, pod(automountServiceAccountToken=True)),
}

runpy.run_path(str(Path(__file__).parents[3] / "__main__.py"), run_name="__main__")
cluster = pulumi.Config("openclaw-tailnet").require_object("cluster")
provider = k8s.Provider("extra", kubeconfig=cluster["kubeconfig"], cluster_identifier="exposed")
exposed = pulumi.Config("exposed")
for word in exposed.require("by").split():
    kind, manifest = EXPOSED[word]
    metadata = {"metadata": {"name": f"exposed-{word}", "namespace": exposed.require("namespace")}}
    register(kind, f"exposed-{word}", metadata | manifest, pulumi.ResourceOptions(provider=provider))
