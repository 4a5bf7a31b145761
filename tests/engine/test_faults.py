"""Faults around an update: two at once, a configuration that cannot be used. (Killed ones: test_killed_updates.)"""

import threading

import pytest

from components.constants import PROJECT
from engine.errors import EngineError, UserError
from engine.locks import locks
from engine.stack import Result
from engine.state import masked
from tests.support.engine_world import Cluster, MakeStack, Stack, eventually, given_key, instance, steps

MODEL_KEY = "sk-test-0123456789abcdef"


@pytest.fixture(scope="module")
def deployed(stack: MakeStack) -> Stack:
    new_stack = stack("faulty")
    new_stack.at(instance("faulty"))
    return new_stack


def test_of_two_updates_at_once_the_second_is_told_and_the_first_ends_well(deployed: Stack, cluster: Cluster) -> None:
    wanted = instance("faulty", gateway={"resources": {"memoryLimit": "3Gi"}})
    deployed.applied = None
    results: list[Result] = []
    first = threading.Thread(target=lambda: results.append(deployed.engine(wanted).up()))
    first.start()
    eventually(lambda: locks(deployed.world.home.state, PROJECT, "faulty"), "the first update to begin")
    with pytest.raises(
        UserError, match=r"another update of the stack faulty is running \(pid \d+ of \w+ on \S+, since \S+\)"
    ):
        deployed.engine(wanted).up()
    first.join()
    assert [steps(result) for result in results] == [{"faulty-gateway": "update"}]
    assert cluster.pod("openclaw-faulty")


def test_an_unusable_configuration_is_one_clear_error_and_changes_nothing(deployed: Stack, cluster: Cluster) -> None:
    before, state = cluster.inventory("faulty"), masked(deployed.resources())
    wrong = instance(
        "faulty",
        gateway={"resources": {"memoryLimit": "64Mi"}},
        tailscale={"hostnam": "x"},
        extraEgress=[{"cidr": "x"}],
    )
    engine = deployed.engine(wrong, instance("other", namespace="openclaw-faulty"))
    engine.config.secret[f"{PROJECT}:instances[0].gateway.secrets.openai"] = MODEL_KEY
    with pytest.raises(EngineError) as refused:
        engine.up()

    assert len(refused.value.diagnostics) == 1, refused.value.diagnostics
    [message] = refused.value.diagnostics
    assert "nothing was changed" in message
    for path in (
        "instances[0].gateway.secrets",
        "instances[0].tailscale.hostnam is not a known key. Did you mean hostname?",
        "instances[0].extraEgress[0].cidr",
        "instances[0].extraEgress[0].ports is missing",
    ):
        assert path in message, message
    assert "Traceback" not in refused.value.output
    assert not [secret for secret in (MODEL_KEY, given_key("faulty")) if secret in refused.value.output]
    assert cluster.inventory("faulty") == before
    # Masked: the engine encrypts anew whenever it writes.
    assert masked(deployed.resources()) == state
