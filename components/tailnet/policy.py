"""The tailnet policy of a stack that owns it, generated from the list of instances (I7)."""

import json
from collections.abc import Sequence
from typing import Any

from components import names
from components.constants import GATEWAY_PORT, SIDECAR_HEALTH_PORT
from components.settings import Instance, Settings
from components.sidecar import SERVED_PORTS, served_port

# Ports that must never answer on a gateway's tailnet address, besides the other reaches' ports.
CLOSED_PORTS = (22, SIDECAR_HEALTH_PORT, GATEWAY_PORT, *SERVED_PORTS.values())


# How many other instances' people and tags an instance's tests try in vain: complete up to nine instances, and linear beyond,
# because the control server runs every test at every write.
OTHERS = 8


def tag_of(instance: Instance) -> str:
    """The tag of the instance's device."""
    return names.of(instance.id).tag


def policy(settings: Settings) -> dict[str, Any]:
    """The policy as data: tag owners for every instance, a grant and tests for every one that is reachable."""
    reachable = [instance for instance in settings.instances if instance.tailscale.enabled]
    made: dict[str, Any] = {}
    if settings.tailnet.groups:
        made["groups"] = {group: list(members) for group, members in settings.tailnet.groups.items()}
    # A disabled instance keeps its tag: its device is only away.
    made["tagOwners"] = {tag_of(instance): list(settings.tailnet.tag_owners) for instance in settings.instances}
    made["grants"] = [
        {
            "src": list(instance.people),
            "dst": [tag_of(instance)],
            "ip": [f"tcp:{served_port(instance.tailscale)}"],
        }
        for instance in reachable
    ]
    made["tests"] = [test for instance in reachable for test in _tests(instance, _others(instance, settings.instances))]
    return made


def _others(instance: Instance, instances: Sequence[Instance]) -> Sequence[Instance]:
    """The next instances after this one, in a ring."""
    place = instances.index(instance)
    return [*instances[place + 1 :], *instances[:place]][:OTHERS]


def _tests(instance: Instance, others: Sequence[Instance]) -> list[dict[str, Any]]:
    tag, served = tag_of(instance), served_port(instance.tailscale)
    closed = [f"{tag}:{port}" for port in sorted({*CLOSED_PORTS} - {served})]
    accepted: list[dict[str, Any]] = [
        {"src": person, "proto": "tcp", "accept": [f"{tag}:{served}"], "deny": closed} for person in instance.people
    ]
    # Who is in a group cannot be told from its name: it may hold somebody of another instance.
    by_name = not any(person.startswith("group:") for person in instance.people)
    # The control server takes logins in any case.
    listed = {person.lower() for person in instance.people}
    strangers = dict.fromkeys(
        person
        for other in others
        for person in other.people
        if by_name and person.lower() not in listed and not person.startswith("group:")
    )
    denied = [*strangers, tag, *(tag_of(other) for other in others)]
    everything = [f"{tag}:{served}", *closed]
    return [*accepted, *({"src": source, "proto": "tcp", "deny": everything} for source in denied)]


def render(settings: Settings) -> str:
    """The policy as HuJSON. The same settings always give the same text (I11)."""
    header = "// Written by openclaw-tailnet from the stack's list of instances. Edits here are lost with the next `pulumi up`.\n"
    return header + json.dumps(policy(settings), indent=2) + "\n"
