"""Who manages: a link works once, a cookie is the browser's own, a Tailscale login counts only where Serve brings it."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from addons.server.session import Sessions, in_tailnet
from addons.server.settings import Settings
from tests.support.addons_server import SERVE, Served, served
from tests.support.console_fake import FakeConsole


def entered(client: httpx.Client, token: str) -> int:
    return client.post("/login", data={"token": token}).status_code


def test_a_link_logs_one_browser_in_once(server: Served) -> None:
    token = server.token
    first = server.stranger()
    assert entered(first, token) == 303
    assert first.get("/").status_code == 200
    second = server.stranger()
    assert entered(second, token) == 401
    assert second.get("/").status_code == 401


def test_of_many_that_come_at_once_one_gets_in(server: Served) -> None:
    token = server.token
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(entered, server.stranger(), token) for _ in range(8)]
    assert sorted(answer.result() for answer in answers) == [303] + [401] * 7


def test_the_next_link_is_printed_when_one_was_used(server: Served) -> None:
    assert len(server.links) == 1
    server.browser()
    assert len(server.links) == 2
    assert server.browser().get("/").status_code == 200


def test_the_token_is_where_browsers_send_it_to_nobody(server: Served) -> None:
    address, _, token = server.links[0].partition("#")
    assert address == f"{server.url}/login"
    assert token.startswith("token=")
    assert len(token) > 40


def test_any_other_token_is_refused(server: Served) -> None:
    for token in ("", "x", "é", "\0", "x" * 500):
        assert entered(server.stranger(), token) == 401


def test_the_cookie_is_no_script_s_and_no_other_site_s(server: Served) -> None:
    answer = server.stranger().post("/login", data={"token": server.token})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"openclaw-addons-{server.port}=")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    assert "Max-Age" not in cookie


def test_a_cookie_of_another_server_is_none(server: Served) -> None:
    client = server.stranger()
    client.cookies.set(f"openclaw-addons-{server.port}", "made-up")
    assert client.get("/").status_code == 401


def test_who_leaves_is_a_stranger_again(server: Served, browser: httpx.Client) -> None:
    kept = dict(browser.cookies)
    assert browser.post("/logout").status_code == 303
    again = server.stranger()
    again.cookies.update(kept)
    assert again.get("/").status_code == 401


def test_a_stranger_reads_how_to_get_in_and_nothing_else(server: Served) -> None:
    answer = server.stranger().get("/instances/home")
    assert answer.status_code == 401
    assert "Open the link that the server printed last" in answer.text
    assert "home" not in answer.text
    assert "<b>dev</b>" not in answer.text


def test_a_stranger_s_program_gets_a_problem(server: Served) -> None:
    answer = server.stranger().get("/api/instances")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_oldest_session_makes_room() -> None:
    links: list[str] = []
    sessions = Sessions(Settings(7080, "ada"), links.append)
    sessions.offer()
    entered = [sessions.enter(links[-1].partition("token=")[2]) for _ in range(101)]
    assert len(set(entered)) == 101
    assert len(links) == 102


@pytest.fixture
def behind_serve(console: FakeConsole) -> Generator[Served]:
    with served(console, behind_serve=SERVE) as it:
        yield it


def test_a_login_of_the_list_manages_under_its_name(behind_serve: Served) -> None:
    alice = behind_serve.through_serve()
    page = alice.get("/").text
    assert "Managing as </span><b>alice@example.com</b>" in page
    assert "known by Tailscale" in page
    assert "/logout" not in page
    assert alice.get("/api/session").json()["managing_as"] == "alice@example.com"


def test_any_other_login_is_refused(behind_serve: Served) -> None:
    for login in ("mallory@example.com", "Alice@example.com", "alice@example.com.evil", "alice"):
        assert behind_serve.through_serve(login).get("/").status_code == 403


def test_a_tagged_device_is_nobody(behind_serve: Served) -> None:
    answer = behind_serve.through_serve("").get("/")
    assert answer.status_code == 403
    assert "Tagged devices have no login" in answer.text


def test_a_login_counts_only_at_the_name_of_serve(behind_serve: Served) -> None:
    """At 127.0.0.1 a page in the owner's browser asks, whose headers are not Serve's."""
    client = behind_serve.stranger()
    assert client.get("/", headers={"Tailscale-User-Login": "alice@example.com"}).status_code == 401


def test_without_serve_a_login_counts_nowhere(server: Served) -> None:
    assert server.through_serve().get("/").status_code == 421
    claimed = {"Tailscale-User-Login": "alice@example.com"}
    assert server.stranger().get("/", headers=claimed).status_code == 401


def test_a_link_still_works_on_the_machine_itself(behind_serve: Served) -> None:
    assert behind_serve.browser().get("/api/session").json()["managing_as"] == "ada"


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        *(("100.64.0.7", True), ("100.127.255.254", True), ("fd7a:115c:a1e0::7", True)),
        *(("100.128.0.1", False), ("192.168.1.2", False), ("127.0.0.1", False), ("fd00::1", False)),
        *(("", False), ("100.64.0.7, 10.0.0.1", False), ("a", False)),
    ],
)
def test_addresses_of_the_tailnet(address: str, verdict: bool) -> None:
    assert in_tailnet(address) is verdict
