"""The namespace and the two volumes of an instance: what is kept when everything else goes (I10)."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.manifest import Manifest, metadata, register
from components.scope import Scope
from components.settings import Storage, Volume


@dataclass(frozen=True)
class StorageArgs:
    """Namespace and volumes of one pod. `tun`: its sidecar uses the node's tun device."""

    scope: Scope
    storage: Storage
    tun: bool


def pod_security(tun: bool) -> dict[str, str]:
    """Pod Security labels, as tight as the sidecar's mode allows."""
    # NET_ADMIN and the tun device are outside `baseline`; warnings stay, and the admission guard closes the gap.
    return {
        "pod-security.kubernetes.io/enforce": "privileged" if tun else "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }


def namespace(args: StorageArgs) -> Manifest:
    """The namespace of one instance or node."""
    labels = {**args.scope.labels, **pod_security(args.tun)}
    return {"metadata": metadata(None, labels, args.scope.names.namespace)}


def claims(args: StorageArgs) -> dict[str, Manifest]:
    """The two PersistentVolumeClaims, by name."""
    names, storage = args.scope.names, args.storage
    return {
        names.home_claim: _claim(args, names.home_claim, storage.home),
        names.tailnet_claim: _claim(args, names.tailnet_claim, storage.tailnet),
    }


def _claim(args: StorageArgs, name: str, volume: Volume) -> Manifest:
    spec: Manifest = {
        "accessModes": [args.storage.access_mode],
        "resources": {"requests": {"storage": volume.size}},
        "volumeMode": "Filesystem",
    }
    if volume.class_name:
        spec["storageClassName"] = volume.class_name
    # The pod's own readiness tells whether the volume came: with a class that waits for the first consumer, or with the
    # cluster's default class, the provider would wait here for what only the pod can bring about.
    annotations = {"pulumi.com/skipAwait": "true"}
    return {"metadata": args.scope.metadata(name, annotations), "spec": spec}


class InstanceStorage(pulumi.ComponentResource):
    """Namespace and volumes of one instance, kept on removal unless its settings say otherwise.

    The provider adopts what is already there: an instance that comes back finds its data and its device.
    """

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions) -> None:
        inputs = args.storage.model_dump(by_alias=True)
        super().__init__("openclaw:tailnet:InstanceStorage", name, inputs, opts)
        scope = args.scope
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=args.storage.retain)
        self.namespace = register(k8s.core.v1.Namespace, scope.logical("namespace"), namespace(args), kept)
        within = pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[self.namespace]))
        for claim, manifest in claims(args).items():
            register(k8s.core.v1.PersistentVolumeClaim, scope.logical(claim), manifest, within)
        self.register_outputs({"namespace": scope.names.namespace})
