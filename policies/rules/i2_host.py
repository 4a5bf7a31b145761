"""I2: the only file of a node is /dev/net/tun, and only the sidecar has it; volumes are the cluster's, not a node's."""

from collections.abc import Iterator
from typing import Final

from components.constants import SIDECAR_CONTAINER, TUN_DEVICE
from policies.rules.gateway import is_gateway_pod, is_sidecar
from policies.rules.kinds import Resource, mounts
from policies.rules.rule import Finding
from policies.rules.values import Object, get, obj, text

_ONLY_SIDECAR: Final = f"Only the container `{SIDECAR_CONTAINER}` may have it."
_USE: Final = "Use a persistent volume claim, a ConfigMap, a Secret or an emptyDir."
# What the Pod Security Standards allow everybody; `image` brings programs along.
_KINDS: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
        "hostPath",
        "image",
    }
)
# Provisioners that make directories of a node into volumes.
_LOCAL_PROVISIONERS: Final = (
    "kubernetes.io/no-provisioner",
    "rancher.io/local-path",
    "openebs.io/local",
    "kubernetes.io/host-path",
)
_HOST_DRIVERS: Final = ("hostpath.csi.k8s.io", "csi.hostpath", "local.csi.openebs.io", "inline.storage.kubernetes.io")


def host_paths(resource: Resource) -> Iterator[Finding]:
    """The only file of the node is /dev/net/tun, as a character device, and only the sidecar mounts it."""
    volume_path = get(resource.props, "spec", "hostPath")
    if resource.is_kubernetes and resource.kind == "PersistentVolume" and volume_path is not None:
        yield Finding("makes a directory of the node a volume", resource.at("spec", "hostPath"), "Use a storage class.")
    for pod in resource.pods:
        held: set[str] = set()
        for path, volume in pod.volumes():
            if "hostPath" not in volume:
                continue
            if name := text(volume.get("name")):
                held.add(name)
            yield from _host_path(volume, path)
        for container in pod.containers:
            for path, name in mounts(container):
                if name in held and container.name is not None and not is_sidecar(container):
                    yield Finding(
                        f"mounts a file of the node in {container.title}", path, f"Remove it. {_ONLY_SIDECAR}"
                    )


def _host_path(volume: Object, path: str) -> Iterator[Finding]:
    host_path, kind = get(volume, "hostPath", "path"), get(volume, "hostPath", "type")
    if isinstance(host_path, str) and host_path != TUN_DEVICE:
        yield Finding(f"takes a file or directory of the node other than {TUN_DEVICE}", f"{path}.hostPath.path", _USE)
    elif host_path == TUN_DEVICE and (kind is None or (isinstance(kind, str) and kind != "CharDevice")):
        yield Finding(
            f"takes {TUN_DEVICE} without saying that it is a device",
            f"{path}.hostPath.type",
            "Set it to CharDevice, so that a node without the device says so.",
        )


def local_volumes(resource: Resource) -> Iterator[Finding]:
    """No volume is a directory or disk of one node, nor one that its pod mounts past the cluster's storage."""
    if not resource.is_kubernetes:
        return
    if resource.kind == "PersistentVolume":
        for source in ("local", "flexVolume", "scaleIO", "storageos"):
            if get(resource.props, "spec", source) is not None:
                yield Finding("makes a disk of the node a volume", resource.at("spec", source), "Use a storage class.")
        if text(get(resource.props, "spec", "csi", "driver")) in _HOST_DRIVERS:
            yield Finding("makes a disk of the node a volume", resource.at("spec", "csi"), "Use a storage class.")
    if resource.kind == "StorageClass" and text(resource.props.get("provisioner")) in _LOCAL_PROVISIONERS:
        yield Finding(
            "makes directories of a node into volumes",
            resource.at("provisioner"),
            "Use a provisioner of the cluster's.",
        )
    for pod in resource.pods:
        for path, volume in pod.volumes():
            for source in volume:
                if source not in _KINDS and source != "name" and obj(volume.get(source)):
                    yield Finding("mounts a volume past the cluster's storage", f"{path}.{source}", _USE)
            if "image" in volume and is_gateway_pod(pod):
                yield Finding("brings other programs along in a volume", f"{path}.image", "Remove it.")
            if text(get(volume, "csi", "driver")) in _HOST_DRIVERS:
                yield Finding("makes a directory of the node a volume", f"{path}.csi", _USE)
