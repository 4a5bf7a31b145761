"""A small server on loopback in the place of the Tailscale API: it remembers each call."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Api(ThreadingHTTPServer):
    """Answers what `answers` says for "METHOD path", {} otherwise; remembers each call."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.calls: list[tuple[str, Any, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Api  # pyright: ignore[reportIncompatibleVariableOverride] - http.server's way to the state of a server

    def _any(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        is_json = self.headers.get("Content-Type") == "application/json" and text
        call = f"{self.command} {self.path.removeprefix('/api/v2/')}"
        self.server.calls.append((call, json.loads(text) if is_json else text, dict(self.headers.items())))
        status, answer = self.server.answers.get(call, (200, {}))
        data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def log_message(self, format: str, *args: Any) -> None:
        pass
