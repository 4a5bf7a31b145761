"""Recorded events of the real engine, and the stack file that they belong to."""

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent

SAMPLES = Path(__file__).resolve().parents[1] / "unit" / "addons" / "changes" / "samples"

# The stack of the samples: two gateways, one with two people, in an owned tailnet.
STACK_FILE = """\
config:
  openclaw-tailnet:tailnet:
    name: sandbox.internal
    ownership: owned
    tagOwners: [admin@example.com]
    protect: false
    apiUrl: http://127.0.0.1:30928
    apiKey: {secure: v1:api}
  openclaw-tailnet:instances:
    - id: home
      people: [alice@example.com, bob@example.com]
      tailscale: {reach: http, enabled: true}
    - id: guest
      people: [bob@example.com]
      tailscale: {reach: http}
encryptionsalt: v1:salt
"""


def event(content: dict[str, Any]) -> "EngineEvent":
    """An event as the engine writes it, in JSON."""
    from pulumi.automation.events import EngineEvent

    return EngineEvent.from_json(content)  # pyright: ignore[reportUnknownMemberType]  # its parameter is a bare dict


@functools.cache
def events(name: str) -> "list[EngineEvent]":
    """The events of `preview-disable` and the like, without what the engine only says about itself."""
    return [event(json.loads(line)) for line in (SAMPLES / f"{name}.jsonl").read_text().splitlines()]
