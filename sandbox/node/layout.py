"""Names, addresses and places of one real node: all derived from its home, so that what is ours can be told apart."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox import control_plane
from sandbox.errors import SandboxError
from sandbox.home import Home, write_private

NODE: Final = "sandbox"
# The pods' bridge in the Kubernetes node's own namespace, where no other sandbox is.
PODS: Final = "pods"
# Kernel names of interfaces hold 15 characters.
_PREFIX: Final = "oc"
# The pod bridge's address of the first sandbox on a machine, which stack files name; another sandbox has another one.
FIRST_ADDRESS: Final = "10.244.0.1"
# On the pod bridge's address, which is ours alone.
LOGIN_PORT: Final = 8085
MODEL_PORT: Final = 8087
DERP_PORT: Final = 443
STUN_PORT: Final = 3478
KUBELET_PORT: Final = 10250
# Every address and route of this machine.
_FIB: Final = Path("/proc/net/fib_trie")


@dataclass(frozen=True)
class Layout:
    """One node. Pods and client devices each have a bridge; the addresses of both bridges are the machine's. Behind the
    first one is the namespace of the Kubernetes node, with its pods."""

    home: Home
    # 0 gives 10.244.0.0/24 to pods and 11.244.1.0/24 to client devices; a second home on one machine gets 1.
    index: int = 0

    @property
    def id(self) -> str:
        return _PREFIX + hashlib.sha256(str(self.home.root).encode()).hexdigest()[:8]

    @property
    def root(self) -> Path:
        return self.home.root / "node"

    @property
    def packages(self) -> Path:
        """containerd, runc and the CNI plugins, unpacked beside the built tools."""
        return self.home.bin.parent / "packages"

    @property
    def run(self) -> Path:
        """Sockets, CNI leases, configuration: gone with `down`."""
        return self.root / "run"

    @property
    def namespace(self) -> Path:
        """The Kubernetes node's network namespace: pods and the rules of their NetworkPolicies are in it."""
        return self.run / "netns"

    @property
    def containerd_root(self) -> Path:
        """Imported images: kept by `down`, as importing takes longer than starting."""
        return self.root / "containerd"

    @property
    def containerd_state(self) -> Path:
        return self.run / "containerd"

    @property
    def socket(self) -> Path:
        return self.run / "containerd.sock"

    @property
    def kubelet_root(self) -> Path:
        return self.root / "kubelet"

    @property
    def pod_logs(self) -> Path:
        return self.root / "pods"

    @property
    def pki(self) -> Path:
        """The cluster's: `ca.crt` and `ca.key` sign the kubelet's certificates as well."""
        return control_plane.pki(self.home)

    @property
    def derp(self) -> Path:
        return self.run / "derp"

    @property
    def cgroup(self) -> str:
        return f"/{self.id}"

    @property
    def table(self) -> str:
        """Our nftables table (family inet)."""
        return self.id

    @property
    def pod_bridge(self) -> str:
        return f"{self.id}p"

    @property
    def uplink(self) -> str:
        """The machine's end of the cable between the pod bridge and the Kubernetes node."""
        return f"{self.id}u"

    @property
    def client_bridge(self) -> str:
        return f"{self.id}c"

    @property
    def pod_net(self) -> str:
        return f"10.244.{2 * self.index}"

    @property
    def client_net(self) -> str:
        """Addresses of the internet (11.0.0.0/8 is in no public routing table), as people's devices have: those of a private
        network would be closed to gateways."""
        return f"11.244.{2 * self.index + 1}"

    @property
    def address(self) -> str:
        """The pod bridge's own: pods and devices find headscale and the relay here, the API server the kubelet."""
        return f"{self.pod_net}.1"

    @property
    def dns(self) -> str:
        """The cluster's DNS, a pod."""
        return f"{self.pod_net}.254"

    @property
    def client_gateway(self) -> str:
        return f"{self.client_net}.1"

    @property
    def login_server(self) -> str:
        """headscale, as pods and devices reach it."""
        return f"http://{self.address}:{LOGIN_PORT}"

    @property
    def model(self) -> str:
        """The scripted model, as pods reach it; client devices do not."""
        return f"{self.address}:{MODEL_PORT}"


def of(home: Home) -> Layout:
    """The layout of a home: its address range is the first that this machine did not use when it was first asked for."""
    path = _choice(home)
    if path.exists():
        return Layout(home, json.loads(path.read_text())["index"])
    used = _FIB.read_text() if _FIB.exists() else ""
    for index in range(100):
        layout = Layout(home, index)
        if f" {layout.pod_net}.0" not in used and f" {layout.client_net}.0" not in used:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_private(path, json.dumps({"index": index}))
            return layout
    raise SandboxError("10.244.0.0 to 10.244.198.0 are all in use on this machine", "Take another sandbox down")


def release(home: Home) -> None:
    """Another home may have the address range."""
    _choice(home).unlink(missing_ok=True)


def _choice(home: Home) -> Path:
    return home.root / "node" / "layout.json"
