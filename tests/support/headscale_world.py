"""A headscale with the adapter of the tailnet's API before it, and nothing else."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.home import Home
from sandbox.tailnet.client import Headscale
from sandbox.tailnet.headscale import HeadscaleConfig, command, connected, setup
from sandbox.tailnet.records import Credentials

ALICE, BOB = "alice@example.com", "bob@example.com"


# headscale refuses a + in a user's name, not in the address.
CAROL = "carol+dev@example.com"


@dataclass(frozen=True)
class World:
    """One headscale and one adapter, on loopback ports of their own."""

    home: Path
    bin: Path
    config: HeadscaleConfig
    credentials: Credentials
    url: str

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        auth = (self.credentials.api_key, "")
        return httpx.request(method, f"{self.url}/api/v2{path}", auth=auth, timeout=60, trust_env=False, **options)

    def devices(self) -> dict[str, dict[str, Any]]:
        return {device["hostname"]: device for device in self.call("GET", "/tailnet/-/devices").json()["devices"]}

    def key(self, tag: str, **create: bool) -> dict[str, Any]:
        devices = {"create": {"reusable": False, "ephemeral": False, "preauthorized": True, "tags": [tag], **create}}
        answer = self.call(
            "POST", "/tailnet/-/keys", json={"capabilities": {"devices": devices}, "expirySeconds": 3600}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def running(log: Path, arguments: list[str], **environment: str) -> Generator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output, env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    pytest.fail(f"{url} did not answer: {log.read_text()[-2000:]}")


@contextmanager
def serving(home: Path, bin_dir: Path, config: HeadscaleConfig, port: int) -> Generator[World]:
    with ExitStack() as stack:
        log = home / "headscale.log"
        answering(config.health_url, stack.enter_context(running(log, command(bin_dir, home))), log)
        credentials = setup(home, [ALICE, BOB, CAROL])
        log = home / "adapter.log"
        arguments = [sys.executable, "-m", "sandbox.tailnet", "--home", str(home), "--listen", f"127.0.0.1:{port}"]
        answering(f"http://127.0.0.1:{port}/health", stack.enter_context(running(log, arguments)), log)
        yield World(home, bin_dir, config, credentials, f"http://127.0.0.1:{port}")


@contextmanager
def headscale_alone(people: Iterable[str]) -> Generator[Headscale]:
    """A headscale of its own that knows these people; without the adapter."""
    usual = Home.from_env()
    with tempfile.TemporaryDirectory(prefix="engine-tests-", dir="/tmp") as root:
        places = Home(Path(root), usual.bin)
        places.create()
        config = HeadscaleConfig(port=places.port("headscale"))
        config.write(places.tailnet)
        log = places.tailnet / "headscale.log"
        with running(log, command(usual.bin, places.tailnet)) as process:
            answering(config.health_url, process, log)
            setup(places.tailnet, people)
            with connected(places.tailnet) as control:
                yield control
