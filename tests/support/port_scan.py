"""Scans the ports of an address from a device."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sandbox.node.devices import Device
from tests.support.e2e_world import Gateway

# What a gateway, its sidecar, a browser relay or a careless default could open.
PORTS: Final = (
    *(22, 25, 53, 80, 111, 443, 1055, 3000, 3128, 5252, 5353, 5900, 6443, 8080, 8443, 8788, 9002, 9090, 9100),
    *(10250, 10255, 18788, 18789, 18790, 18791, 18793, 18800, 18801, 41112, 41641),
)


# Opens all at once, from a device's or this machine's network; prints the ports that answered.
SCAN: Final = """
import asyncio, json, sys
host, wait, ports = sys.argv[1], float(sys.argv[2]), [int(port) for port in sys.stdin.read().split(",")]
async def probe(port, gate):
    async with gate:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), wait)
        except (OSError, asyncio.TimeoutError):
            return []
        writer.close()
        return [port]
async def scan():
    gate = asyncio.Semaphore(800)
    return sum(await asyncio.gather(*(probe(port, gate) for port in ports)), [])
print(json.dumps(asyncio.run(scan())))
"""


def scan(device: Device, host: str, ports: Iterable[int], wait: float = 2.0) -> list[int]:
    """The ports of a host that take a connection from the device."""
    result = device.run(sys.executable, "-c", SCAN, host, str(wait), text=listed(ports), seconds=60)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def listed(ports: Iterable[int]) -> str:
    return ",".join(str(port) for port in ports)


def own_ports(gateway: Gateway) -> set[int]:
    """Every TCP port that something in the pod's network listens on, also on loopback."""
    ports: set[int] = set()
    for name in ("tcp", "tcp6"):
        lines = Path(f"/proc/{gateway.pid('gateway')}/net/{name}").read_text().splitlines()[1:]
        ports |= {int(line.split()[1].rpartition(":")[2], 16) for line in lines if line.split()[3] == "0A"}
    return ports
