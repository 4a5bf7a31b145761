"""The API says what the console says, in the status model's own JSON, and does what the page does."""

import httpx
import pytest

from addons.changes.model import JobState
from addons.status.model import InstanceStatus, Report
from tests.support.addons_server import Served, served
from tests.support.addons_snapshots import NOW, pairing
from tests.support.console_fake import FakeConsole

REQUEST = pairing(NOW).request
DISABLE = {"instance": "home", "kind": "disable"}


def test_instances_are_the_status_model_s_json(browser: httpx.Client) -> None:
    report = Report.model_validate_json(browser.get("/api/instances").text)
    assert [one.id for one in report.instances] == ["home", "lab", "den"]
    one = InstanceStatus.model_validate_json(browser.get("/api/instances/lab").text)
    assert (one.id, one.health) == ("lab", "degraded")
    assert browser.get("/api/instances/nobody").status_code == 404


def test_who_asks_and_of_what(browser: httpx.Client) -> None:
    assert browser.get("/api/session").json() == {"stack": "dev", "managing_as": "ada", "read_only": ""}


def test_access_is_as_the_stack_exports_it(console: FakeConsole, browser: httpx.Client) -> None:
    assert browser.get("/api/instances/home/access").json() == list(console.access("home"))


def test_the_ledger_is_as_long_as_was_asked(browser: httpx.Client) -> None:
    rows = browser.get("/api/instances/home/ledger").json()
    assert [row["status"] for row in rows] == ["succeeded", "failed", "blocked"]
    assert rows[2]["took"] is None
    assert len(browser.get("/api/instances/home/ledger?limit=1").json()) == 1
    assert browser.get("/api/instances/home/ledger?limit=0").status_code == 422


def test_a_change_is_previewed_confirmed_and_done(console: FakeConsole, browser: httpx.Client) -> None:
    proposed = browser.post("/api/jobs", json=DISABLE)
    assert proposed.status_code == 202
    job = f"/api/jobs/{proposed.json()['id']}"
    asking = browser.get(job).json()
    assert asking["state"] == "asking"
    assert asking["by"] == "ada"
    assert [one["sort"] for one in asking["preview"]["consequences"]] == ["restarts", "access lost", "kept"]
    assert browser.post(f"{job}/confirm").status_code == 202
    assert browser.get("/api/jobs").json()[0]["state"] == "done"
    assert browser.get("/api/instances/home").json()["state"] == "off"
    # Once more is too late.
    late = browser.post(f"{job}/confirm")
    assert late.status_code == 409
    assert late.json()["detail"] == "This change is done, so it cannot be applied"


def test_one_change_at_a_time(browser: httpx.Client) -> None:
    browser.post("/api/jobs", json=DISABLE)
    second = browser.post("/api/jobs", json={"instance": "lab", "kind": "rotate-key"})
    assert second.status_code == 409
    assert second.json()["detail"] == "ada is changing home at this moment (asking)"


def test_a_change_that_asks_is_dropped(console: FakeConsole, browser: httpx.Client) -> None:
    job = browser.post("/api/jobs", json=DISABLE).json()["id"]
    assert browser.post(f"/api/jobs/{job}/cancel").json()["state"] == "cancelled"
    assert console.jobs()[0].state is JobState.CANCELLED


@pytest.mark.parametrize(("verb", "approved"), [("approve", True), ("reject", False)])
def test_a_pairing_is_answered(console: FakeConsole, browser: httpx.Client, verb: str, approved: bool) -> None:
    answer = browser.post(f"/api/instances/home/pairings/{REQUEST}/{verb}")
    assert answer.json() == {"says": f"{verb.capitalize().removesuffix('e')}ed alice-laptop"}
    assert console.decided == [("home", REQUEST, approved)]
    again = browser.post(f"/api/instances/home/pairings/{REQUEST}/{verb}")
    assert (again.status_code, again.json()["detail"]) == (409, "This request is over")


def test_an_instance_is_read_now(console: FakeConsole, browser: httpx.Client) -> None:
    assert browser.post("/api/instances/home/refresh").status_code == 204
    assert console.refreshed == ["home"]


def test_a_device_that_is_left_over_goes(console: FakeConsole, browser: httpx.Client) -> None:
    device = browser.get("/api/devices").json()[0]
    assert device["name"] == "openclaw-old.example.ts.net"
    assert browser.delete(f"/api/devices/{device['id']}").json()["id"] == device["id"]
    assert browser.get("/api/devices").json() == []
    assert browser.delete(f"/api/devices/{device['id']}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"instance": "home"},
        {"instance": "home", "kind": "destroy"},
        {"instance": "home", "kind": "disable", "force": True},
        {"instance": "home", "kind": "disable", "value": 3},
        [],
        "home",
    ],
)
def test_what_is_no_change_is_refused(console: FakeConsole, browser: httpx.Client, body: object) -> None:
    assert browser.post("/api/jobs", json=body).status_code == 422
    assert console.jobs() == ()


def test_read_only_is_refused_with_its_reason() -> None:
    console = FakeConsole(pace=0.0)
    console.read_only = "the stack file is managed by git"
    with served(console) as server:
        browser = server.browser()
        assert browser.get("/api/session").json()["read_only"] == "the stack file is managed by git"
        job = browser.post("/api/jobs", json=DISABLE).json()["id"]
        refused = browser.post(f"/api/jobs/{job}/confirm")
        assert refused.status_code == 403
        assert "managed by git" in refused.json()["detail"]


def test_its_description_is_there_and_no_page_of_others(server: Served, browser: httpx.Client) -> None:
    paths = browser.get("/api/openapi.json").json()["paths"]
    assert "/api/jobs/{job}/confirm" in paths
    assert all(path.startswith("/api/") for path in paths)
    assert browser.get("/docs").status_code == browser.get("/redoc").status_code == 404
    assert server.stranger().get("/api/openapi.json").status_code == 401
