"""Holds the policy that a stack is about to send to the access it must give, before anything is sent (I7)."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from components.settings import Settings
from components.sidecar import served_port
from components.tailnet.evaluator import Evaluator, Network, Policy, PolicyError, Reach, User, run_tests
from components.tailnet.evaluator.services import TCP, Service
from components.tailnet.node_policy import tag_of_node, tagged
from components.tailnet.policy import tag_of

# A wrong grant can break every instance in the same way: the first few say it.
SHOWN = 5


def problems(text: str, settings: Settings) -> list[str]:
    """One line for each thing that the policy gets wrong; empty when exactly the listed people reach each gateway."""
    try:
        evaluator = Evaluator(Policy.parse(text), people(settings))
    except PolicyError as error:
        return [f"the control server would refuse it: {error.message}. {_mend(error.message)}"]
    return [
        *(problem for wanted in _wanted(settings) for problem in _reached(wanted, evaluator.reaches(wanted.tag))),
        *_tests(evaluator),
    ]


def people(settings: Settings) -> Network:
    """Everybody whom the settings name, without devices: a test may name somebody whom no grant names."""
    listed = (*settings.instances, *settings.nodes)
    named = [person for entry in listed for person in entry.people if "@" in person]
    members = [login for group in settings.tailnet.groups.values() for login in group]
    return Network(users=[User(login) for login in dict.fromkeys([*named, *members])])


def message(found: Sequence[str]) -> str:
    """The problems as one error for people."""
    lines = [f"The tailnet policy of this configuration would be wrong; nothing was changed ({len(found)} found):"]
    lines += [f"  {problem}" for problem in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"  and {len(found) - SHOWN} more of the kind.")
    return "\n".join(lines)


@dataclass(frozen=True)
class _Wanted:
    """Who must reach a tag, and on which TCP ports: these and nobody else. `path`: where they are listed."""

    tag: str
    path: str
    sources: Sequence[str]
    ports: Collection[int]


def _wanted(settings: Settings) -> Iterator[_Wanted]:
    nodes = tagged(settings)
    for index, instance in enumerate(settings.instances):
        own = [tag_of_node(node) for node in nodes if node.gateway == instance.id]
        sources = [*instance.people, *own] if instance.tailscale.enabled else []
        yield _Wanted(tag_of(instance), f"instances[{index}].people", sources, {served_port(instance.tailscale)})
    for index, node in enumerate(settings.nodes):
        if node in nodes:
            yield _Wanted(tag_of_node(node), f"nodes[{index}].people", node.people, set(node.ports))


def _reached(wanted: _Wanted, reaches: Sequence[Reach]) -> Iterator[str]:
    tag = wanted.tag
    services = {Service(frozenset({TCP}), port, port) for port in wanted.ports}
    shown = ", ".join(f"tcp:{port}" for port in sorted(wanted.ports))
    listed = {source.lower() for source in wanted.sources}
    served: set[str] = set()
    for reach in reaches:
        if reach.reason:
            yield f"{tag}: it cannot be told who reaches it, {reach.reason}. Remove {reach.by}, or name tags and people."
        elif reach.source.lower() not in listed:
            yield (
                f"{reach.by} lets {reach.source} reach {tag} on {', '.join(map(str, reach.services))}. Remove it, or add "
                f"{reach.source} to {wanted.path}."
            )
        elif {*reach.services} != services:
            yield (
                f"{reach.by} lets {reach.source} reach {tag} on {', '.join(map(str, reach.services))}, where only "
                f"{shown} is served. Narrow it to that."
            )
        else:
            served.add(reach.source.lower())
    for source in wanted.sources:
        if source.lower() not in served:
            yield f"no grant lets {source} reach {tag} on {shown}. Add one, or remove {source} from {wanted.path}."


def _tests(evaluator: Evaluator) -> Iterator[str]:
    for index, outcome in enumerate(run_tests(evaluator)):
        for said in (*outcome.failed, *outcome.undecided):
            yield f"its own tests[{index}] ({outcome.test.src}) would fail: {said}. {_mend(said)}"


def _mend(said: str) -> str:
    """Where in the configuration to look."""
    if "names nobody" in said:
        return "Add somebody to that group in tailnet.groups, or remove it from people."
    if "tag not found" in said or "group not defined" in said:
        return "Correct tailnet.tagOwners or tailnet.groups."
    return "Correct people in instances, or tailnet.groups."
