"""Of all sections about logins and devices: keys that are there twice, and words that are very long."""

from typing import Any

import pytest

from components.tailnet.evaluator import PolicyError
from tests.support.evaluator_world import ALICE, BOB, GW, evaluator
from tests.support.ssh_policies import ssh

LONG: list[dict[str, Any]] = [
    {"ssh": [ssh(ALICE, "x" * 1_000_000)]},
    {"ssh": [ssh("@" * 1_000_000, ALICE)]},
    {"ssh": [ssh(ALICE, GW, action="x" * 1_000_000)]},
    {"ssh": [ssh(ALICE, GW, action="check", checkPeriod="1" + "x" * 1_000_000)]},
    {"sshTests": [{"src": ALICE, "dst": ["tag:" + "x" * 1_000_000]}]},
    {"nodeAttrs": [{"app": {"x" * 1_000_000: []}}]},
    {"nodeAttrs": [{"ipPool": ["x" * 1_000_000]}]},
    {"autoApprovers": {"exitNode": ["x" * 1_000_000]}},
    {"autoApprovers": {"routes": {"x" * 1_000_000: []}}},
]


@pytest.mark.parametrize("name", ["ssh", "sshTests", "nodeAttrs", "autoApprovers"])
def test_a_key_that_is_there_twice_is_refused(name: str) -> None:
    entry = {"src": [ALICE], "Src": [BOB]}
    sections: dict[str, Any] = {name: entry if name == "autoApprovers" else [entry]}
    with pytest.raises(PolicyError, match='the keys "src" and "Src" are the same key, twice in'):
        evaluator(**sections)


@pytest.mark.parametrize("sections", LONG, ids=lambda sections: str(sections)[:40])
def test_a_message_shows_little_of_a_long_word(sections: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as refused:
        evaluator(**sections)
    assert len(refused.value.message) < 1000
