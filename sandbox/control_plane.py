"""The control plane: etcd, API server, controller-manager and scheduler, and kwok where the node is simulated."""

import base64
import time
from pathlib import Path
from typing import Final

import httpx
import yaml

from sandbox import certificates
from sandbox.errors import SandboxError
from sandbox.home import Home, write_private
from sandbox.kube import Api, Object
from sandbox.supervisor import Part

CONTEXT: Final = "sandbox"
SIMULATED_NODE: Final = "simulated"
# kwok plays only nodes with this annotation: a real kubelet's node is left to the kubelet.
SIMULATED_MARK: Final = {"kwok.x-k8s.io/node": "fake"}
STORAGE_CLASS: Final = "sandbox"
PROVISIONER: Final = "sandbox.openclaw-tailnet/directory"
# What a part waits for that cannot do anything without the API.
API_SERVER: Final = "kube-apiserver"
_SERVES: Final = "Serving securely on"
_LOOPBACK: Final = "127.0.0.1"
_ISSUER: Final = "https://kubernetes.default.svc.cluster.local"


def pki(home: Home) -> Path:
    """The cluster's CA, and what it signed. Gone with the cluster's data."""
    return home.run / "pki"


def prepare(home: Home) -> None:
    """Certificates and the administrator's kubeconfig. Safe to repeat."""
    directory = pki(home)
    directory.mkdir(exist_ok=True)
    certificates.authority(directory)
    certificates.issue(directory, directory / "apiserver.crt", common="kubernetes.default.svc", addresses=[_LOOPBACK])
    certificates.issue(directory, directory / "admin.crt", common="sandbox-admin", organization="system:masters")
    write_private(home.kubeconfig, yaml.safe_dump(_kubeconfig(home), sort_keys=False))


def parts(home: Home, simulated: bool) -> list[Part]:
    """The supervised processes, in order of start; all listen on loopback only."""
    etcd, peer = (f"http://{_LOOPBACK}:{home.port(name)}" for name in ("etcd", "etcd-peer"))
    certs = pki(home)
    return [
        Part(
            "etcd",
            [
                *(str(home.bin / "etcd"), "--name=sandbox", f"--data-dir={home.run / 'etcd'}"),
                *(f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}"),
                *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
                *(f"--initial-cluster=sandbox={peer}", "--auto-compaction-retention=1"),
                # A killed etcd loses nothing by it; a machine that loses its power loses the sandbox.
                "--unsafe-no-fsync",
            ],
            ready_line="ready to serve client requests",
        ),
        Part(
            API_SERVER,
            [
                *(str(home.bin / API_SERVER), f"--etcd-servers={etcd}", f"--bind-address={_LOOPBACK}"),
                *(f"--secure-port={home.port(API_SERVER)}", "--authorization-mode=Node,RBAC"),
                *(f"--client-ca-file={certs / 'ca.crt'}", f"--tls-cert-file={certs / 'apiserver.crt'}"),
                f"--tls-private-key-file={certs / 'apiserver.key'}",
                *(f"--service-account-issuer={_ISSUER}", f"--service-account-key-file={certs / 'apiserver.crt'}"),
                f"--service-account-signing-key-file={certs / 'apiserver.key'}",
                # A real node asks for a capability and a hostPath device.
                "--allow-privileged=true",
                # exec, logs and port-forward find a real node by its address, as there is no DNS for its name, and show
                # it who they are: the kubelet refuses strangers.
                "--kubelet-preferred-address-types=InternalIP",
                f"--kubelet-certificate-authority={certs / 'ca.crt'}",
                *(f"--kubelet-client-certificate={certs / 'admin.crt'}", f"--kubelet-client-key={certs / 'admin.key'}"),
            ],
            ready_line=_SERVES,
            after=("etcd",),
        ),
        Part(
            "kube-controller-manager",
            [
                *_client(home, "kube-controller-manager"),
                # Each controller as itself, with its own rights, as in any real cluster: the admission guard knows them by that.
                "--use-service-account-credentials",
                *(
                    f"--root-ca-file={certs / 'ca.crt'}",
                    f"--service-account-private-key-file={certs / 'apiserver.key'}",
                ),
                # A node is away for long while its world is down, and must not be emptied for that.
                *("--node-monitor-period=25s", "--node-monitor-grace-period=200s"),
            ],
            ready_line=_SERVES,
            after=(API_SERVER,),
        ),
        Part("kube-scheduler", _client(home, "kube-scheduler"), ready_line=_SERVES, after=(API_SERVER,)),
        *([_kwok(home)] if simulated else []),
    ]


def _client(home: Home, name: str) -> list[str]:
    return [
        *(str(home.bin / name), f"--kubeconfig={home.kubeconfig}"),
        *(f"--bind-address={_LOOPBACK}", f"--secure-port={home.port(name)}"),
        # One of each, killed without a farewell: a lease would make its successor wait until it runs out.
        "--leader-elect=false",
    ]


def _kwok(home: Home) -> Part:
    (mark, value), *_ = SIMULATED_MARK.items()
    address = f"{_LOOPBACK}:{home.port('kwok')}"
    command = [
        *(str(home.bin / "kwok"), f"--kubeconfig={home.kubeconfig}", f"--server-address={address}"),
        *("--manage-all-nodes=false", f"--manage-nodes-with-annotation-selector={mark}={value}"),
        # The default, 200 s, is how long pods would stay Pending after a crash of kwok.
        *("--node-lease-duration-seconds=10", f"--node-ip={_LOOPBACK}"),
    ]
    # Not the person's own ~/.kwok.
    environment = {"KWOK_WORKDIR": str(home.run / "kwok")}
    return Part("kwok", command, f"http://{address}/healthz", after=(API_SERVER,), environment=environment)


def _kubeconfig(home: Home) -> Object:
    def data(name: str) -> str:
        return base64.b64encode((pki(home) / name).read_bytes()).decode()

    cluster = {
        "server": f"https://{_LOOPBACK}:{home.port(API_SERVER)}",
        "certificate-authority-data": data("ca.crt"),
    }
    user = {"client-certificate-data": data("admin.crt"), "client-key-data": data("admin.key")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": "admin"}}],
        "users": [{"name": "admin", "user": user}],
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


def furnish(home: Home, simulated: bool, seconds: float = 60.0) -> None:
    """Brings up the API, the default storage class, and a simulated node where one is wanted."""
    deadline = time.monotonic() + seconds
    with Api(home.kubeconfig, timeout=5) as api:
        while not _ready(api):
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"the control plane is not ready after {seconds:.0f} s",
                    f"See {home.logs / API_SERVER}.log, or start anew with `python -m sandbox down`",
                )
            time.sleep(0.05)
        api.apply(f"/apis/storage.k8s.io/v1/storageclasses/{STORAGE_CLASS}", storage_class())
        if simulated:
            api.create("/api/v1/nodes", simulated_node())


def _ready(api: Api) -> bool:
    try:
        # The namespace and the account come from controllers: an API server alone admits no pod.
        return api.ready() and api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None
    except httpx.HTTPError:
        return False  # not serving yet
