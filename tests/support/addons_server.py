"""The Addons' server as it runs, on a port of its own, in front of a stand-in of the console; and a browser's side of it."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

import httpx

from addons.console import Console
from addons.server import Settings, create_app
from addons.server.events import BEAT
from addons.server.listen import Server, bound
from sandbox.home import REPO

SERVE: Final = "console.example.ts.net"
# Seconds: other tests may have the processors.
_PATIENCE: Final = 60
# What a browser says of a request that a page of the same origin sent.
SAME_ORIGIN: Final = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Served:
    """`links` are those that were printed, the newest last."""

    port: int
    links: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return self.links[-1].partition("#token=")[2]

    def stranger(self) -> httpx.Client:
        """A browser that is not logged in."""
        return self._client(SAME_ORIGIN)

    def browser(self) -> httpx.Client:
        """One that is."""
        client = self.stranger()
        assert client.post("/login", data={"token": self.token}).status_code == 303
        return client

    def through_serve(self, login: str = "alice@example.com", address: str = "100.64.0.7") -> httpx.Client:
        """As Tailscale Serve passes a person's request on; without a login as it does a tagged device's."""
        headers = {"Host": SERVE, "X-Forwarded-For": address} | SAME_ORIGIN
        if login:
            headers["Tailscale-User-Login"] = login
        return self._client(headers)

    def _client(self, headers: dict[str, str]) -> httpx.Client:
        # Without certificates, which take a fifth of a second to read: there is no TLS on loopback.
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=_PATIENCE, verify=False)


@contextlib.contextmanager
def served(console: Console, *, behind_serve: str = "", beat: float = BEAT) -> Generator[Served]:
    """Until the end of the block."""
    listener = bound(0)
    it = Served(listener.getsockname()[1])
    logins = frozenset({"alice@example.com"}) if behind_serve else frozenset[str]()
    server = Server(create_app(console, Settings(it.port, "ada", behind_serve, logins), it.links.append, beat))
    # Its own signal handlers only work in the main thread, which is the tests'.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + _PATIENCE
    while not server.started:
        assert thread.is_alive(), "the server ended"
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.01)
    try:
        yield it
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)
        listener.close()
        assert not thread.is_alive(), "the server does not end"


_PROGRAM: Final = """
from addons.server import Settings, serve
from tests.support.console_fake import FakeConsole
serve(FakeConsole(), Settings({port}, "ada"), lambda link: print(link, flush=True))
"""


@contextlib.contextmanager
def in_a_process(port: int = 0) -> Generator[tuple[subprocess.Popen[str], str]]:
    """A server that can be stopped and killed as a whole, with the first link that it printed."""
    if not port:
        with bound(0) as free:
            port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(port=port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPO,
    )
    try:
        assert process.stdout
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()
