"""A stack that would expose a gateway is refused by the policy pack in the real engine, before anything exists."""

from pathlib import Path

import pytest

from engine.errors import EngineError
from tests.support.engine_world import Cluster, MakeStack, Stack, instance

PROGRAM = Path(__file__).parent / "programs" / "exposed.py"
REFUSED = {
    "node-port": 'I1: Service "exposed-node-port" is of type NodePort',
    "host-network": 'I1: Deployment "exposed-host-network" shares the node\'s network',
    "bind-lan": 'I1: ConfigMap "exposed-bind-lan" does not bind the gateway to loopback',
    "automount": 'I5: Deployment "exposed-automount" lets Kubernetes mount a service-account token',
}


@pytest.fixture(scope="module")
def exposed(stack: MakeStack) -> Stack:
    """The real program with one more resource for each of the words, tailnet not touched."""
    new_stack = stack("exposed")
    new_stack.program = PROGRAM
    new_stack.config = {"exposed:by": " ".join(REFUSED), "exposed:namespace": "openclaw-exposed"}
    return new_stack


@pytest.fixture(scope="module")
def refusal(exposed: Stack) -> EngineError:
    with pytest.raises(EngineError) as refused:
        exposed.preview(instance("exposed"))
    return refused.value


@pytest.mark.parametrize("what", REFUSED)
def test_a_preview_refuses_what_exposes_a_gateway(refusal: EngineError, what: str) -> None:
    assert [said for said in refusal.diagnostics if REFUSED[what] in said], "\n".join(refusal.diagnostics)


def test_a_preview_refuses_nothing_else(refusal: EngineError) -> None:
    messages = [said for said in refusal.diagnostics if said != "preview failed"]
    assert len(messages) == len(REFUSED), "\n".join(messages)


def test_a_refused_preview_creates_nothing(refusal: EngineError, cluster: Cluster) -> None:
    assert cluster.inventory("exposed") == {}
    assert cluster.get("/api/v1/namespaces/openclaw-exposed") is None


def test_i1_an_up_without_a_preview_does_not_create_it_either(stack: MakeStack, cluster: Cluster) -> None:
    unseen = stack("unseen")
    unseen.program = PROGRAM
    unseen.config = {"exposed:by": "node-port", "exposed:namespace": "openclaw-unseen"}
    with pytest.raises(EngineError, match='I1: Service "exposed-node-port"'):
        unseen.up(instance("unseen"))
    services = cluster.items("/api/v1/services")
    assert [service["metadata"]["name"] for service in services] == ["kubernetes"]
