"""Reach https: as declared, and, with a certificate of our own in the sidecar's store, the page in a secure context."""

import base64
import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.sync_api import Playwright, expect

from components.constants import SIDECAR_CONTAINER
from components.sidecar import SERVE_KEY, SERVE_PATH, STATE_PATH
from sandbox import certificates
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.browser import Errors, browser_on, give_token, offered, request_of
from tests.support.e2e_world import HOME, LAB, Figures, Gateway, as_json, with_
from tests.support.engine_world import Cluster, Stack

# The Serve configuration, in the sidecar.
DECLARED: Final = f"{SERVE_PATH}/{SERVE_KEY}"
# Where an administrator of a laptop says whom chromium trusts.
POLICIES: Final = "/etc/chromium/policies/managed"


@pytest.fixture(scope="module")
def secured(world: World, cluster: Cluster, stack: Stack, authority: Path) -> Gateway:
    """Alice's gateway, in reach https; its sidecar trusts the authority."""
    trusted = {"caBundle": {"pem": (authority / "ca.crt").read_text()}}
    stack.up(with_(HOME, tailscale={"reach": "https"}, pod=trusted), LAB)
    gateway = Gateway(world, cluster, "home")
    gateway.wait_ready()
    return gateway


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a certificate authority that nobody knows yet."""
    directory = tmp_path_factory.mktemp("authority")
    certificates.authority(directory)
    return directory


def put_in_force(gateway: Gateway, file: str) -> Any:
    """Has tailscaled serve what a file in the sidecar says; what it serves then. Containerboot waits for certificates."""
    socket = ("--unix-socket", "/var/run/tailscale/tailscaled.sock")
    url = "http://local-tailscaled.sock/localapi/v0/serve-config"
    gateway.exec("curl", "-fsS", "--data-binary", f"@{file}", *socket, url, container=SIDECAR_CONTAINER)
    return as_json(gateway.tailscale("serve", "status", "--json"))


@pytest.fixture
def certified(secured: Gateway, authority: Path) -> Generator[None]:
    """The sidecar serves, with a certificate of the authority.

    It lies where tailscaled keeps those that were issued to it. tailscaled looks there for a name that the control server
    has not told it to certify, and headscale tells none, only if Serve has `AllowFunnel` for it. So it is set here, by
    hand: headscale has no Funnel that could let anybody in.
    """
    certificate = authority / f"{secured.hostname}.crt"
    certificates.issue(authority, certificate, common=secured.hostname, addresses=secured.device().ip_addresses)
    sidecar = Path(f"/proc/{secured.pid(SIDECAR_CONTAINER)}/root")
    store = sidecar / STATE_PATH.lstrip("/") / "certs"
    store.mkdir(mode=0o700, exist_ok=True)
    for file in (certificate, certificate.with_suffix(".key")):
        (store / file.name).write_bytes(file.read_bytes())
    declared = json.loads(secured.exec("cat", DECLARED, container=SIDECAR_CONTAINER))
    served = declared | {"AllowFunnel": {f"{secured.hostname}:443": True}}
    (sidecar / "tmp" / "serve.json").write_text(json.dumps(served))
    put_in_force(secured, "/tmp/serve.json")
    yield
    put_in_force(secured, DECLARED)
    shutil.rmtree(store)


@pytest.fixture
def trusting(owner: Device, authority: Path) -> Generator[Device]:
    """The owner's device, whose browser trusts the authority."""
    certificate = x509.load_pem_x509_certificate((authority / "ca.crt").read_bytes())
    trusted = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    owner.run("mkdir", "-p", POLICIES)
    owner.run("tee", f"{POLICIES}/authority.json", text=json.dumps({"CACertificates": [trusted]}))
    yield owner
    owner.run("rm", f"{POLICIES}/authority.json")


def test_it_is_as_declared_up_to_the_handshake_i1(secured: Gateway, owner: Device, figures: Figures) -> None:
    """headscale issues no certificates: all but the handshake's end is shown here."""
    said = secured.logs(SIDECAR_CONTAINER)
    assert "not able to issue TLS certs" in said, said[-2000:]
    assert as_json(secured.tailscale("serve", "status", "--json")) == {}
    for port in (80, 443, 18789):
        assert owner.curl(f"http://{secured.hostname}:{port}/healthz", seconds=3).returncode in (7, 28)

    # The declared configuration is one that tailscaled takes, and puts in force: the port answers, with TLS, and no page.
    served = put_in_force(secured, DECLARED)
    assert served["TCP"] == {"443": {"HTTPS": True}}
    assert served["Web"] == {f"{secured.hostname}:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:18789"}}}}
    assert not any(served.get("AllowFunnel", {}).values())
    refused = owner.curl("--insecure", f"https://{secured.hostname}/healthz", seconds=20)
    assert refused.returncode == 35, refused.stderr
    figures("reach https without certificates", refused.stderr.strip()[:90])


def test_with_a_certificate_the_page_is_a_secure_context(
    secured: Gateway, certified: None, trusting: Device, stranger: Device, playwright: Playwright
) -> None:
    with browser_on(playwright, trusting) as browser:
        page = browser.new_page()
        errors = Errors.of(page)
        # The browser has looked at the certificate: an unknown one would be an error here.
        page.goto(f"https://{secured.hostname}")
        expect(page.get_by_text("This Gateway expects its token")).to_be_visible()
        assert set(offered(page).values()) == {True}, offered(page)
        worker: str = page.evaluate("async () => (await navigator.serviceWorker.ready).active.scriptURL")
        assert worker.startswith(f"https://{secured.hostname}/sw.js")
        give_token(page, secured.token())
        secured.openclaw("devices", "approve", request_of(page))
        # By a WebSocket over TLS, from an origin that the gateway has to know.
        expect(page.get_by_label("Chat composer")).to_be_visible()
        assert errors.said == []
    assert stranger.curl("--insecure", f"https://{secured.hostname}/healthz", seconds=3).returncode in (6, 7, 28)
