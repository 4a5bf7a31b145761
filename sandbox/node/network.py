"""The bridges of pods and client devices, the Kubernetes node's namespace, and the nftables table around them."""

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from sandbox.errors import SandboxError
from sandbox.node import config, machine
from sandbox.node.layout import PODS, Layout

# In the Kubernetes node's namespace. The node's address is the machine's end of the cable; it is one of the namespace's own,
# too, so that the node counts as local to its pods, which no NetworkPolicy closes to it. Nobody hears of that one there.
# What kube-router has not judged is dropped: a pod that it does not know yet has no network, which is no NetworkPolicy at all
# in a cluster that judges late. And each refusal is said, not one a second.
_SETUP: Final = """
set -e
cd /proc/sys/net
echo 1 > bridge/bridge-nf-call-iptables
echo 1 > bridge/bridge-nf-call-ip6tables
echo 1 > ipv4/conf/all/arp_ignore
echo 2 > ipv4/conf/all/arp_announce
echo 0 > ipv4/icmp_ratemask
ip link set lo up
ip address replace "$1.1/32" dev lo
ip link show "$2" > /dev/null 2>&1 || ip link add "$2" type bridge
ip address replace "$1.2/24" dev "$2"
ip link set uplink master "$2" up
ip link set "$2" up
iptables --policy FORWARD DROP
nft -f - <<END
table ip6 sandbox
delete table ip6 sandbox
table ip6 sandbox { chain forward { type filter hook forward priority 0; policy drop; }; }
END
"""


def up(layout: Layout, egress: bool) -> None:
    """Make what is missing. The bridges carry their addresses from the start: headscale and the relay listen on them."""
    for bridge, address in ((layout.pod_bridge, layout.address), (layout.client_bridge, layout.client_gateway)):
        if not exists(bridge):
            ip("link", "add", bridge, "type", "bridge")
        ip("address", "replace", f"{address}/24", "dev", bridge)
        ip("link", "set", bridge, "up")
    _node_namespace(layout)
    present = {path.name for path in Path("/sys/class/net").iterdir()}
    for table in dead_tables(run(["nft", "list", "tables", "inet"]), present):
        run(["nft", "delete", "table", "inet", table])
    # Before anything is attached: there is no moment in which a pod can reach the outside.
    run(["nft", "-f", "-"], config.firewall(layout, egress))


def _node_namespace(layout: Layout) -> None:
    """The namespace, held by its mount, and the cable to the pod bridge."""
    if not machine.mounts(layout.namespace.resolve()):
        layout.namespace.touch()
        run(["unshare", f"--net={layout.namespace}", "true"])
    if not exists(layout.uplink):
        ip("link", "add", layout.uplink, "type", "veth", "peer", "name", "uplink", "netns", str(layout.namespace))
    ip("link", "set", layout.uplink, "master", layout.pod_bridge, "up")
    inside = ["nsenter", f"--net={layout.namespace}"]
    run([*inside, "sh", "-c", _SETUP, "sh", layout.pod_net, PODS])


def dead_tables(listed: str, interfaces: Iterable[str]) -> list[str]:
    """Tables of sandboxes whose bridges are gone: of one that was not taken down. Its rules name addresses that another
    sandbox may have now, and would close them. (A living one has its bridges before its table.)"""
    return [
        name
        for name in re.findall(r"^table inet (oc[0-9a-f]{8})$", listed, re.MULTILINE)
        if f"{name}p" not in interfaces
    ]


def down(layout: Layout) -> None:
    """Remove them. Ends of veth pairs go with the other end's namespace, and rules with the namespace they are in."""
    for bridge in (layout.pod_bridge, layout.client_bridge):
        if exists(bridge):
            ip("link", "delete", bridge)
    if exists(layout.uplink):
        ip("link", "delete", layout.uplink)
    machine.unmount(layout.namespace)
    # Naming an absent table is an error, creating it first is not.
    run(["nft", "-f", "-"], f"table inet {layout.table}\ndelete table inet {layout.table}\n")


def exists(interface: str) -> bool:
    result = subprocess.run(["ip", "link", "show", interface], capture_output=True, check=False)
    return result.returncode == 0


def ip(*arguments: str) -> None:
    run(["ip", *arguments])


def run(command: Sequence[str], text: str | None = None) -> str:
    """Output of a command that must succeed."""
    result = subprocess.run(command, input=text or "", capture_output=True, text=True, check=False)
    if result.returncode != 0:
        what = " ".join(command)
        raise SandboxError(f"`{what}` failed: {result.stderr.strip()}", "Run `python -m sandbox down`, then up again")
    return result.stdout
