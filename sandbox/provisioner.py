"""Storage of the sandbox: a directory and a `local` PersistentVolume for each claim of the class `sandbox`."""

import logging
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from sandbox.control_plane import PROVISIONER, STORAGE_CLASS
from sandbox.home import Home
from sandbox.kube import Api, Object

SELECTED_NODE: Final = "volume.kubernetes.io/selected-node"
PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"
_CLAIMS: Final = "/api/v1/persistentvolumeclaims"
_VOLUMES: Final = "/api/v1/persistentvolumes"
_log = logging.getLogger("provisioner")
_UNITS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    unit: 2 ** (10 * power) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)
}


def size(quantity: str) -> int:
    """Bytes of a storage quantity."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(k|M|G|T|Ki|Mi|Gi|Ti|)", quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is not a storage size")
    return int(float(match[1]) * _UNITS[match[2]])


def wanted_volume(claim: Object, directory: Path) -> Object | None:
    """The volume to make for a claim: only when it is ours, unbound, and the scheduler has chosen its node."""
    meta, spec = claim["metadata"], claim["spec"]
    node = meta.get("annotations", {}).get(SELECTED_NODE)
    ours = spec.get("storageClassName") == STORAGE_CLASS and not meta.get("deletionTimestamp")
    if not ours or spec.get("volumeName") or not node:
        return None
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{meta['uid']}", "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "storageClassName": STORAGE_CLASS,
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            # The claim's own modes: ReadWriteOncePod binds only to a volume that offers it.
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "volumeMode": "Filesystem",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
            },
            "local": {"path": str(directory / f"pvc-{meta['uid']}")},
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
                    ]
                }
            },
        },
    }


def growth(claim: Object) -> str | None:
    """The size that a bound claim of ours asks for beyond what it has."""
    spec, status = claim["spec"], claim.get("status", {})
    if spec.get("storageClassName") != STORAGE_CLASS or status.get("phase") != "Bound":
        return None
    asked = spec["resources"]["requests"]["storage"]
    return asked if size(asked) > size(status["capacity"]["storage"]) else None


def released(volume: Object) -> bool:
    """True when a volume of ours has lost its claim and may go with its data."""
    ours = volume["metadata"].get("annotations", {}).get(PROVISIONED_BY) == PROVISIONER
    return (
        ours
        and volume.get("status", {}).get("phase") == "Released"
        and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    )


class Provisioner:
    """Watches claims and volumes, and does for each what the functions above say."""

    def __init__(self, api: Api, directory: Path) -> None:
        self.api = api
        self.directory = directory

    def claim(self, claim: Object) -> None:
        meta = claim["metadata"]
        if volume := wanted_volume(claim, self.directory):
            # Any uid of a pod must be able to write; the directory above is closed to others.
            path = Path(volume["spec"]["local"]["path"])
            path.mkdir(exist_ok=True)
            path.chmod(0o777)
            if self.api.create(_VOLUMES, volume):
                _log.info("made %s for %s/%s", path.name, meta["namespace"], meta["name"])
        elif asked := growth(claim):
            capacity: Object = {"capacity": {"storage": asked}}
            self.api.merge(f"{_VOLUMES}/{claim['spec']['volumeName']}", {"spec": capacity})
            # A directory has no size of its own, so nothing is left for a kubelet to do.
            path = f"/api/v1/namespaces/{meta['namespace']}/persistentvolumeclaims/{meta['name']}/status"
            self.api.merge(path, {"status": {**capacity, "conditions": None, "allocatedResourceStatuses": None}})
            _log.info("grew %s/%s to %s", meta["namespace"], meta["name"], asked)

    def volume(self, volume: Object) -> None:
        if released(volume):
            name = volume["metadata"]["name"]
            shutil.rmtree(self.directory / name, ignore_errors=True)
            self.api.delete(f"{_VOLUMES}/{name}")
            _log.info("removed %s", name)


def _follow(api: Api, path: str, handle: Callable[[Object], None]) -> None:
    while True:
        try:
            for item in api.watch(path):
                try:
                    handle(item)
                except httpx.HTTPStatusError as error:
                    _log.warning("%s: %s", item["metadata"]["name"], error)
        except httpx.HTTPError as error:
            _log.warning("watch of %s: %s", path, error)
            time.sleep(1)


def main() -> None:
    """Runs until it is stopped; process-compose restarts it."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    home = Home.from_env()
    provisioner = Provisioner(Api(home.kubeconfig), home.volumes)
    volumes = threading.Thread(target=_follow, args=(provisioner.api, _VOLUMES, provisioner.volume), daemon=True)
    volumes.start()
    print("provisioner ready", flush=True)
    _follow(provisioner.api, _CLAIMS, provisioner.claim)


if __name__ == "__main__":
    main()
