"""Advice about the agent: full access is told, and never refused."""

import json
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policies.pack import Violation, analyze


def judged(content: Any) -> list[Violation]:
    violations = analyze([("kubernetes:core/v1:ConfigMap", "x", {"data": {"openclaw.json": content}})])
    return [one for one in violations if one.rule == "full_access"]


def config(**tools: Any) -> str:
    gateway = {"bind": "loopback", "tailscale": {"mode": "off"}}
    return json.dumps({"gateway": gateway, "tools": tools})


@pytest.mark.parametrize("tools", [{}, {"exec": {}}, {"exec": {"mode": "full"}}, {"exec": {"security": "full"}}])
def test_an_agent_that_asks_nobody_is_told(tools: Any) -> None:
    (advice,) = judged(config(**tools))
    assert advice.advisory
    assert advice.message == (
        'advice: ConfigMap "x" lets the agent run every command without asking anybody (data["openclaw.json"]: '
        'tools.exec.mode). Choose gateway.permissions "guarded", unless the container holds nothing that matters.'
    )


@pytest.mark.parametrize("mode", ["deny", "allowlist", "ask", "auto"])
def test_an_agent_that_asks_somebody_is_not(mode: str) -> None:
    assert judged(config(exec={"mode": mode})) == []
    assert judged(UNKNOWN_STRING_VALUE) == []
