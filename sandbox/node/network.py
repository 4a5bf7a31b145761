"""The bridges of pods and client devices, and the nftables table around them."""

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.node import config
from sandbox.node.layout import Layout


def up(layout: Layout, egress: bool) -> None:
    """Make what is missing. The bridges carry their addresses from the start: headscale and the relay listen on them."""
    for bridge, address in ((layout.pod_bridge, layout.address), (layout.client_bridge, layout.client_gateway)):
        if not exists(bridge):
            ip("link", "add", bridge, "type", "bridge")
        ip("address", "replace", f"{address}/24", "dev", bridge)
        ip("link", "set", bridge, "up")
    present = {path.name for path in Path("/sys/class/net").iterdir()}
    for table in dead_tables(run(["nft", "list", "tables", "inet"]), present):
        run(["nft", "delete", "table", "inet", table])
    # Before anything is attached: there is no moment in which a pod can reach the outside.
    run(["nft", "-f", "-"], config.firewall(layout, egress))


def dead_tables(listed: str, interfaces: Iterable[str]) -> list[str]:
    """Tables of sandboxes whose bridges are gone: of one that was not taken down. Its rules name addresses that another
    sandbox may have now, and would close them. (A living one has its bridges before its table.)"""
    return [
        name
        for name in re.findall(r"^table inet (oc[0-9a-f]{8})$", listed, re.MULTILINE)
        if f"{name}p" not in interfaces
    ]


def down(layout: Layout) -> None:
    """Remove them. Ends of veth pairs go with the other end's namespace."""
    for bridge in (layout.pod_bridge, layout.client_bridge):
        if exists(bridge):
            ip("link", "delete", bridge)
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
