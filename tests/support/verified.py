"""Policies that somebody else keeps, and what is found of them."""

import json
from typing import Any

from components.settings.load import parse
from components.tailnet import hujson
from components.tailnet.policy import render
from components.tailnet.verify import Findings, verify
from tests.support.configs import Raw, smallest

TAG, YOU = "tag:openclaw-home", "you@example.com"


def findings_of(policy: Raw, config: Raw | None = None) -> Findings:
    return verify(json.dumps(policy), parse(config or smallest()))


def right(config: Raw | None = None, **more: Any) -> Raw:
    """A policy that gives what is asked for, with more in it."""
    policy = hujson.loads_object(render(parse(config or smallest())))
    for name, section in more.items():
        policy[name] = (
            [*policy.get(name, []), *section] if isinstance(section, list) else {**policy.get(name, {}), **section}
        )
    return policy


def grant(src: str, *ip: str, dst: str = TAG, **more: Any) -> Raw:
    return {"grants": [{"src": [src], "dst": [dst], "ip": list(ip), **more}]}
