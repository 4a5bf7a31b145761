"""The owner's device opens their gateway through the tailnet: page, API, and a session of the real client."""

from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import HOME, LAB, Figures, Gateway, wait_answer, with_
from tests.support.engine_world import Stack
from tests.support.openclaw_client import Client

TOOL = ("--json", '{"tool":"session_status"}')


def status(device: Device, *arguments: str) -> str:
    """The HTTP status that a request got."""
    result = device.curl("--output", "/dev/null", "--write-out", "%{http_code}", *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_owner_sees_health_and_the_control_ui_page(home: Gateway, owner: Device, figures: Figures) -> None:
    figures("first answer after the device joined", f"{wait_answer(owner, f'{home.url}/healthz'):.1f} s")
    health = owner.curl("--fail", f"{home.url}/healthz")
    assert health.stdout == '{"ok":true,"status":"live"}'
    page = owner.curl("--fail", f"{home.url}/")
    assert "<title>OpenClaw" in page.stdout


def test_an_api_call_needs_the_token(home: Gateway, owner: Device) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    url = f"{home.url}/tools/invoke"
    assert status(owner, *TOOL, url) == "401"
    assert status(owner, *TOOL, "--header", f"Authorization: Bearer {'0' * 64}", url) == "401"
    assert status(owner, *TOOL, "--header", f"Authorization: Bearer {home.token()}", url) == "200"


def test_a_client_works_once_it_is_approved_and_not_before(
    world: World, home: Gateway, owner: Device, figures: Figures
) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    url, token = f"ws://{home.hostname}", home.token()
    client = Client.named(world, owner, "new-laptop")
    assert client.call(url, "status", "0" * 64)["code"] == "AUTH_TOKEN_MISMATCH"
    assert client.call(url, "status", token)["code"] == "PAIRING_REQUIRED"
    # Asking again changes nothing: only the administrator does.
    assert client.call(url, "status", token)["code"] == "PAIRING_REQUIRED"
    client.pair(home, url, token)
    answer = client.call(url, "status", token)
    assert answer["ok"], answer
    assert answer["result"]["runtimeVersion"]
    assert client.cli("gateway", "call", "status", "--url", f"{url}:80", token=token)["runtimeVersion"]
    # Paired is not enough either.
    assert client.call(url, "status", "0" * 64)["ok"] is False
    other = Client.named(world, owner, "second-laptop")
    assert other.call(url, "status", token)["code"] == "PAIRING_REQUIRED"
    assert other.call_as_backend(url, "config.get", token)["code"] == "PAIRING_REQUIRED"
    figures("paired clients", "work; unpaired and wrong token refused")


def test_without_an_identity_the_token_opens_nothing_but_health(world: World, home: Gateway, owner: Device) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    client, token = Client.named(world, owner, "nobody"), home.token()
    url = ("--url", f"ws://{home.hostname}:80")
    assert client.cli("gateway", "call", "health", *url, token=token)["ok"] is True
    for method, scope in {"status": "operator.read", "device.pair.list": "operator.pairing"}.items():
        refused = client.cli("gateway", "call", method, *url, token=token)
        assert refused["error"]["details"] == {
            "code": "MISSING_SCOPE",
            "missingScope": scope,
            "requiredScopes": [scope],
        }


def test_reach_tcp_lets_a_backend_client_in_without_pairing(
    world: World, home: Gateway, owner: Device, stack: Stack, figures: Figures
) -> None:
    stack.up(with_(HOME, tailscale={"reach": "tcp"}), LAB)
    home.wait_ready()
    page = f"http://{home.hostname}:18789"
    wait_answer(owner, f"{page}/healthz")
    assert owner.curl(f"{home.url}/healthz", seconds=3).returncode in (7, 28)
    url, token = f"ws://{home.hostname}:18789", home.token()
    client = Client.named(world, owner, "tcp-laptop")
    # What the gateway sees is a loopback client without proxy headers: only `autoApproveLocal: false` makes it ask.
    refused = client.call(url, "status", token)
    assert refused["code"] == "PAIRING_REQUIRED", refused
    # And not everybody: whoever calls itself a backend is in, with all rights, by the token alone (docs/security.md).
    answer = client.call_as_backend(url, "config.get", token)
    assert answer["ok"], answer
    request = status(owner, *TOOL, "--header", f"Authorization: Bearer {token}", f"{page}/tools/invoke")
    assert request == "200"
    # The full answer is for loopback only; the raw forward makes everybody loopback.
    details = owner.curl(f"{page}/readyz").stdout
    figures("reach tcp: /readyz as the device sees it", details[:60])
    assert '"eventLoop"' in details
    client.pair(home, url, token)
    assert client.call(url, "status", token)["ok"]
