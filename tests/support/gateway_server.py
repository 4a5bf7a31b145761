"""A gateway's port on loopback, as far as gateway.mjs asks it: probes over HTTP, and its protocol's frames."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve


@dataclass
class GatewayServer:
    """Answers by method; one that is not there is an error. `asked` has each frame's method and parameters."""

    answers: dict[str, Any]
    refusal: dict[str, Any] | None = None
    silent: bool = False
    port: int = 0
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])

    def talk(self, connection: ServerConnection) -> None:
        challenge = {"type": "event", "event": "connect.challenge", "payload": {"nonce": "n", "ts": 1}}
        connection.send(json.dumps(challenge))
        try:
            for text in connection:
                frame = json.loads(text)
                self.asked.append((frame["method"], frame["params"]))
                if not self.silent:
                    connection.send(json.dumps({"type": "res", "id": frame["id"], **self._answer(frame["method"])}))
        except ConnectionClosed:
            pass

    def _answer(self, method: str) -> dict[str, Any]:
        if method == "connect":
            return (
                {"ok": False, "error": self.refusal} if self.refusal else {"ok": True, "payload": {"type": "hello-ok"}}
            )
        if method in self.answers:
            return {"ok": True, "payload": self.answers[method]}
        return {"ok": False, "error": {"code": "INVALID_REQUEST", "message": f"unknown method: {method}"}}

    def probe(self, _: ServerConnection, request: Request) -> Response | None:
        if request.path not in self.answers:
            return None
        body = self.answers[request.path]
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return Response(200, "OK", Headers({"Content-Length": str(len(content)), "Connection": "close"}), content)


@contextmanager
def gateway_server(answers: dict[str, Any], **options: Any) -> Generator[GatewayServer]:
    gateway = GatewayServer(answers, **options)
    with serve(gateway.talk, "127.0.0.1", 0, process_request=gateway.probe) as server:
        gateway.port = server.socket.getsockname()[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield gateway
