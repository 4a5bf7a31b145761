"""Two stacks in one cluster and one tailnet: neither ever takes over what the other has (I12), and each keeps what it left (I10)."""

from collections.abc import Generator

import httpx
import pytest

from components.constants import LABEL_STACK, PROJECT
from engine.configuration import Values
from engine.errors import EngineError
from sandbox.tailnet.headscale import connected
from sandbox.world import World
from tests.support.engine_world import Cluster, MakeStack, Stack, Tailnet, instance

HOME = instance("shared")
NAMESPACE = "openclaw-shared"
BELONGS = f"instances[0]: the namespace {NAMESPACE} belongs to the stack dev. Choose another id or namespace here"


@pytest.fixture(scope="module")
def dev(stack: MakeStack) -> Stack:
    return stack("dev")


@pytest.fixture(scope="module")
def prod(stack: MakeStack) -> Stack:
    return stack("prod")


def test_i12_the_second_stack_is_refused_at_preview_and_at_update(dev: Stack, prod: Stack, cluster: Cluster) -> None:
    dev.up(HOME)
    before = cluster.inventory("dev")
    for operation in (prod.preview, prod.up):
        with pytest.raises(EngineError) as refused:
            operation(HOME)
        assert BELONGS in str(refused.value)
        assert f"kubectl annotate namespace {NAMESPACE} openclaw-tailnet/hand-over=prod" in str(refused.value)
        assert "Traceback" not in refused.value.output
    assert cluster.inventory("dev") == before
    assert cluster.inventory("prod") == {}


def test_i12_i10_volumes_of_a_destroyed_stack_stay_its_own(dev: Stack, prod: Stack, cluster: Cluster) -> None:
    """No other stack gets them, and this one finds them again."""
    dev.at(HOME)
    claims = cluster.claims(NAMESPACE)
    dev.destroy()
    with pytest.raises(EngineError) as refused:
        prod.up(HOME)
    assert BELONGS in str(refused.value)
    # The same by somebody who does not ask the program: the guard's part outlives the stack.
    for path in (
        f"/api/v1/namespaces/{NAMESPACE}",
        f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/gateway-home",
    ):
        with pytest.raises(httpx.HTTPStatusError, match="belongs to the stack dev"):
            cluster.merge(path, {"metadata": {"labels": {LABEL_STACK: "prod"}}})
    assert cluster.claims(NAMESPACE) == claims
    dev.up(HOME)
    assert cluster.claims(NAMESPACE) == claims


def test_i12_i10_a_namespace_is_handed_over_with_what_is_in_it(dev: Stack, prod: Stack, cluster: Cluster) -> None:
    dev.at(HOME)
    claims = cluster.claims(NAMESPACE)
    cluster.merge(
        f"/api/v1/namespaces/{NAMESPACE}", {"metadata": {"annotations": {"openclaw-tailnet/hand-over": "prod"}}}
    )
    prod.up(HOME)
    assert cluster.claims(NAMESPACE) == claims
    assert {kind for kind, _ in cluster.of_stack("prod")} >= {"Namespace", "PersistentVolumeClaim", "Deployment"}
    with pytest.raises(EngineError, match=f"the namespace {NAMESPACE} belongs to the stack prod"):
        dev.preview(HOME)


@pytest.fixture
def tagged_device(world: World) -> Generator[None]:
    """A device with the tag of an instance that only the first stack runs."""
    with connected(world.home.tailnet) as control:
        [user] = [user for user in control.users() if user.email == "alice@example.com"]
        node = control.register_offline_node(user.name, "openclaw-first")
        control.tag_node(node.id, ["tag:openclaw-first"])
        yield
        control.delete_node(node.id)


def test_i12_two_stacks_in_one_tailnet_never_share_a_tag(
    stack: MakeStack, tailnet: Tailnet, world: World, request: pytest.FixtureRequest
) -> None:
    first, second = stack("first", owned=True), stack("second", owned=True)
    verified: Values = {f"{PROJECT}:tailnet": {"ownership": "verified"}}
    second.config = verified
    first.up(instance("first"))
    ours = instance("first", namespace="second-first")
    with pytest.raises(
        EngineError, match="The stack first writes the tailnet's policy, and already uses tag:openclaw-first"
    ):
        second.preview(ours)
    # The same policy, kept by a person: now only the device tells.
    tailnet.write_policy(tailnet.policy().partition("\n")[2])
    request.getfixturevalue("tagged_device")
    with pytest.raises(EngineError) as refused:
        second.preview(ours)
    assert "openclaw-first.sandbox.internal, tag:openclaw-first" in str(refused.value)
    assert "Choose another id here, or, if nobody uses that device any more, remove it: curl" in str(refused.value)
    # Its own stack is not disturbed, and finds its device again after it was destroyed.
    assert first.preview(instance("first")).unchanged
    first.destroy()
    tailnet.reset()
    first.up(instance("first"))
    # The tailnet keeps no key of it for the tests that come after.
    first.destroy()
