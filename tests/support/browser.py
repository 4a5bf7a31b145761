"""Debian's chromium on a person's device, driven by playwright: the gateway's page, as people see it."""

import contextlib
import os
import re
import shlex
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright, ViewportSize, expect

from sandbox.home import REPO
from sandbox.node.devices import Device

IMAGES: Final = REPO / "docs" / "images"
# `SCREENSHOTS=1 make e2e E2E=tests/e2e/test_page.py` writes the pictures of the docs anew.
UPDATE: Final = os.environ.get("SCREENSHOTS") == "1"
SIZE: Final = ViewportSize(width=1280, height=800)
LARGEST: Final = 150_000
# Milliseconds that a thing may take to appear: a gateway that starts beside other tests is slow.
_PATIENCE: Final = 90_000
expect.set_options(timeout=_PATIENCE)
# --disable-gpu: there is none. Background networking would look for updates, which no device can reach.
_OPTIONS: Final = ("--disable-gpu", "--disable-background-networking")
# The page asks for these, and does without them: pictures that nobody has set, and a sign-in that nobody has prepared.
_OPTIONAL: Final = re.compile(r"/api/users/[^/]+/avatar|/__openclaw__/workspace-icon/|/browser-bootstrap$")
_APPROVE: Final = re.compile(r"openclaw devices approve ([0-9a-f-]{36})")
# What a page can use in this browser, by the names that the docs give it (docs/access.md).
_OFFERED: Final = """() => ({
  "secure context": isSecureContext,
  clipboard: "clipboard" in navigator,
  microphone: "mediaDevices" in navigator,
  "service worker": "serviceWorker" in navigator,
  WebCrypto: "subtle" in crypto,
})"""


@contextlib.contextmanager
def browser_on(playwright: Playwright, device: Device) -> Generator[BrowserContext]:
    """A browser that was never used before, in the device's network and with its names. Nothing of it is kept."""
    with tempfile.TemporaryDirectory(prefix="browser-") as home:
        browser = playwright.chromium.launch(
            executable_path=_there(device, Path(home)), args=_OPTIONS, env=_environment(home)
        )
        try:
            context = browser.new_context(viewport=SIZE)
            context.set_default_timeout(_PATIENCE)
            yield context
        finally:
            browser.close()


@contextlib.contextmanager
def person_s_chrome(playwright: Playwright, device: Device, extension: Path) -> Generator[Page]:
    """A person's browser with an unpacked extension, as it runs on their desktop; the page is the extension's settings."""
    with tempfile.TemporaryDirectory(prefix="browser-") as home:
        loaded = (f"--disable-extensions-except={extension}", f"--load-extension={extension}")
        context = playwright.chromium.launch_persistent_context(
            Path(home) / "profile",
            executable_path=_there(device, Path(home)),
            # Only the new headless mode has extensions, and playwright's own switch is for the old one.
            headless=False,
            args=[*_OPTIONS, "--headless=new", *loaded],
            ignore_default_args=["--disable-extensions"],
            env=_environment(home),
        )
        try:
            context.set_default_timeout(_PATIENCE)
            worker = context.service_workers[0] if context.service_workers else context.wait_for_event("serviceworker")
            page = context.new_page()
            page.goto(worker.url.replace("background.js", "options.html"))
            yield page
        finally:
            context.close()


def _there(device: Device, home: Path) -> Path:
    """A program that is chromium on the device: playwright starts one, and talks with it through pipes, which nsenter hands on."""
    program = home / "chromium-there"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(device.command("chromium"))} "$@"\n')
    program.chmod(0o700)
    return program


def _environment(home: str) -> dict[str, str | float | bool]:
    """Without this machine's proxies, which no device reaches."""
    return {"HOME": home, "PATH": os.environ["PATH"]}


@dataclass
class Errors:
    """What the page reports as an error: exceptions, and messages on the console."""

    said: list[str] = field(default_factory=list[str])

    @classmethod
    def of(cls, page: Page) -> "Errors":
        errors = cls()
        page.on("pageerror", lambda error: errors.said.append(str(error)))
        page.on("console", errors._hear)
        return errors

    def _hear(self, message: ConsoleMessage) -> None:
        place = message.location["url"]
        missing = "status of 404" in message.text and _OPTIONAL.search(place)
        if message.type == "error" and not missing:
            self.said.append(f"{message.text} ({place})")


def offered(page: Page) -> dict[str, bool]:
    """What the browser lets the page use."""
    return page.evaluate(_OFFERED)


def give_token(page: Page, token: str) -> None:
    """Types the token, as the page asks for it, until the page says that it waits for its approval."""
    secret = page.locator("input[type=password]")
    secret.focus()
    # Not `fill`, which would repeat the token in its error.
    page.keyboard.insert_text(token)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", name="Approve this browser")).to_be_visible()
    expect(secret).to_be_hidden()


def request_of(page: Page) -> str:
    """The request that the page shows, for its owner to approve."""
    shown = _APPROVE.search(page.inner_text("body"))
    assert shown, page.inner_text("body")
    return shown[1]


def screenshot(page: Page, name: str) -> None:
    """A picture for the docs, when asked for. Never while a field for a secret can be seen."""
    for secret in page.locator("input[type=password]").all():
        assert not secret.is_visible(), f"{name} would show a field for a secret"
    if UPDATE:
        picture = page.screenshot(animations="disabled", caret="hide")
        assert len(picture) <= LARGEST, f"{name} has {len(picture)} bytes"
        IMAGES.mkdir(exist_ok=True)
        (IMAGES / f"{name}.png").write_bytes(picture)
