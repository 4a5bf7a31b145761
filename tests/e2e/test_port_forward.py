"""Its owner switches a gateway's Tailscale off and on: meanwhile an administrator's port-forward reaches it, nothing is lost (I10)."""

import contextlib
import subprocess
import time
from collections.abc import Generator

import httpx
import pytest

from components.constants import GATEWAY_CONTAINER
from sandbox import console
from sandbox.node.devices import Device
from tests.support.e2e_world import HOME, LAB, Figures, Gateway, wait_answer, watched
from tests.support.engine_world import Stack


@contextlib.contextmanager
def forwarded(gateway: Gateway) -> Generator[str]:
    """URL of the gateway's port on this machine's loopback."""
    command = gateway.kubectl_command("port-forward", "deployment/openclaw", "--address=127.0.0.1", ":18789")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert "Forwarding from 127.0.0.1:" in said, said
            yield f"http://127.0.0.1:{said.split(':')[1].split()[0]}"
        finally:
            process.terminate()


def test_disabled_and_enabled_again_it_is_the_same_device_i10(
    home: Gateway, owner: Device, stack: Stack, figures: Figures, capsys: pytest.CaptureFixture[str]
) -> None:
    def addons(*arguments: str) -> tuple[int, str]:
        begin = time.monotonic()
        code = console.run(stack.world.home, stack.engine(HOME, LAB), arguments)
        figures(f"addons {' '.join(arguments)}", f"{time.monotonic() - begin:.1f} s")
        return code, "".join(capsys.readouterr())

    wait_answer(owner, f"{home.url}/healthz")
    home.exec("sh", "-c", "echo kept > /home/node/marker")
    before, token = home.identity(), home.token()

    assert addons("status", "home")[0] == 0
    code, said = addons("disable", "home", "--yes")
    assert code == 0, said
    assert "alice@example.com" in said
    code, said = addons("status", "home")
    assert code == 0
    assert "off" in said
    home.wait_ready()
    assert set(home.statuses()) == {GATEWAY_CONTAINER}
    assert owner.curl(f"{home.url}/healthz", seconds=3).returncode in (6, 7, 28)
    with forwarded(home) as url, httpx.Client(base_url=url, trust_env=False, timeout=20) as http:
        assert http.get("/healthz").json() == {"ok": True, "status": "live"}
        call = {"tool": "session_status"}
        assert http.post("/tools/invoke", json=call).status_code == 401
        authorization = {"authorization": f"Bearer {token}"}
        assert http.post("/tools/invoke", headers=authorization, json=call).status_code == 200
    assert home.exec("cat", "/home/node/marker") == "kept\n"

    with watched(owner, f"{home.url}/healthz") as outage:
        code, said = addons("enable", "home", "--yes")
    assert code == 0, said
    wait_answer(owner, f"{home.url}/healthz")
    figures("the change that enables, until the device's first answer", f"{outage.seconds:.1f} s")
    assert home.identity() == before
    assert home.token() == token
    assert home.exec("cat", "/home/node/marker") == "kept\n"
