"""What the end-to-end tests ask of an agent: by its HTTP API, by OpenClaw's own client, and of its ledger."""

import contextlib
import json
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from sandbox.node.devices import Device
from sandbox.node.openclaw_client import Refused, Session
from tests.support.e2e_world import Gateway
from tests.support.openclaw_client import Client, approve


@dataclass(frozen=True)
class Answer:
    """An answer of the HTTP API: the agent's words, or the error's."""

    status: int
    text: str
    seconds: float


def completions(text: str, token: str, *, stream: bool = False) -> list[str]:
    """Arguments of curl that ask the agent."""
    body = {"model": "openclaw", "stream": stream, "messages": [{"role": "user", "content": text}]}
    return ["--json", json.dumps(body), *(("--header", f"Authorization: Bearer {token}") if token else ())]


def ask_by_http(device: Device, gateway: Gateway, text: str, token: str, seconds: int = 50) -> Answer:
    """One question of a device to the agent, in a conversation of its own."""
    begin = time.monotonic()
    done = device.curl(*completions(text, token), "--write-out", "\n%{http_code}", gateway.chat, seconds=seconds)
    body, _, status = done.stdout.rpartition("\n")
    assert done.returncode == 0, done.stderr
    answer: Any = json.loads(body)
    words = answer["error"]["message"] if "error" in answer else answer["choices"][0]["message"]["content"]
    return Answer(int(status), words, time.monotonic() - begin)


@contextlib.contextmanager
def connected(client: Client, gateway: Gateway) -> Generator[Session]:
    """A person's connection, approved by the administrator where it was not yet."""
    url, token = f"ws://{gateway.hostname}", gateway.token()
    try:
        with client.session(url, token):
            pass
    except Refused as refused:
        if refused.code != "PAIRING_REQUIRED":
            raise
        approve(gateway, refused.said)
    with client.session(url, token) as session:
        yield session


def audited(gateway: Gateway, kind: str) -> list[dict[str, Any]]:
    """The newest records of the ledger, newest first."""
    return gateway.asked("audit.activity.list", kind=kind, limit=50)["events"]
