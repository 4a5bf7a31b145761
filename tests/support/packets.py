"""Real packets: programs in a pod's network, and a namespace that stands for every address beyond this machine."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Final

from sandbox.errors import SandboxError
from sandbox.node import network
from sandbox.node.layout import Layout

# An address of the client devices' network that no device gets (devices.py).
_HOST: Final = 251
_TABLES: Final = 7000
# Answers at the services that are given (`tcp 443`): a TCP connection is taken, a datagram is sent back. Of a service that
# somebody else has there, nothing is said. With "every", it answers at all.
_ANSWER: Final = """
import asyncio, sys
async def taken(reader, writer):
    writer.close()
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, address):
        self.transport.sendto(data, address)
async def main():
    loop, host = asyncio.get_running_loop(), sys.argv[1]
    for service in sys.argv[2:]:
        protocol, port = service.split()
        try:
            if protocol == "tcp":
                await asyncio.start_server(taken, host, int(port))
            else:
                await loop.create_datagram_endpoint(Echo, (host, int(port)))
        except OSError as error:
            print("taken", service, error, flush=True)
    print("answering", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
# Asks all at once, and prints for each whether it answered, was refused or was silent.
_ASK: Final = """
import asyncio, json, sys
async def tcp(host, port):
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
class Asks(asyncio.DatagramProtocol):
    def __init__(self, done):
        self.done = done
    def datagram_received(self, data, address):
        self.done.done() or self.done.set_result(None)
    def error_received(self, error):
        self.done.done() or self.done.set_exception(error)
async def udp(host, port):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: Asks(done), remote_addr=(host, port))
    try:
        # A name server that cannot make sense of what it is sent is silent: a question for the root's servers.
        question = bytes.fromhex("123401000001000000000000" + "00" + "00020001")
        for _ in range(2):
            transport.sendto(question)
            with __import__("contextlib").suppress(asyncio.TimeoutError):
                return await asyncio.wait_for(asyncio.shield(done), 1)
        raise asyncio.TimeoutError
    finally:
        transport.close()
async def ask(host, service, gate):
    protocol, port = service.split()
    async with gate:
        # Twice: on a machine that has much to do, somebody else's answer is late.
        for _ in range(2):
            try:
                await asyncio.wait_for((tcp if protocol == "tcp" else udp)(host, int(port)), 3)
            except asyncio.TimeoutError:
                continue
            except OSError:
                return "refused"
            return "answers"
        return "silent"
async def main():
    gate = asyncio.Semaphore(200)
    print(json.dumps(await asyncio.gather(*(ask(*question, gate) for question in json.load(sys.stdin)))))
asyncio.run(main())
"""
_ROUTES: Final = """
set -e
ip link set lo up
ip link set "$1" name eth0
ip address add "$2/24" dev eth0
ip link set eth0 up
ip route add default via "$3"
nft -f - <<END
table ip everything {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iif eth0 meta l4proto { tcp, udp } redirect to :7
  }
}
END
"""


def inside(pid: int, *command: str) -> list[str]:
    """A command line in the network of a process."""
    return ["nsenter", f"--target={pid}", "--net", "--", *command]


@contextlib.contextmanager
def answering(pid: int, services: Iterable[str], host: str = "0.0.0.0") -> Generator[None]:
    """Somebody answers at these services in the network of a process."""
    command = inside(pid, sys.executable, "-c", _ANSWER, host, *services)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            while (line := program.stdout.readline()) and line != "answering\n":
                print(f"{line.strip()} ({host})")
            assert line, "nobody answers"
            yield
        finally:
            program.terminate()


def asked(pid: int, questions: Sequence[tuple[str, str]]) -> list[str]:
    """The outcome of each question, an address and a service, from the network of a process (0: this machine's)."""
    program = [sys.executable, "-c", _ASK]
    command = inside(pid, *program) if pid else program
    text = json.dumps(questions)
    result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@contextlib.contextmanager
def internet(node: Layout) -> Generator[int]:
    """A process in whose network every address is its own and answers; pods' packets to addresses that are not on this machine
    go there. Nothing leaves the machine."""
    near, far, address = f"{node.id}i", f"{node.id}j", f"{node.client_net}.{_HOST}"
    # A table of its own for what comes from pods: this machine's own routes stay.
    table = ("table", str(_TABLES + node.index))
    rule = ("iif", node.pod_bridge, *table, "priority", str(_TABLES + node.index))
    with subprocess.Popen(["unshare", "--net", "--", "sleep", "infinity"]) as holder:
        try:
            while Path("/proc/self/ns/net").readlink() == Path(f"/proc/{holder.pid}/ns/net").readlink():
                time.sleep(0.01)
            network.ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", str(holder.pid))
            network.ip("link", "set", near, "master", node.client_bridge, "up")
            network.run(inside(holder.pid, "sh", "-c", _ROUTES, "sh", far, address, node.client_gateway))
            network.ip("route", "replace", f"{node.client_net}.0/24", "dev", node.client_bridge, *table)
            network.ip("route", "replace", "default", "via", address, *table)
            network.ip("rule", "add", *rule)
            with answering(holder.pid, ["tcp 7", "udp 7"]):
                yield holder.pid
        finally:
            with contextlib.suppress(SandboxError):  # it never came so far
                network.ip("rule", "delete", *rule)
                network.ip("route", "flush", *table)
            holder.terminate()
