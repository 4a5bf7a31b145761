"""The command lines of the control plane."""

import re

from sandbox import control_plane
from sandbox.home import Home


def test_nothing_of_the_control_plane_listens_beyond_loopback(home: Home) -> None:
    addresses = [
        word.partition("=")[2]
        for part in control_plane.parts(home, simulated=True)
        for word in part.command
        if "address" in word.partition("=")[0] or "listen" in word or "-urls" in word
    ]
    assert len(addresses) >= 8
    assert {re.sub(r"^http://|:\d+$", "", address) for address in addresses} <= {"127.0.0.1", "InternalIP"}


def test_every_part_of_the_control_plane_says_when_it_is_ready(home: Home) -> None:
    parts = control_plane.parts(home, simulated=True)
    assert [part.name for part in parts if not (part.health_url or part.ready_line)] == []


def test_a_real_node_has_no_kwok_beside_it(home: Home) -> None:
    both = [{part.name for part in control_plane.parts(home, simulated)} for simulated in (False, True)]
    assert both[1] - both[0] == {"kwok"}


def test_kwok_leaves_a_real_node_alone(home: Home) -> None:
    kwok = next(part for part in control_plane.parts(home, simulated=True) if part.name == "kwok")
    arguments = dict(word.removeprefix("--").split("=", 1) for word in kwok.command if word.startswith("--"))
    assert arguments["manage-all-nodes"] == "false"
    key, _, value = arguments["manage-nodes-with-annotation-selector"].partition("=")
    assert control_plane.simulated_node()["metadata"]["annotations"] == {key: value}
