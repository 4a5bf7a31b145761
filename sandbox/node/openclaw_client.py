"""OpenClaw's own client on a person's device: a container of the gateway's image in the device's network."""

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from sandbox.errors import SandboxError
from sandbox.node import containers, devices
from sandbox.node.containers import Container
from sandbox.node.devices import Device
from sandbox.node.layout import Layout

SCRIPT: Final = Path(__file__).with_name("client.mjs")
# The number of the answer to the connection itself.
HELLO: Final = 0


@dataclass(frozen=True)
class Client:
    """One person's client. `home`: its identity, and lasts as long; `process`: whose network it uses; `names`: its resolv.conf."""

    node: Layout
    home: Path
    process: int
    names: Path

    @classmethod
    def on(cls, device: Device, home: Path | None = None) -> "Client":
        """A device's client; its identity is the device's own, unless it is kept elsewhere."""
        home = home or device.directory / "openclaw"
        return cls(device.layout, home, device.process, device.directory / "etc" / "resolv.conf")

    def call(self, url: str, method: str, token: str) -> Any:
        """`{"ok": true, "result": ...}`, or `{"ok": false, "code": ...}` with what the gateway said."""
        return self.script("call", url, method, token=token)

    def script(self, *arguments: str, token: str, wait: float = 60) -> Any:
        """The last line that the script printed."""
        said = self.run(["node", "/client.mjs", *arguments], token, wait)
        return json.loads(said.strip().rpartition("\n")[2])

    def run(self, command: list[str], token: str, wait: float) -> str:
        """What a program of the image printed."""
        result = subprocess.run(self.command(command, token), capture_output=True, text=True, timeout=wait, check=False)
        if not result.stdout.strip():
            raise SandboxError(f"the client said nothing: {result.stderr.strip()[-500:]}", "Look at the gateway's log")
        return result.stdout

    @contextlib.contextmanager
    def session(self, url: str, token: str) -> Generator["Session"]:
        """One connection, as long as the block runs. A gateway that refuses it is a `Refused`."""
        process = subprocess.Popen(
            self.command(["node", "/client.mjs", "session", url], token),
            env=devices.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        session = Session(process)
        try:
            hello = session.answer(HELLO)
            if not hello["ok"]:
                raise Refused(str(hello.get("code")), str(hello.get("message")))
            yield session
        finally:
            session.close()

    def command(self, command: list[str], token: str) -> list[str]:
        self.home.mkdir(parents=True, exist_ok=True)
        os.chown(self.home, containers.USER, containers.USER)
        mounts = {
            self.home: ("/home/node", "rw"),
            self.names: ("/etc/resolv.conf", "ro"),
            SCRIPT: ("/client.mjs", "ro"),
        }
        # Plain ws:// to a name is refused by the client itself, unless it is told that the network is private.
        variables = {"HOME": "/home/node", "CLIENT_TOKEN": token, "OPENCLAW_ALLOW_INSECURE_PRIVATE_WS": "1"}
        container = Container(self.process, mounts, variables)
        return container.command(self.node, containers.new_name("client"), *command)


class Refused(Exception):
    """The gateway did not let a client in. `code` such as PAIRING_REQUIRED; `said` in its own words."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(f"{code}: {said}")
        self.code = code
        self.said = said


@dataclass
class Session:
    """An open connection: calls and their answers, and the gateway's events in the order in which they came."""

    process: "subprocess.Popen[str]"
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _lines: "queue.Queue[str | None]" = field(default_factory=lambda: queue.Queue[str | None]())
    _answers: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    _sent: int = 0

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _next(self, seconds: float) -> dict[str, Any]:
        """The next line of the script; empty when none came in time."""
        try:
            line = self._lines.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return {}
        if line is None:
            assert self.process.stderr is not None
            raise SandboxError(
                f"the client's connection ended: {self.process.stderr.read().strip()[-500:]}", "See the gateway's log"
            )
        return cast(dict[str, Any], json.loads(line))

    def send(self, method: str, **params: Any) -> int:
        """Sends a call, and returns its number."""
        self._sent += 1
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": self._sent, "method": method, "params": params}) + "\n")
        self.process.stdin.flush()
        return self._sent

    def answer(self, number: int, seconds: float = 60) -> dict[str, Any]:
        """`{"ok": true, "result": ...}`, or `{"ok": false, "code": ..., "message": ...}`."""
        deadline = time.monotonic() + seconds
        while number not in self._answers:
            self._take(deadline - time.monotonic(), f"call {number} was not answered")
        return self._answers.pop(number)

    def call(self, method: str, **params: Any) -> Any:
        """The result; a call that fails is an error."""
        answer = self.answer(self.send(method, **params))
        if not answer["ok"]:
            raise SandboxError(f"{method}: {answer.get('message')}", "Look at the gateway's log")
        return answer["result"]

    def event(self, wanted: Callable[[str, dict[str, Any]], bool], seconds: float, since: int = 0) -> dict[str, Any]:
        """The payload of the first event that is wanted by its name and payload, from the `since`-th on."""
        deadline = time.monotonic() + seconds
        while True:
            for place in range(since, len(self.events)):
                event = self.events[place]
                if wanted(event["event"], event["payload"]):
                    return event["payload"]
            since = len(self.events)
            self._take(deadline - time.monotonic(), "the event that was waited for did not come")

    def ask(self, text: str, conversation: str = "main", **options: Any) -> "Turn":
        """Says something to the agent, as the chat of the Control UI does; `options` are further ones of `chat.send`."""
        since = len(self.events)
        said = {"sessionKey": conversation, "message": text, "idempotencyKey": uuid.uuid4().hex, **options}
        started = self.call("chat.send", **said)
        return Turn(self, started["runId"], since)

    def _take(self, seconds: float, lacking: str) -> None:
        line = self._next(seconds)
        if not line:
            raise SandboxError(lacking, "Look at the gateway's log")
        if "event" in line:
            self.events.append(line)
        else:
            self._answers[int(line.get("id", HELLO))] = line

    def close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(10)


@dataclass(frozen=True)
class Turn:
    """What was asked of the agent: its requests for approval, and how it ended."""

    session: Session
    run: str
    since: int

    def approval(self, seconds: float = 60) -> dict[str, Any]:
        """The first command that waits for an approval: `command`, `host`, `nodeId`."""
        return self._approval(seconds)["request"]

    def approval_id(self, seconds: float = 60) -> str:
        return str(self._approval(seconds)["id"])

    def resolve(self, decision: str) -> None:
        """`allow-once`, `allow-always` or `deny`."""
        self.session.call("exec.approval.resolve", id=self.approval_id(), decision=decision)

    def _approval(self, seconds: float) -> dict[str, Any]:
        def ours(name: str, payload: dict[str, Any]) -> bool:
            return name == "exec.approval.requested" and payload["request"]["runId"] == self.run

        return self.session.event(ours, seconds, self.since)

    def end(self, seconds: float = 60) -> dict[str, Any]:
        """The event that ends it: `state` is final, error or aborted."""

        def over(name: str, payload: dict[str, Any]) -> bool:
            return name == "chat" and payload["runId"] == self.run and payload["state"] in ("final", "error", "aborted")

        return self.session.event(over, seconds, self.since)

    def answer(self, seconds: float = 60) -> str:
        """The agent's words; an end without any is an error."""
        end = self.end(seconds)
        if end["state"] != "final":
            raise SandboxError(f"the agent did not answer: {end.get('errorMessage')}", "Look at the gateway's log")
        return "".join(part.get("text", "") for part in end["message"]["content"])
