"""The tailnet policy that a stack asks for, generated from the list of instances (I7)."""

from collections.abc import Iterator, Sequence

from components.constants import CLOSED_PORTS
from components.settings import Instance, Settings
from components.tailnet.model import Grant, PolicyTest, PolicyText
from components.tailnet.node_policy import node_grants, node_tests, tag_of_node, tagged

# How many other instances' people and tags an instance's tests try in vain: complete up to nine instances, and linear beyond,
# because the control server runs every test at every write.
OTHERS = 8

HEADING = (
    "Access to OpenClaw gateways, written by openclaw-tailnet from the stack's lists of instances and nodes.",
    "Change those lists: an edit made here is found, and refused, by the next preview.",
)


def tag_of(instance: Instance) -> str:
    """The tag of the instance's device."""
    return instance.names.tag


def policy(settings: Settings) -> PolicyText:
    """Tag owners for every instance and node, a grant and tests for every one that is reachable."""
    reachable = [instance for instance in settings.instances if instance.tailscale.enabled]
    return PolicyText(
        HEADING,
        settings.tailnet.groups,
        # A disabled instance keeps its tag: its device is only away.
        dict.fromkeys(
            [*map(tag_of, settings.instances), *map(tag_of_node, tagged(settings))], settings.tailnet.tag_owners
        ),
        [*map(grant, reachable), *node_grants(settings)],
        [
            *(
                test
                for place, instance in enumerate(settings.instances)
                if instance.tailscale.enabled
                for test in _tests(instance, _others(place, settings.instances))
            ),
            *node_tests(settings),
        ],
    )


def render(settings: Settings) -> str:
    """The policy as HuJSON. The same settings always give the same text (I11)."""
    return policy(settings).text()


def grant(instance: Instance) -> Grant:
    """The grant that lets the people of an instance open what it serves, and nothing else."""
    ports = [f"tcp:{port}" for port in instance.tailscale.opened_ports]
    return Grant(instance.people, [tag_of(instance)], ports, why=f"{instance.id}: its people open the gateway.")


def _others(place: int, instances: Sequence[Instance]) -> Sequence[Instance]:
    """The next instances after the one at `place`, in a ring."""
    return [*instances[place + 1 : place + 1 + OTHERS], *instances[: min(place, OTHERS)]][:OTHERS]


def _tests(instance: Instance, others: Sequence[Instance]) -> Iterator[PolicyTest]:
    tag, ports = tag_of(instance), instance.tailscale.opened_ports
    opened = [f"{tag}:{port}" for port in ports]
    closed = [f"{tag}:{port}" for port in sorted({*CLOSED_PORTS} - {*ports})]
    for person in instance.people:
        shown = f"port {ports[0]}" if len(ports) == 1 else f"ports {', '.join(map(str, ports))}"
        why = f"{instance.id}: its people reach {shown} of it, and no other."
        yield PolicyTest(person, accept=opened, deny=closed, why=why)
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
    for source in (*strangers, tag, *(tag_of(other) for other in others)):
        why = f"{instance.id}: not people of other gateways, not gateways."
        yield PolicyTest(source, deny=[*opened, *closed], why=why)
