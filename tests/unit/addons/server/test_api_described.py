"""What the API says of itself holds for whatever is sent: generated requests, right and wrong, against the running server."""

from collections.abc import Generator
from typing import Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case

from addons.server import Settings, create_app
from tests.support.addons_server import served
from tests.support.addons_snapshots import NOW, pairing
from tests.support.console_fake import FakeConsole

DESCRIPTION: Final = create_app(FakeConsole(), Settings(1, "ada")).openapi()
# Streams have no end to wait for.
OPERATIONS: Final = schemathesis.openapi.from_dict(DESCRIPTION).exclude(path="/api/events")
# Of what is there, so that not all is about nothing.
THERE: Final = {"instance": "home", "job": "job-1", "request": pairing(NOW).request, "device": "n12CNTRL"}
SOME: Final = settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def browser() -> Generator[httpx.Client]:
    with served(FakeConsole(pace=0.0)) as server:
        client = server.browser()
        yield client
        client.close()


@OPERATIONS.parametrize()
@SOME
def test_each_answer_is_one_that_is_described(case: Case, browser: httpx.Client) -> None:
    session = {"headers": dict(browser.headers), "cookies": dict(browser.cookies)}
    case.call_and_validate(str(browser.base_url), **session)
    if case.path_parameters:
        case.path_parameters = {name: THERE[name] for name in case.path_parameters}
        case.call_and_validate(str(browser.base_url), **session)


@given(raw=st.binary(max_size=200), kind=st.sampled_from(["application/json", "text/plain", "", "application/x"]))
@SOME
def test_what_is_no_json_is_refused_as_described(browser: httpx.Client, raw: bytes, kind: str) -> None:
    answer = browser.post("/api/jobs", content=raw, headers={"Content-Type": kind})
    assert str(answer.status_code) in DESCRIPTION["paths"]["/api/jobs"]["post"]["responses"]
    assert answer.is_client_error
    assert answer.headers["content-type"] == "application/problem+json"
