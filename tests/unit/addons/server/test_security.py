"""Loopback is open to every page in the owner's browser: only ours is heard, and nothing of ours runs anything else's code."""

import httpx
import pytest
from starlette.datastructures import Headers

from addons.server.problems import Problem
from addons.server.security import HEADERS, refuse
from tests.support.addons_server import SERVE, Served

OURS = "127.0.0.1:7080"
HOSTS = frozenset({OURS, "localhost:7080", SERVE})


def verdict(method: str, **headers: str) -> int:
    """200, or the status with which it is refused."""
    named = {name.replace("_", "-"): value for name, value in ({"host": OURS} | headers).items()}
    try:
        refuse(method, Headers(named), HOSTS)
    except Problem as problem:
        return problem.document.status
    return 200


@pytest.mark.parametrize("host", [OURS, "localhost:7080", "LOCALHOST:7080", SERVE])
def test_our_names_are_answered(host: str) -> None:
    assert verdict("GET", host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("", "127.0.0.1", "127.0.0.1:7081", "localhost", "evil.example", "evil.example:7080", "[::1]:7080"),
        *("127.0.0.1:7080.evil.example", "127.0.0.1:7080@evil.example", f"{SERVE}.evil.example", f"{SERVE}:443"),
        *("0.0.0.0:7080", "192.0.2.7:7080", "console", " 127.0.0.1:7080 x"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_other_name_is_somebody_else_s(method: str, host: str) -> None:
    """DNS rebinding: the attacker's page asks its own name, which now points here."""
    assert verdict(method, host=host, sec_fetch_site="same-origin") == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        # Another port of this machine is the same site, and not the same origin.
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "none"}, 403),
        ({"sec_fetch_site": "cross-site", "origin": f"http://{OURS}"}, 403),
        ({"origin": f"http://{OURS}"}, 200),
        ({"origin": "http://127.0.0.1:7081"}, 403),
        ({"origin": "http://localhost:7080"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": f"https://evil.example/{OURS}"}, 403),
        ({}, 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
def test_only_our_own_page_changes_anything(method: str, headers: dict[str, str], status: int) -> None:
    assert verdict(method, **headers) == status


def test_behind_serve_the_origin_is_that_name() -> None:
    assert verdict("POST", host=SERVE, origin=f"https://{SERVE}") == 200
    assert verdict("POST", host=SERVE, origin=f"http://{OURS}") == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_others_may_link_here_and_neither_embed_nor_read(site: str) -> None:
    assert verdict("GET", sec_fetch_site=site, sec_fetch_mode="navigate") == 200
    assert verdict("GET", sec_fetch_site=site, sec_fetch_mode="no-cors") == 403
    assert verdict("GET", sec_fetch_site=site, sec_fetch_mode="cors") == 403
    assert verdict("GET", sec_fetch_site=site) == 403
    assert verdict("GET", sec_fetch_site="none") == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_comes_from_the_internet(method: str) -> None:
    assert verdict(method, host=SERVE, sec_fetch_site="same-origin", tailscale_funnel_request="?1") == 403


REQUESTS = (
    *(("GET", "/"), ("GET", "/instances/home"), ("GET", "/nothing"), ("GET", "/login"), ("GET", "/static/page.js")),
    *(("GET", "/static/nothing"), ("GET", "/api/instances"), ("GET", "/api/nothing"), ("POST", "/api/jobs")),
    *(("POST", "/instances/home"), ("PUT", "/"), ("HEAD", "/"), ("OPTIONS", "/")),
)


def test_each_answer_has_each_header(server: Served, browser: httpx.Client) -> None:
    for client in (browser, server.stranger()):
        for method, path in REQUESTS:
            answer = client.request(method, path)
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, (method, path)
            assert "server" not in answer.headers


def test_refusals_have_each_header_too(server: Served) -> None:
    for headers in ({"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/", "/api/instances"):
            answer = server.stranger().get(path, headers=headers)
            assert answer.status_code in (403, 421)
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_the_policy_of_content_allows_nothing_inline() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy


def test_another_site_gets_the_reason_and_no_session(server: Served) -> None:
    answer = server.stranger().post("/login", data={"token": server.token}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "did not come from a page of this server" in answer.text


def test_what_is_too_long_is_not_read(browser: httpx.Client) -> None:
    assert browser.post("/api/jobs", json={"value": "x" * 20_000}).status_code == 413
