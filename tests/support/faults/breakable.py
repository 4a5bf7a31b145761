"""An instance that one may break: its pod, containers, Secrets and volumes."""

import base64
import contextlib
import json
import signal
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.constants import ANNOTATION_IMAGE, GATEWAY_CONTAINER, SIDECAR_CONTAINER
from sandbox.kube import Object
from sandbox.node import layout, machine, network
from tests.support.e2e_world import ALICE, Gateway, quick
from tests.support.engine_world import eventually
from tests.support.faults.breaking import kill

SPARE: Final = quick("spare", people=[ALICE])


@dataclass(frozen=True)
class Breakable(Gateway):
    """An instance that one may break."""

    def status(self, container: str) -> Object:
        return self.statuses().get(container, {})

    def up(self, container: str = SIDECAR_CONTAINER) -> bool:
        return bool(self.status(container).get("ready"))

    def wait(self, container: str = SIDECAR_CONTAINER, seconds: float = 60.0) -> float:
        begin = time.monotonic()
        eventually(lambda: len(self.pods()) == 1 and self.up(container), f"{container} of {self.id} is ready", seconds)
        return time.monotonic() - begin

    def uid(self) -> str:
        """Of the pod that is to stay; empty while there is none."""
        pods = [pod for pod in self.pods() if "deletionTimestamp" not in pod["metadata"]]
        return str(pods[0]["metadata"]["uid"]) if pods else ""

    def replace_pod(self) -> None:
        """As when its node is drained; returns when the old pod is gone and the next one is there."""
        self.kubectl("delete", "pod", self.pod["metadata"]["name"], "--wait=true")
        eventually(self.uid, f"{self.id} has a new pod")

    @property
    def _deployment(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/openclaw"

    def scale(self, replicas: int) -> None:
        self.cluster.merge(self._deployment, {"spec": {"replicas": replicas}})
        eventually(lambda: len(self.pods()) == replicas, f"{self.id} has {replicas} pods")

    @contextlib.contextmanager
    def absent(self) -> Generator[None]:
        """No pod while the block runs."""
        self.scale(0)
        try:
            yield
        finally:
            self.scale(1)

    def run_image(self, image: str) -> None:
        """Makes the gateway's container run this image from now on; by hand, as `up` would wait for a ready pod."""
        change = {"name": GATEWAY_CONTAINER, "image": image}
        # In both places: the guard holds a pod to what its annotation says.
        said = {"annotations": {f"{ANNOTATION_IMAGE}{GATEWAY_CONTAINER}": image}}
        template = {"metadata": said, "spec": {"containers": [change]}}
        self.cluster.strategic(self._deployment, {"spec": {"template": template}})

    def restart(self, container: str, number: signal.Signals = signal.SIGTERM) -> float:
        """A signal to the container's first process; seconds until the next one is ready."""
        before, begin = self.restarts()[container], time.monotonic()
        kill(self.pid(container), number)
        eventually(lambda: self.restarts()[container] > before and self.up(container), f"{container} is back", 120)
        return time.monotonic() - begin

    def events(self) -> str:
        """Messages about its pods."""
        found = self.cluster.items(f"/api/v1/namespaces/{self.namespace}/events")
        return "\n".join(str(event.get("message", "")) for event in found)

    def said(self, container: str) -> str:
        """The container's log, and that of the one before it."""
        return self.logs(container, "--previous") + self.logs(container)

    def health(self) -> str:
        """The complaints of tailscaled itself."""
        text = self.attempt("tailscale", "status", "--json", container=SIDECAR_CONTAINER).stdout
        return "\n".join(json.loads(text).get("Health") or []) if text.startswith("{") else ""

    def memory(self, container: str) -> Path:
        """The memory control group of a running container."""
        wanted = str(self.status(container)["containerID"]).rpartition("/")[2]
        root = machine.CGROUPS / "memory"
        root = root if root.is_dir() else machine.CGROUPS
        return next((root / layout.of(self.world.home).cgroup.lstrip("/")).glob(f"**/{wanted}"))

    def secret(self, part: str) -> Object:
        return self.cluster.secret_of(self.namespace, part)

    def put_secret(self, like: Object, **data: str) -> None:
        """A Secret in the place of `like`, with other content where some is given."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        meta = {key: like["metadata"][key] for key in ("name", "labels", "annotations") if key in like["metadata"]}
        values = like["data"] | {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        self.cluster.delete(f"{path}/{meta['name']}")
        made = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": values, "immutable": True}
        assert self.cluster.create(path, made)

    def remove_secret(self, part: str) -> Object:
        found = self.secret(part)
        self.cluster.delete(f"/api/v1/namespaces/{self.namespace}/secrets/{found['metadata']['name']}")
        return found

    def volume(self, claim: str) -> Path:
        """The directory of a claim's data on this machine."""
        found = self.cluster.get(f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/{claim}")
        assert found is not None
        return self.world.home.volumes / str(found["spec"]["volumeName"])

    @contextlib.contextmanager
    def bounded(self, claim: str, mebibytes: int) -> Generator[Path]:
        """A volume that can be full or read-only: a small file system in its place, with its data. The pod is replaced
        before and after; what was written meanwhile is kept."""
        volume = self.volume(claim)
        aside = volume.with_name(f"{volume.name}.aside")
        try:
            with self.absent():
                network.run(["cp", "--archive", str(volume), str(aside)])
                network.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(volume)])
                network.run(["cp", "--archive", f"{aside}/.", str(volume)])
                machine.remove_tree(aside)
            yield volume
        finally:
            with self.absent():
                if machine.mounts(volume):
                    network.run(["cp", "--archive", str(volume), str(aside)])
                    machine.unmount(volume)
                    network.run(["cp", "--archive", f"{aside}/.", str(volume)])
                    machine.remove_tree(aside)

    def hog(self, container: str, spare: int = 4) -> None:
        """Leave the container only so many MiB more than it has, and ask inside it for more than that."""
        group = self.memory(container)
        old = (group / "memory.usage_in_bytes").exists()
        usage, limit = ("memory.usage_in_bytes", "memory.limit_in_bytes") if old else ("memory.current", "memory.max")
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        # The kernel gives up the page cache first: that much more is asked for.
        cache = int(stat["total_cache" if old else "file"]) >> 20
        (group / limit).write_text(str(int((group / usage).read_text()) + spare * 2**20))
        self.attempt("sh", "-c", f"head -c {cache + 64}m /dev/zero | tail >/dev/null", container=container)
