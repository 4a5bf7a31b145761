"""Says which packets NetworkPolicies refused: kube-router hands them to a log group of the kernel, ten a minute for each pod.

`python -m sandbox.node.denied`, in the Kubernetes node's namespace.
"""

import ipaddress
import socket
import struct
from collections.abc import Iterator
from typing import Final

# kube-router's; it has no setting for it.
GROUP: Final = 100
READY: Final = "listening to group"
_NETFILTER, _ULOG, _CONFIG = 12, 4, 1
_REQUEST: Final = 1
_BIND: Final = (1, struct.pack("=B", 1))
# As much of a packet as holds its headers.
_COPY: Final = (2, struct.pack(">IBx", 64, 2))
_PAYLOAD: Final = 9
_PROTOCOLS: Final = {1: "icmp", 6: "tcp", 17: "udp"}


def request(group: int) -> bytes:
    """The message that asks the kernel for the packets of a group."""
    attributes = b"".join(_attribute(kind, data) for kind, data in (_BIND, _COPY))
    body = struct.pack("=BB", socket.AF_UNSPEC, 0) + struct.pack(">H", group) + attributes
    return struct.pack("=IHHII", 16 + len(body), _ULOG << 8 | _CONFIG, _REQUEST, 0, 0) + body


def _attribute(kind: int, data: bytes) -> bytes:
    padding = bytes(-len(data) % 4)
    return struct.pack("=HH", 4 + len(data), kind) + data + padding


def packets(message: bytes) -> Iterator[bytes]:
    """The packets in what the kernel sent: their first bytes."""
    while len(message) >= 16:
        length, kind = struct.unpack_from("=IH", message)
        attributes, message = message[20:length], message[(length + 3) & ~3 :]
        while kind == _ULOG << 8 and len(attributes) >= 4:
            size, number = struct.unpack_from("=HH", attributes)
            if number == _PAYLOAD:
                yield attributes[4:size]
            attributes = attributes[(size + 3) & ~3 :]


def told(packet: bytes) -> str:
    """Such as `denied tcp 10.244.0.10 -> 10.1.2.3:22`."""
    header = (packet[0] & 15) * 4
    source, target = (str(ipaddress.IPv4Address(packet[start : start + 4])) for start in (12, 16))
    protocol = _PROTOCOLS.get(packet[9], str(packet[9]))
    port = ""
    if packet[9] in (6, 17) and len(packet) >= header + 4:
        port = f":{struct.unpack_from('>H', packet, header + 2)[0]}"
    return f"denied {protocol} {source} -> {target}{port}"


def main() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as kernel:
        kernel.send(request(GROUP))
        print(f"{READY} {GROUP}", flush=True)
        while True:
            for packet in packets(kernel.recv(65536)):
                print(told(packet), flush=True)


if __name__ == "__main__":
    main()
