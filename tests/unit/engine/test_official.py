"""Pulumi's own CLI and plugins: which version fits, and when a download is a no."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine import official
from engine.errors import UserError
from engine.official import Official
from sandbox import plugins


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("v3.259.0", True),
        ("3.300.1", True),
        ("v3.258.9", False),
        ("v4.0.0", False),
        ("v3.260.0-alpha.1+dirty", True),
        ("", False),
    ],
)
def test_an_installed_pulumi_must_be_as_new_as_the_pinned(version: str, fits: bool) -> None:
    assert official.fits(version, "3.259.0") is fits


@contextmanager
def answering(status: int) -> Generator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


OFFICIAL = Official(plugins.NAMES, "3.259.0", Path("/none"))


@pytest.mark.parametrize(("status", "reason"), [(200, None), (403, "their download answers 403"), (500, "answers 500")])
def test_a_refusal_is_a_no(monkeypatch: pytest.MonkeyPatch, status: int, reason: str | None) -> None:
    with answering(status) as url:
        monkeypatch.setattr(official, "DOWNLOADS", url)
        if reason is None:
            OFFICIAL.ask()
        else:
            with pytest.raises(UserError, match=reason):
                OFFICIAL.ask()


def test_silence_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(official, "DOWNLOADS", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(official, "PATIENCE", 0.3)
        with pytest.raises(UserError, match=r"their download (is silent for|cannot be reached)"):
            OFFICIAL.ask()
