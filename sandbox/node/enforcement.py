"""NetworkPolicies, enforced by kube-router in the Kubernetes node's own network namespace.

kube-router takes chains and sets that it does not know for leftovers: in the machine's namespace it would undo the rules of
another sandbox. It speaks to the API server from there, though, which is on loopback; so what it runs goes to the namespace.
"""

import shlex
import shutil
import sys
from typing import Final

from sandbox.control_plane import API_SERVER
from sandbox.home import REPO
from sandbox.node import denied, dns
from sandbox.node.layout import NODE, Layout
from sandbox.supervisor import Part

_PROGRAMS: Final = ("iptables", "iptables-save", "iptables-restore", "ipset")
_CNI: Final = ("bridge", "host-local", "loopback")
# It ends at once while the API knows no address of the node.
_START: Final = """
until curl --silent --fail --cacert "$1" --cert "$2" --key "$3" "$4" | grep -q InternalIP; do sleep 0.1; done
shift 4
exec "$@"
"""


def write(layout: Layout) -> None:
    """The wrappers through which containerd plugs pods into the namespace, and kube-router writes rules there."""
    plugins = layout.packages / "usr" / "lib" / "cni"
    inside = f"exec nsenter --net={shlex.quote(str(layout.namespace))}"
    scripts = {
        "cni-bin/bridge": f'{dns.FIXED_ADDRESS.format(layout.dns)}{inside} {shlex.quote(str(plugins / "bridge"))} "$@"\n'
    }
    for name in _PROGRAMS:
        scripts[f"netfilter/{name}"] = f'{inside} {shutil.which(name)} "$@"\n'
    for name, script in scripts.items():
        path = layout.run / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)
    for name in _CNI[1:]:
        link = layout.run / "cni-bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(plugins / name)


def parts(layout: Layout) -> list[Part]:
    """kube-router, for NetworkPolicies alone, ready when its first rules are in force; and who writes down what it refuses."""
    home, pki = layout.home, layout.pki
    server = f"https://127.0.0.1:{home.port(API_SERVER)}/api/v1/nodes/{NODE}"
    command = [
        *(str(home.bin / "kube-router"), f"--kubeconfig={home.kubeconfig}", f"--hostname-override={NODE}"),
        *("--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--run-loadbalancer=false"),
        # Its health is told on all addresses, or not at all. `--v=1` for the line that says it is ready.
        *("--health-port=0", "--v=1"),
    ]
    credentials = [str(pki / name) for name in ("ca.crt", "node.crt", "node.key")]
    return [
        Part(
            "kube-router",
            ["sh", "-c", _START, "sh", *credentials, server, *command],
            ready_line="sync iptables took",
            environment={"PATH": f"{layout.run / 'netfilter'}:/usr/sbin:/usr/bin:/sbin:/bin"},
            after=("kubelet",),
        ),
        Part(
            "denied",
            ["nsenter", f"--net={layout.namespace}", "--", sys.executable, "-P", "-u", "-m", "sandbox.node.denied"],
            ready_line=denied.READY,
            environment={"PYTHONPATH": str(REPO)},
        ),
    ]
