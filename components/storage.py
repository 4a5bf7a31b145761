"""The namespace and the two volumes of an instance: what is kept when everything else goes (I10)."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from components.manifest import Manifest, metadata, register
from components.names import Names
from components.settings import Instance, Volume


def pod_security(instance: Instance) -> dict[str, str]:
    """Pod Security labels, as tight as the sidecar's mode allows."""
    # NET_ADMIN and the tun device are outside `baseline`; warnings stay, and the admission guard closes the gap.
    needs_tun = instance.tailscale.enabled and instance.tailscale.mode == "tun"
    return {
        "pod-security.kubernetes.io/enforce": "privileged" if needs_tun else "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }


def namespace(names: Names, labels: Mapping[str, str], instance: Instance) -> Manifest:
    """The namespace of one instance."""
    return {"metadata": metadata(None, {**labels, **pod_security(instance)}, name=names.namespace)}


def claims(names: Names, labels: Mapping[str, str], instance: Instance) -> dict[str, Manifest]:
    """The two PersistentVolumeClaims, by name."""
    storage = instance.storage
    return {
        names.home_claim: _claim(names, labels, names.home_claim, storage.home, storage.access_mode),
        names.tailnet_claim: _claim(names, labels, names.tailnet_claim, storage.tailnet, storage.access_mode),
    }


def _claim(names: Names, labels: Mapping[str, str], name: str, volume: Volume, access_mode: str) -> Manifest:
    spec: Manifest = {
        "accessModes": [access_mode],
        "resources": {"requests": {"storage": volume.size}},
        "volumeMode": "Filesystem",
    }
    if volume.class_name:
        spec["storageClassName"] = volume.class_name
    # The pod's own readiness tells whether the volume came: with a class that waits for the first consumer, or with the
    # cluster's default class, the provider would wait here for what only the pod can bring about.
    annotations = {"pulumi.com/skipAwait": "true"}
    return {"metadata": metadata(names.namespace, labels, name=name, annotations=annotations), "spec": spec}


class InstanceStorage(pulumi.ComponentResource):
    """Namespace and volumes of one instance, kept on removal unless its settings say otherwise.

    The provider adopts what is already there: an instance that comes back finds its data and its device.
    """

    def __init__(
        self,
        name: str,
        names: Names,
        labels: Mapping[str, str],
        instance: Instance,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = instance.storage.model_dump(by_alias=True)
        super().__init__("openclaw:tailnet:InstanceStorage", name, inputs, opts)
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=instance.storage.retain)
        self.namespace = register(
            k8s.core.v1.Namespace, names.logical("namespace"), namespace(names, labels, instance), kept
        )
        within = pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[self.namespace]))
        for claim, manifest in claims(names, labels, instance).items():
            register(k8s.core.v1.PersistentVolumeClaim, names.logical(claim), manifest, within)
        self.register_outputs({"namespace": names.namespace})
