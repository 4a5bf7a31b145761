"""The control plane under kwokctl: etcd, API server, controller-manager, scheduler, and kwok with a simulated node."""

import base64
import subprocess
import time
from pathlib import Path
from typing import Final

import httpx
import yaml

from sandbox.errors import SandboxError
from sandbox.home import Home, write_private
from sandbox.kube import Api, Object
from sandbox.processes import belongs, executable, replaced

# Component -> our binary. kwokctl names pid files, log files and its links to the binaries after the component.
COMPONENTS: Final = {
    "etcd": "etcd",
    "kube-apiserver": "kube-apiserver",
    "kube-controller-manager": "kube-controller-manager",
    "kube-scheduler": "kube-scheduler",
    "kwok-controller": "kwok",
}
CONTEXT: Final = "sandbox"
SIMULATED_NODE: Final = "simulated"
# kwok plays only nodes with this annotation: a real kubelet's node is left to the kubelet.
SIMULATED_MARK: Final = {"kwok.x-k8s.io/node": "fake"}
STORAGE_CLASS: Final = "sandbox"
PROVISIONER: Final = "sandbox.openclaw-tailnet/directory"


def kwokctl_config(home: Home) -> Object:
    """Configuration of `kwokctl create cluster`: our binaries, fixed ports, loopback only."""
    options: Object = {
        "runtime": "binary",
        # The default, 0.0.0.0, would leave etcd open to everybody.
        "bindAddress": "127.0.0.1",
        "kubeApiserverPort": home.port("kube-apiserver"),
        "etcdPort": home.port("etcd"),
        "etcdPeerPort": home.port("etcd-peer"),
        "kubeControllerManagerPort": home.port("kube-controller-manager"),
        "kubeSchedulerPort": home.port("kube-scheduler"),
        "kwokControllerPort": home.port("kwok"),
        "etcdBinary": str(home.bin / "etcd"),
        "kubeApiserverBinary": str(home.bin / "kube-apiserver"),
        "kubeControllerManagerBinary": str(home.bin / "kube-controller-manager"),
        "kubeSchedulerBinary": str(home.bin / "kube-scheduler"),
        "kwokControllerBinary": str(home.bin / "kwok"),
        "kubectlBinary": str(home.bin / "kubectl"),
    }

    pki = ControlPlane(home).directory / "pki"

    def args(**pairs: tuple[str, bool]) -> list[Object]:
        return [{"key": k.replace("_", "-"), "value": v, "override": o} for k, (v, o) in pairs.items()]

    return {
        "kind": "KwokctlConfiguration",
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "options": options,
        "componentsPatches": [
            {
                "name": "kube-apiserver",
                # exec, logs and port-forward find a real node by its address, as there is no DNS for its name, and show
                # it who they are: the kubelet refuses strangers.
                "extraArgs": args(
                    kubelet_preferred_address_types=("InternalIP", False),
                    kubelet_client_certificate=(str(pki / "admin.crt"), False),
                    kubelet_client_key=(str(pki / "admin.key"), False),
                    kubelet_certificate_authority=(str(pki / "ca.crt"), False),
                ),
            },
            # One of each, killed without a farewell: a lease would make its successor wait until it runs out.
            {"name": "kube-controller-manager", "extraArgs": args(leader_elect=("false", False))},
            {"name": "kube-scheduler", "extraArgs": args(leader_elect=("false", False))},
            {
                "name": "kwok-controller",
                "extraArgs": args(
                    # The default, 200 s, is how long pods would stay Pending after a crash of kwok.
                    node_lease_duration_seconds=("10", True),
                    manage_all_nodes=("false", True),
                    manage_nodes_with_annotation_selector=(
                        ",".join(f"{key}={value}" for key, value in SIMULATED_MARK.items()),
                        False,
                    ),
                    node_ip=("127.0.0.1", True),
                ),
            },
        ],
    }


