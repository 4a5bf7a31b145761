"""NetworkPolicies in force: every row of the table of flows, with real packets (I6)."""

import contextlib
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

import pytest

from sandbox.node import dns, layout, network
from sandbox.world import World
from tests.support import flows
from tests.support.e2e_world import ALICE, EGRESS, HOME, LAB, Figures, Gateway, apply, process_of, quick
from tests.support.engine_world import Cluster, Stack, eventually
from tests.support.faults.breaking import Parts
from tests.support.flows import FLOWS, FORMS, LISTS, Flow, sent
from tests.support.packets import answering, asked, internet
from tests.support.visitors import visitor

# One of each form.
INSTANCES: Final = {
    form: quick(
        f"form-{form}",
        people=[ALICE],
        tailscale=sidecar,
        extraEgress=[EGRESS, LISTS],
    )
    for form, sidecar in FORMS.items()
}
# The sandbox's own table closes these ports of the node, to every pod.
CLOSED: Final = ("tcp 22", "tcp 10250")


@dataclass(frozen=True)
class Place:
    """Where packets come from (a process in that network; 0 is this machine), and the addresses they go to."""

    process: int
    addresses: tuple[str, ...]


Places = dict[str, dict[str, Place]]


def pod_place(cluster: Cluster, namespace: str, name: str) -> Place:
    pod = cluster.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
    assert pod
    return Place(process_of(pod["status"]["containerStatuses"][0]), (pod["status"]["podIP"],))


def own(address: str) -> bool:
    """True for an address of this machine, whatever its network is: packets to it go nowhere else."""
    return network.run(["ip", "route", "get", address]).startswith(("local", "broadcast"))


@pytest.fixture(scope="module")
def places(world: World, cluster: Cluster, stack: Stack) -> Generator[Places]:
    """By form, the places of the table; something answers at each service of each of them."""
    gateways = {form: Gateway(world, cluster, str(one["id"])) for form, one in INSTANCES.items()}
    # What is there stays. The next module removes ours.
    kept = [one for one in stack.applied or () if one in (HOME, LAB)]
    apply(cluster, stack, *kept, *INSTANCES.values())
    for gateway in gateways.values():
        gateway.wait_ready()
    node = layout.of(world.home)
    cluster.create("/api/v1/namespaces", {"metadata": {"name": "monitoring"}})
    (server,) = cluster.items(f"/api/v1/namespaces/{dns.NAMESPACE}/pods?labelSelector=k8s-app%3Dkube-dns")
    with contextlib.ExitStack() as stack_of:

        def somebody(namespace: str, *services: str) -> Place:
            place = pod_place(cluster, namespace, stack_of.enter_context(visitor(cluster, namespace)))
            stack_of.enter_context(answering(place.process, (*flows.ANY, *services), place.addresses[0]))
            return place

        beyond = stack_of.enter_context(internet(node))
        others = {
            flows.STRANGER: somebody("default"),
            flows.MONITORING: somebody("monitoring"),
            flows.NOT_DNS: somebody(dns.NAMESPACE, "tcp 53", "udp 53"),
            flows.DNS: pod_place(cluster, dns.NAMESPACE, server["metadata"]["name"]),
            flows.NODE: Place(0, (node.address,)),
        }
        stack_of.enter_context(answering(others[flows.DNS].process, flows.ANY, others[flows.DNS].addresses[0]))
        for name, addresses in flows.addresses(4).items():
            others[name] = Place(beyond, tuple(address for address in addresses if sent(address) and not own(address)))
        found: Places = {}
        for form, gateway in gateways.items():
            # Any of its containers: a pod has one network.
            pod = Place(gateway.pid("gateway"), (gateway.pod["status"]["podIP"],))
            stack_of.enter_context(answering(pod.process, flows.OURS, pod.addresses[0]))
            found[form] = {**others, flows.GATEWAY: pod, flows.NEIGHBOUR: somebody(gateway.namespace)}
        for form, one in found.items():
            one[flows.OTHER] = found["tun" if form != "tun" else "metrics"][flows.GATEWAY]
        yield found


def tried(places: dict[str, Place], rows: list[Flow], source: str = "") -> list[tuple[Flow, str, str, str]]:
    """The rows with each of their services and addresses, and what came of it; all of them from one source if it is given."""
    questions = [
        (row, service, address) for row in rows for service in row.services for address in places[row.target].addresses
    ]
    outcomes: list[tuple[Flow, str, str, str]] = []
    for name in dict.fromkeys(source or row.source for row in rows):
        own = [question for question in questions if (source or question[0].source) == name]
        answers = asked(places[name].process, [(address, service) for _, service, address in own])
        outcomes += [(*question, answer) for question, answer in zip(own, answers, strict=True)]
    return outcomes


@pytest.mark.parametrize("form", FORMS)
def test_every_flow_of_the_table_i6(places: Places, form: str, figures: Figures) -> None:
    outcomes = tried(places[form], list(FLOWS))
    wrong = [
        f"{row.source} -> {row.target} ({address}), {service}: {outcome}"
        for row, service, address, outcome in outcomes
        if (outcome == "answers") != (form in row.wanted)
    ]
    assert wrong == []
    count = Counter(outcome for *_, outcome in outcomes)
    figures(f"flows tried, {form}", ", ".join(f"{number} {outcome}" for outcome, number in sorted(count.items())))


def test_without_a_policy_the_same_flows_arrive(places: Places, figures: Figures) -> None:
    """What was refused above is there: a pod that no policy closes is answered everywhere."""
    rows = [row for row in FLOWS if row.source == flows.GATEWAY and row.target not in (flows.OTHER, flows.NEIGHBOUR)]
    outcomes = [outcome for outcome in tried(places["tun"], rows, flows.STRANGER) if outcome[1] not in CLOSED]
    assert [outcome for outcome in outcomes if outcome[-1] != "answers"] == []
    figures("the same from a pod without policies", f"{len(outcomes)} answers")


def test_a_pod_that_nobody_has_judged_yet_has_no_network(places: Places, world: World, cluster: Cluster) -> None:
    """A cluster's network plugin may be late with the rules of a new pod, or be away: here that opens nothing."""
    target = (places["tun"][flows.INTERNET].addresses[0], "tcp 443")
    parts = Parts(world)
    with visitor(cluster, "kube-public") as name:
        known = pod_place(cluster, "kube-public", name)
        eventually(lambda: asked(known.process, [target]) == ["answers"], "it has a network", 20)
    with contextlib.ExitStack() as stack:
        with parts.without("kube-router"):
            name = stack.enter_context(visitor(cluster, "kube-public"))
            new = pod_place(cluster, "kube-public", name)
            assert asked(new.process, [target]) == ["silent"]
            # Who was judged before is judged as before.
            refused = [row for row in FLOWS if row.source == flows.GATEWAY and not row.wanted][:2]
            assert "answers" not in {outcome for *_, outcome in tried(places["tun"], refused)}
        begin = time.monotonic()
        eventually(lambda: asked(new.process, [target]) == ["answers"], "kube-router lets it through", 30)
        print(f"a network {time.monotonic() - begin:.1f} s after kube-router was back")
