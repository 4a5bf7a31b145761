"""A server in front of a stand-in whose jobs end at once, and a browser that is logged in."""

from collections.abc import Generator

import httpx
import pytest

from tests.support.addons_server import Served, served
from tests.support.console_fake import FakeConsole


@pytest.fixture
def console() -> FakeConsole:
    return FakeConsole(pace=0.0)


@pytest.fixture
def server(console: FakeConsole) -> Generator[Served]:
    with served(console) as it:
        yield it


@pytest.fixture
def browser(server: Served) -> Generator[httpx.Client]:
    client = server.browser()
    yield client
    client.close()
