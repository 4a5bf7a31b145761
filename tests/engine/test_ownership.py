"""Whose tailnet policy it is: a stack never overwrites one that somebody else wrote."""

import pytest
from engine_world import MakeStack, Tailnet, instance

from sandbox.engine import EngineError

THEIRS = '{"grants": [{"src": ["alice@example.com"], "dst": ["bob@example.com"], "ip": ["tcp:22"]}]}'


def test_i7_a_policy_that_somebody_changed_is_not_overwritten(stack: MakeStack, tailnet: Tailnet) -> None:
    tailnet.write_policy(THEIRS)
    late = stack("late", owned=True)
    with pytest.raises(EngineError) as refused:
        late.up(instance("late"))
    message = str(refused.value)
    assert "412" in message, message
    assert "policy" in message, message
    assert "Traceback" not in refused.value.output
    assert tailnet.policy() == THEIRS
    assert "late-authkey" not in late.resources(), "no key may be minted under a policy that is not ours"
