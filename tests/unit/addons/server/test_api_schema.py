"""What the API says of itself holds for whatever is sent: generated requests, right and wrong, against the running server."""

import os
from collections.abc import Generator
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from addons.server import Settings, create_app
from tests.support.addons_server import SAME_ORIGIN, Served, served
from tests.support.console_fake import FakeConsole

# Streams have no end to wait for.
SCHEMA: Final = schemathesis.openapi.from_dict(create_app(FakeConsole(), Settings(1, "ada")).openapi()).exclude(
    path="/api/events"
)
CANARY: Final = "tskey-auth"


@pytest.fixture(scope="module")
def fuzzed() -> Generator[tuple[Served, httpx.Client]]:
    with served(FakeConsole(pace=0.0)) as server:
        browser = server.browser()
        yield server, browser


@SCHEMA.parametrize()
@settings(
    max_examples=60 if os.environ.get("CI") else 20,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_each_answer_is_one_that_is_described(case: Any, fuzzed: tuple[Served, httpx.Client]) -> None:
    server, browser = fuzzed
    answer = case.call(base_url=server.url, headers=SAME_ORIGIN, cookies=dict(browser.cookies))
    case.validate_response(answer)


def test_what_is_fuzzed_is_all_of_it() -> None:
    operations = {f"{one.ok().method.upper()} {one.ok().path}" for one in SCHEMA.get_all_operations()}
    assert len(operations) == 14
    assert "POST /api/jobs/{job}/confirm" in operations
