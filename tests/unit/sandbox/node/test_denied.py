"""What NetworkPolicies refuse is read from the kernel's messages."""

import struct

import pytest

from sandbox.node import denied


def packet(protocol: int, port: int = 0, options: int = 0) -> bytes:
    """From 10.244.0.10 to 10.1.2.3, with so many words of options."""
    addresses = bytes([10, 244, 0, 10, 10, 1, 2, 3])
    header = bytes([0x45 + options]) + bytes(8) + bytes([protocol]) + bytes(2) + addresses + bytes(4 * options)
    return header + struct.pack(">HH", 40000, port)


def message(*payloads: bytes, kind: int = 0x400) -> bytes:
    """As the kernel sends it: attributes of other kinds before and after the packet, all of them padded."""
    messages = b""
    for payload in payloads:
        attributes = b""
        for number, data in ((10, b"prefix\0"), (9, payload), (7, b"mark")):
            attributes += struct.pack("=HH", 4 + len(data), number) + data + bytes(-len(data) % 4)
        messages += struct.pack("=IHHII", 20 + len(attributes), kind, 0, 0, 0) + bytes(4) + attributes
    return messages


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        (packet(6, 22), "denied tcp 10.244.0.10 -> 10.1.2.3:22"),
        (packet(17, 53, options=3), "denied udp 10.244.0.10 -> 10.1.2.3:53"),
        (packet(1), "denied icmp 10.244.0.10 -> 10.1.2.3"),
        (packet(132), "denied 132 10.244.0.10 -> 10.1.2.3"),
        (packet(6, 22)[:20], "denied tcp 10.244.0.10 -> 10.1.2.3"),
    ],
)
def test_a_packet_is_a_line(payload: bytes, line: str) -> None:
    assert denied.told(payload) == line


def test_several_packets_come_in_one_message_and_others_are_left() -> None:
    one, two = packet(6, 22), packet(17, 53) + b"x"
    assert list(denied.packets(message(one, two) + message(one, kind=2))) == [one, two]


def test_the_kernel_is_asked_for_the_group_of_kube_router() -> None:
    asked = denied.request(denied.GROUP)
    assert struct.unpack_from("=IH", asked) == (len(asked), 0x401)
    assert asked[18:20] == struct.pack(">H", 100)
