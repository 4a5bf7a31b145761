"""Egress: "the internet" holds nothing inside, and a list of private places opens only what it names (I6)."""

import ipaddress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.constants import METADATA_CIDRS, NEVER_CIDRS, PRIVATE_CIDRS_V4, PRIVATE_CIDRS_V6, TAILNET_CIDRS
from components.network import NetworkArgs, network_policies, public
from components.scope import Scope
from components.settings.load import parse
from tests.support.configs import Raw, smallest
from tests.support.settings import lines

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The blocks of IANA's registries of special-purpose addresses that are not globally reachable, or reach IPv4 inside, or are
# another registry's: multicast, site-local.
SPECIAL = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *(
        "224.0.0.0/4",
        "240.0.0.0/4",
        "255.255.255.255/32",
        "::1/128",
        "::/128",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
    ),
    *("64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/32", "2001:2::/48", "2001:10::/28", "2001:20::/28"),
    *("2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]
PUBLIC = [
    *(
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
    ),
    *("169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255"),
    *("192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15", "2606:4700::1111"),
    *("2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2a00::1", "2400:cb00::1"),
    *("2001:67c::1", "2620:fe::fe", "3ffe:ffff::1"),
]


def open_to(address: Address) -> bool:
    """Says whether the rules for the internet let a pod reach an address."""
    blocks: list[Any] = [peer["ipBlock"] for peer in public()]
    return any(
        address in ipaddress.ip_network(block["cidr"])
        and not any(address in ipaddress.ip_network(hole) for hole in block["except"])
        for block in blocks
    )


@pytest.mark.parametrize("block", SPECIAL)
def test_i6_both_ends_and_the_middle_of_every_special_block_are_closed(block: str) -> None:
    network = ipaddress.ip_network(block)
    for offset in (0, network.num_addresses // 2, network.num_addresses - 1):
        assert not open_to(network[offset])


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_open_up_to_the_edges(address: str) -> None:
    assert open_to(ipaddress.ip_address(address))


@given(st.ip_addresses())
@settings(max_examples=1500, deadline=None, derandomize=True)
def test_i6_what_python_knows_as_not_global_is_closed(address: Address) -> None:
    if not address.is_global:
        assert not open_to(address)


@given(st.ip_addresses(v=4))
@settings(max_examples=300, deadline=None, derandomize=True)
@example(ipaddress.IPv4Address("169.254.169.254"))
@example(ipaddress.IPv4Address("10.0.0.1"))
def test_i6_no_address_that_is_ipv4_by_translation_or_tunnel_is_open(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for prefix, shift in (
        ("::", 0),
        ("::ffff:0:0", 0),
        ("::ffff:0:0:0", 0),
        ("64:ff9b::", 0),
        ("2002::", 80),
        ("64:ff9b:1::", 0),
    ):
        assert not open_to(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number << shift))


def test_kubernetes_takes_the_exceptions() -> None:
    # It refuses an exception that is not within its block, is all of it, or stands for IPv4.
    for whole, holes in (("0.0.0.0/0", PRIVATE_CIDRS_V4), ("::/0", PRIVATE_CIDRS_V6)):
        for hole in holes:
            network = ipaddress.ip_network(hole)
            assert network.prefixlen > 0
            assert network.version == 4 or network.network_address.ipv4_mapped is None
            assert network.version == ipaddress.ip_network(whole).version


def with_egress(*cidrs: Any) -> Raw:
    return smallest(extraEgress=[{"cidr": cidr, "ports": [{"port": 443}]} for cidr in cidrs])


METADATA = [
    *(
        "169.254.169.254/32",
        "169.254.0.0/16",
        "169.254.170.2/32",
        "169.254.170.23/32",
        "169.254.42.42/32",
        "169.252.0.0/14",
    ),
    *(
        "100.100.100.200/32",
        "100.100.100.0/24",
        "192.0.0.192/32",
        "168.63.129.16/32",
        "168.63.0.0/16",
        "fd00:ec2::254/128",
    ),
    *("fd00:ec2::23/128", "fd00::/16", "fd20:ce::254/128", "fd20::/16", "fd00:42::42/128", "fe80::a9fe:a9fe/128"),
    *("64:ff9b::a9fe:a9fe/128", "64:ff9b::a9fe:0/112", "168.0.0.0/8"),
]
TAILNET = [
    "100.64.0.0/10",
    "100.64.7.7/32",
    "100.127.255.255/32",
    "fd7a:115c:a1e0::/48",
    "fd7a:115c:a1e0::1/128",
    "fd7a::/16",
]
NOBODY = [
    *(
        "127.0.0.1/32",
        "127.0.0.0/8",
        "::1/128",
        "0.0.0.0/32",
        "0.0.0.0/8",
        "224.0.0.1/32",
        "239.0.0.0/8",
        "255.255.255.255/32",
    ),
    *(
        "240.0.0.0/8",
        "::/128",
        "::ffff:10.0.0.1/128",
        "::ffff:0:0/96",
        "fe80::1/128",
        "ff02::1/128",
        "2002:a9fe:a9fe::/48",
    ),
    *("64:ff9b:1::/48", "2001:0:1::/48", "100::/64", "64:ff9b::7f00:1/128", "::10.0.0.1/128", "fe80::/16"),
]
TOO_WIDE = [
    *(
        "0.0.0.0/1",
        "128.0.0.0/1",
        "64.0.0.0/2",
        "10.0.0.0/7",
        "2000::/3",
        "8000::/1",
        "fc00::/7",
        "fd00::/8",
        "fc00::/15",
    ),
    *("64:ff9b::/97", "64:ff9b::a00:0/103", "0.0.0.0/0", "::/0", "64:ff9b::/96"),
]
NOT_CIDRS: list[Any] = [
    *(
        "10.0.0.1",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/-1",
        "010.0.0.0/8",
        "10.0.0/24",
        "fe80::1%eth0/64",
    ),
    *(
        "10.0.0.1/8",
        "::1/0",
        "example.com",
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/8/8",
        10,
        None,
        ["10.0.0.0/8"],
        "٣.0.0.0/8",
        "1/8",
    ),
]


@pytest.mark.parametrize("cidr", [*METADATA, *TAILNET, *NOBODY, *TOO_WIDE, *NOT_CIDRS], ids=str)
def test_a_network_that_no_pod_may_reach_is_refused(cidr: Any) -> None:
    (line,) = lines(with_egress(cidr))
    assert line.startswith("instances[0].extraEgress[0].cidr ")


@pytest.mark.parametrize(
    ("cidrs", "reason"),
    [
        (METADATA, "metadata service"),
        (TAILNET[1:3], "tailnet"),
        (NOBODY[:9], "belong to no host"),
        (TOO_WIDE[:9], "too wide"),
    ],
)
def test_the_reason_is_said(cidrs: list[str], reason: str) -> None:
    for cidr in cidrs:
        assert reason in lines(with_egress(cidr))[0], cidr


@given(st.sampled_from([*METADATA_CIDRS, *TAILNET_CIDRS, *NEVER_CIDRS]), st.data())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_no_network_that_overlaps_a_refused_one_is_taken(block: str, data: st.DataObject) -> None:
    network = ipaddress.ip_network(block)
    address = network[data.draw(st.integers(0, network.num_addresses - 1))]
    prefix = data.draw(st.integers(0, network.max_prefixlen))
    cidr = ipaddress.ip_network((address, prefix), strict=False)
    assert len(lines(with_egress(str(cidr)))) == 1


@given(st.lists(st.integers(0, 255), min_size=40, max_size=256, unique=True), st.integers(8, 10))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_pieces_that_open_nearly_everything_are_refused(firsts: list[int], prefix: int) -> None:
    allowed = [first for first in firsts if first not in (0, 100, 127, 168, 169, 192) and first < 224]
    pieces = [f"{first}.{part << (16 - prefix)}.0.0/{prefix}" for first in allowed for part in range(2 ** (prefix - 8))]
    assert lines(with_egress(*pieces)) == [
        "instances[0].extraEgress allows nearly every address, piece by piece. List the networks that the pod needs."
    ]


def test_pieces_of_ipv6_and_of_its_ipv4_are_refused_too() -> None:
    pieces = [f"{first:x}::/16" for first in range(0x2A00, 0x2A40)]
    translated = [f"64:ff9b::{first:x}00:0/104" for first in range(20, 60)]
    for cidrs in (pieces, translated, [*translated, "10.0.0.0/8"]):
        assert len(lines(with_egress(*cidrs))) == 1
    rules = with_egress(*pieces)["instances"][0]["extraEgress"]
    pod: Raw = {"id": "p", "kind": "kubernetes", "gateway": "home", "kubernetes": {"extraEgress": rules}}
    (line,) = lines({**smallest(), "nodes": [pod]})
    assert line.startswith("nodes[0].kubernetes.extraEgress ")


@pytest.mark.parametrize(
    "cidrs",
    [
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
        ["10.1.2.3/32", "fd12:3456:789a::/48", "fd12::1/128"],
        ["8.8.8.8/32", "203.0.113.0/24", "2606:4700::/32", "64:ff9b::a01:203/128", "198.18.0.0/15"],
    ],
)
def test_private_networks_are_taken(cidrs: list[str]) -> None:
    (instance,) = parse(with_egress(*cidrs)).instances
    assert [rule.cidr for rule in instance.extra_egress] == cidrs


def with_dns(*addresses: Any) -> Raw:
    return {**smallest(), "cluster": {"dnsAddresses": list(addresses)}}


@pytest.mark.parametrize(
    "address",
    ["169.254.20.10", "169.254.169.254", "168.63.129.16", "10.0.0.2", "8.8.8.8", "fd00:10::a", "2001:4860:4860::8888"],
)
def test_dns_may_be_at_any_address_that_a_pod_can_ask(address: str) -> None:
    settings_ = parse(with_dns(address))
    assert settings_.cluster.dns_addresses == (address,)
    scope = Scope(settings_.instances[0].names, "dev")
    dns = network_policies(NetworkArgs(scope, settings_.cluster, sidecar=True))["allow-dns"]["spec"]
    (rule,) = dns["egress"]
    assert rule["to"][1:] == [{"ipBlock": {"cidr": f"{address}/{128 if ':' in address else 32}"}}]
    # That port alone: a metadata service answers on others.
    assert rule["ports"] == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        *(
            (one, "is of the tailnet, loopback")
            for one in ("100.100.100.100", "127.0.0.53", "::1", "224.0.0.251", "0.0.0.0")
        ),
        *((one, "is of the tailnet, loopback") for one in ("fd7a:115c:a1e0::53", "fe80::1", "64:ff9b::6464:6464")),
        *(
            (one, "is not an IP address")
            for one in ("169.254.20.10/32", "dns.example.com", "", "10.0.0.02", "fe80::1%eth0")
        ),
    ],
)
def test_what_is_no_dns_is_refused(address: str, reason: str) -> None:
    (line,) = lines(with_dns(address))
    assert line.startswith("cluster.dnsAddresses[0] ")
    assert reason in line


def test_an_address_is_listed_once() -> None:
    (line,) = lines(with_dns("10.0.0.2", "10.0.0.2"))
    assert line.startswith("cluster.dnsAddresses")