def storage_class() -> Object:
    """The cluster's default class; sandbox/provisioner.py serves it."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }


def simulated_node() -> Object:
    """A node that kwok plays. Capacity is set here, as kwok adds none to a node that has some."""
    size = {"cpu": "64", "memory": "256Gi", "pods": "5000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": SIMULATED_NODE,
            "annotations": dict(SIMULATED_MARK),
            "labels": {
                "kubernetes.io/hostname": SIMULATED_NODE,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "type": "kwok",
            },
        },
        "status": {"allocatable": size, "capacity": size},
    }


class ControlPlane:
    """One cluster of kwokctl. Its data lives under run/kwok; stop and start keep it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.directory = home.run / "kwok" / "clusters" / home.cluster

    def pids(self) -> dict[str, int]:
        """The components that live. A pid file whose process is another's counts as dead."""
        return {name: pid for name in COMPONENTS if (pid := self._pid(name))}

    def start(self, simulated: bool = True) -> str:
        """Bring it up from whatever state it is in; says what was done: created, repaired or running.

        `simulated`: with a node that kwok plays.
        """
        if (self.directory / "kwok.yaml").exists() and not self.home.kubeconfig.exists():
            # Killed between creating and finishing: nobody can have used it.
            self.delete()
        if not (self.directory / "kwok.yaml").exists():
            done = "created"
            self._create()
        elif len(self.pids()) == len(COMPONENTS) and not self._outdated() and self.ready():
            return "running"
        else:
            done = "repaired"
            if self._outdated():
                self.stop()
            self._forget_strangers()
            self._kwokctl("start", "cluster")
        self._wait_ready(60)
        self._furnish(simulated)
        return done

    def ready(self) -> bool:
        if not self.home.kubeconfig.exists():
            return False
        with Api(self.home.kubeconfig, timeout=5) as api:
            return api.ready()

    def stop(self) -> None:
        if (self.directory / "kwok.yaml").exists():
            self._forget_strangers()
            self._kwokctl("stop", "cluster")

    def delete(self) -> None:
        """Stop it and remove its data."""
        if self.directory.exists():
            self._forget_strangers()
            self._kwokctl("delete", "cluster")

    def _create(self) -> None:
        config = self.home.run / "kwokctl.yaml"
        config.write_text(yaml.safe_dump(kwokctl_config(self.home)))
        # An own file for the context that kwokctl adds: never the person's ~/.kube/config.
        self._kwokctl("create", "cluster", "--config", str(config), "--kubeconfig", str(self.home.run / "kwok.config"))
        write_private(self.home.kubeconfig, yaml.safe_dump(self._kubeconfig(), sort_keys=False))

    def _kubeconfig(self) -> Object:
        def data(name: str) -> str:
            return base64.b64encode((self.directory / "pki" / name).read_bytes()).decode()

        server = f"https://127.0.0.1:{self.home.port('kube-apiserver')}"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [
                {"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}
            ],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": "admin"}}],
            "users": [
                {
                    "name": "admin",
                    "user": {"client-certificate-data": data("admin.crt"), "client-key-data": data("admin.key")},
                }
            ],
        }

    def _furnish(self, simulated: bool) -> None:
        with Api(self.home.kubeconfig) as api:
            api.apply(f"/apis/storage.k8s.io/v1/storageclasses/{STORAGE_CLASS}", storage_class())
            if simulated:
                api.create("/api/v1/nodes", simulated_node())

    def _wait_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with Api(self.home.kubeconfig, timeout=5) as api:
            while time.monotonic() < deadline:
                try:
                    # The namespace and the account come from controllers: an API server alone admits no pod.
                    if api.ready() and api.get("/api/v1/namespaces/default/serviceaccounts/default"):
                        return
                except httpx.HTTPError:
                    pass  # not serving yet
                time.sleep(0.1)
        dead = COMPONENTS.keys() - self.pids().keys()
        raise SandboxError(
            f"the control plane is not ready after {seconds:.0f} s (not running: {', '.join(sorted(dead)) or 'none'})",
            f"See {self.directory / 'logs'}, or start anew with `python -m sandbox down`",
        )

    def _pid(self, component: str) -> int | None:
        path = self.directory / "pids" / f"{component}.pid"
        if not path.exists() or not path.read_text().strip().isdigit():
            return None
        pid = int(path.read_text())
        mine = (
            belongs(pid, self.home.world_id()) and executable(pid) == (self.home.bin / COMPONENTS[component]).resolve()
        )
        return pid if mine else None

    def _outdated(self) -> bool:
        """Whether a tool was built anew under a component that runs."""
        return any(replaced(pid) for pid in self.pids().values())

    def _forget_strangers(self) -> None:
        # kwokctl believes its pid files, and kills what they name: after a reboot that may be anybody's process.
        for name in COMPONENTS.keys() - self.pids().keys():
            (self.directory / "pids" / f"{name}.pid").unlink(missing_ok=True)

    def _kwokctl(self, *arguments: str) -> None:
        command = [str(self.home.bin / "kwokctl"), "--name", self.home.cluster, *arguments]
        log = self.home.logs / "kwokctl.log"
        with log.open("a") as out:
            result = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.home.environment(), check=False
            )
        if result.returncode != 0:
            tail = " | ".join(log.read_text(errors="replace").splitlines()[-3:])
            raise SandboxError(f"kwokctl {' '.join(arguments[:2])} failed: {tail}", f"Log: {log}")

    def log(self, component: str) -> Path:
        return self.directory / "logs" / f"{component}.log"
