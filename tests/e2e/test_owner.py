"""The owner's device opens their gateway through the tailnet, and by nothing but its served port."""

from e2e_world import Figures, Gateway, wait_answer

from sandbox.node.devices import Device

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
