"""The gateway's container: its probes, run by a shell against a server that answers or does not, and its variables."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from components.constants import GATEWAY_PORT
from components.gateway import container, probe
from components.settings.load import parse
from tests.support.configs import smallest


@contextmanager
def answering(status: int, body: str) -> Generator[int]:
    """A server that gives every path the same answer; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def run(port: int) -> int:
    """Exit code of the startup probe, asked at another port."""
    command = probe("startupz", '"status":"started"', period=1, failures=300)["exec"]["command"]
    assert f":{GATEWAY_PORT}/startupz" in command[2]
    moved = [part.replace(f":{GATEWAY_PORT}/", f":{port}/") for part in command]
    return subprocess.run(moved, capture_output=True, timeout=10, check=False).returncode


@pytest.mark.parametrize(
    ("status", "body", "healthy"),
    [
        (200, '{"ok":true,"status":"started"}', True),
        (200, '{"ok":true,"status":"starting"}', False),
        (503, '{"ok":false,"status":"started"}', False),
        # What the gateway gives for a path that it does not know.
        (200, "<!doctype html><title>OpenClaw Control</title>", False),
    ],
)
def test_a_probe_believes_the_body_only(status: int, body: str, healthy: bool) -> None:
    with answering(status, body) as port:
        assert (run(port) == 0) is healthy


def test_a_probe_of_a_gateway_that_does_not_listen_fails() -> None:
    with answering(200, "{}") as port:
        pass
    assert run(port) != 0


def test_every_variable_is_one_that_its_reader_knows() -> None:
    """A misspelled one would be read by nobody, and its default would count."""
    (instance,) = parse(smallest()).instances
    made: Any = container(instance, "example.com/openclaw:1.2.3", "token", [])
    assert {entry["name"] for entry in made["env"]} == {
        *("HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_CONFIG_READONLY", "XDG_CACHE_HOME"),
        *("OPENCLAW_SUPERVISOR_MODE", "OPENCLAW_NO_AUTO_UPDATE", "OPENCLAW_DISABLE_BONJOUR", "DO_NOT_TRACK"),
        *("NODE_OPTIONS", "OPENCLAW_GATEWAY_TOKEN"),
    }
