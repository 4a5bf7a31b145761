"""A control server that exchanges tokens, as the hosted one does: its API under /api/v2, everything else is headscale's.

The exchange itself stands here, because headscale has none: it records what it was asked and hands out an access token of
the sandbox's API. What is asked of the API after that is the API's own affair.
"""

import json
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

API = b"/api/v2/"


@dataclass(frozen=True)
class Asked:
    """One request for the API; a form or JSON as plain data."""

    call: str
    body: Any


class Front(ThreadingTCPServer):
    """`refuse` is what it says instead of a token."""

    daemon_threads = True

    def __init__(self, control: str, api: str, access_token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.control, self.api, self.access_token = urlsplit(control), api, access_token
        self.asked: list[Asked] = []
        self.refuse: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def front(control: str, api: str, access_token: str) -> Generator[Front]:
    with Front(control, api, access_token) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


class _Connection(BaseRequestHandler):
    """The first line decides: devices keep a connection for one purpose."""

    server: Front  # pyright: ignore[reportIncompatibleVariableOverride] - socketserver's way to the state of a server

    def handle(self) -> None:
        line = self.request.recv(4096, socket.MSG_PEEK).split(b"\r\n")[0]
        if API in line:
            _Api(self.request, self.client_address, self.server)
        elif line:
            _splice(self.request, (str(self.server.control.hostname), int(self.server.control.port or 80)))


class _Api(BaseHTTPRequestHandler):
    server: Front  # pyright: ignore[reportIncompatibleVariableOverride] - http.server's way to the state of a server

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        form = self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        body: Any = (
            {key: values[0] for key, values in parse_qs(content.decode()).items()} if form else json.loads(content)
        )
        self.server.asked.append(Asked(f"POST {self.path}", body))
        if not self.path.endswith("/oauth/token-exchange"):
            # As it came: the client names no type for its JSON.
            who = {"Authorization": self.headers["Authorization"]}
            answer = httpx.post(f"{self.server.api}{self.path}", content=content, headers=who, trust_env=False)
            self._answer(answer.status_code, answer.content)
        elif self.server.refuse:
            self._answer(403, json.dumps({"message": self.server.refuse}).encode())
        else:
            token = {"access_token": self.server.access_token, "token_type": "Bearer", "expires_in": 3600}
            self._answer(200, json.dumps(token).encode())

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _splice(near: socket.socket, place: tuple[str, int]) -> None:
    with socket.create_connection(place) as far:
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
