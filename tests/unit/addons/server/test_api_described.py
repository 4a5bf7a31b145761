"""What the API says of itself holds for whatever is sent: generated requests, right and wrong, against the running server."""

from collections.abc import Generator
from typing import Any, Final
from urllib.parse import quote

import httpx
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from addons.changes.model import Kind
from addons.server import Settings, create_app
from tests.support.addons_server import served
from tests.support.addons_snapshots import NOW, pairing
from tests.support.console_fake import FakeConsole

DESCRIPTION: Final[dict[str, Any]] = create_app(FakeConsole(), Settings(1, "ada")).openapi()
# Streams have no end to wait for.
OPERATIONS: Final = {
    f"{method.upper()} {path}": operation
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
    if path != "/api/events"
}
# Of what is there, so that not all is about nothing.
THERE: Final = {
    "instance": ["home", "lab"],
    "job": ["job-1", "job-2"],
    "request": [pairing(NOW).request],
    "device": ["n12CNTRL"],
}
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PROPOSAL: Final = st.fixed_dictionaries(
    {"instance": st.sampled_from(["home", "lab", "nobody"]), "kind": st.sampled_from(list(Kind))},
    optional={"value": st.text(), "key": st.none() | st.text()},
)
BODY: Final = PROPOSAL | JSON | st.dictionaries(st.sampled_from(["instance", "kind", "value", "key", "more"]), JSON)


@pytest.fixture(scope="module")
def browser() -> Generator[httpx.Client]:
    with served(FakeConsole(pace=0.0)) as server:
        client = server.browser()
        yield client
        client.close()


def described(answer: httpx.Response, operation: dict[str, Any]) -> None:
    """The status is one that the operation has, and the body what it says of it."""
    told = operation["responses"]
    assert str(answer.status_code) in told, answer.text
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    content = told[str(answer.status_code)].get("content")
    if content is None:
        assert answer.content == b""
        return
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in content
    schema = {**content[kind]["schema"], "components": DESCRIPTION["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_each_answer_is_one_that_is_described(name: str, browser: httpx.Client, data: st.DataObject) -> None:
    operation = OPERATIONS[name]
    method, path = name.split(" ")
    query: dict[str, str] = {}
    for parameter in operation.get("parameters", ()):
        key = parameter["name"]
        if parameter["in"] == "path":
            value = data.draw(st.sampled_from(THERE[key]) | st.text(min_size=1), key)
            path = path.replace(f"{{{key}}}", quote(value, safe=""))
        elif parameter["in"] == "query":
            query[key] = data.draw(st.integers(-5, 500).map(str) | st.text(), key)
    body = data.draw(BODY, "body") if "requestBody" in operation else None
    described(browser.request(method, path, params=query, json=body), operation)


@pytest.mark.parametrize("path", sorted({name.split(" ")[1] for name in OPERATIONS}))
def test_what_is_not_described_is_not_done(path: str, browser: httpx.Client) -> None:
    known = {name.split(" ")[0] for name in OPERATIONS if name.split(" ")[1] == path}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "BREW"} - known:
        answer = browser.request(method, path)
        assert answer.status_code == 405
        # Of two routes at one address only the first is named.
        assert answer.headers["allow"] in known
        assert answer.headers["content-type"] == "application/problem+json"


@given(raw=st.binary(max_size=200), kind=st.sampled_from(["application/json", "text/plain", "", "application/x"]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_what_is_no_json_is_refused_as_described(browser: httpx.Client, raw: bytes, kind: str) -> None:
    answer = browser.post("/api/jobs", content=raw, headers={"Content-Type": kind})
    described(answer, OPERATIONS["POST /api/jobs"])


def test_all_of_it_is_tried() -> None:
    assert len(OPERATIONS) == 15
    assert "POST /api/jobs/{job}/confirm" in OPERATIONS
