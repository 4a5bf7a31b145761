"""One stream tells each page what is new: it beats, resumes, and costs the console one look however many follow."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from addons.changes.model import Change, Kind
from addons.status.model import Report
from tests.support.addons_server import Served, served
from tests.support.addons_snapshots import NOW
from tests.support.console_fake import FakeConsole

Event = tuple[str, dict[str, Any], str]
"""Kind, data, id."""


@contextlib.contextmanager
def stream(client: httpx.Client, after: str = "", **headers: str) -> Generator[Iterator[Event]]:
    with client.stream("GET", "/api/events", params={"after": after}, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield parsed(answer.iter_lines())


def parsed(lines: Iterator[str]) -> Iterator[Event]:
    """As an EventSource reads it: comments are seen by nobody."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["event"], json.loads(fields["data"]), fields.get("id", "")
            fields = {}


def until(events: Iterator[Event], wanted: Callable[[Event], bool]) -> Event:
    return next(event for event in events if wanted(event))


@pytest.fixture
def console() -> FakeConsole:
    """At one moment: only what a test does is new."""
    return FakeConsole(pace=0.0, clock=lambda: NOW)


@pytest.fixture
def server(console: FakeConsole) -> Generator[Served]:
    with served(console, beat=0.3) as it:
        yield it


def test_it_begins_with_everything_and_a_beat(browser: httpx.Client) -> None:
    with stream(browser) as events:
        kind, data, _ = until(events, lambda event: event[0] == "changed")
        assert (kind, data["instances"], data["jobs"]) == ("changed", ["den", "home", "lab"], [])
        _, beat, _ = until(events, lambda event: event[0] == "beat")
        assert abs((datetime.fromisoformat(beat["now"]).timestamp()) - time.time()) < 5


def test_it_beats_when_nothing_happens(browser: httpx.Client) -> None:
    with stream(browser) as events:
        until(events, lambda event: event[0] == "changed")
        began = time.monotonic()
        kinds = [next(events)[0] for _ in range(4)]
        assert kinds == ["beat"] * 4
        assert time.monotonic() - began < 5


def test_what_is_new_is_named_and_nothing_else(console: FakeConsole, browser: httpx.Client) -> None:
    with stream(browser) as events:
        until(events, lambda event: event[0] == "changed")
        console.put("lab", "out of touch")
        _, data, _ = until(events, lambda event: event[0] == "changed")
        assert data["instances"] == ["lab"]


def test_a_change_is_news_at_each_step(console: FakeConsole, browser: httpx.Client) -> None:
    with stream(browser) as events:
        until(events, lambda event: event[0] == "changed")
        job = console.propose(Change(instance="home", kind=Kind.DISABLE), "alice").id
        assert until(events, lambda event: event[0] == "changed")[1]["jobs"] == [job]
        console.confirm(job)
        _, data, _ = until(events, lambda event: event[0] == "changed" and bool(event[1]["instances"]))
        assert data["instances"] == ["home"]


def test_news_is_told_within_a_second(console: FakeConsole, browser: httpx.Client) -> None:
    with stream(browser) as events:
        until(events, lambda event: event[0] == "changed")
        began = time.monotonic()
        console.put("den", "connected")
        until(events, lambda event: event[0] == "changed")
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("how", ["header", "query"])
def test_it_resumes_after_the_event_that_was_seen_last(
    console: FakeConsole, server: Served, browser: httpx.Client, how: str
) -> None:
    with stream(browser) as events:
        _, _, seen = until(events, lambda event: event[0] == "changed")
    console.put("lab", "off")
    with stream(browser) as events:
        _, _, now = until(events, lambda event: event[0] == "changed" and event[2] != seen)
    again = server.browser()
    with stream(again, **({"Last-Event-ID": seen} if how == "header" else {"after": seen})) as events:
        assert until(events, lambda event: event[0] == "changed")[1]["instances"] == ["lab"]
    with stream(again, after=now) as events:
        assert [next(events)[0] for _ in range(4)] == ["beat"] * 4


@pytest.mark.parametrize("after", ["other-1", "x", "-", "1", "other--5", "\u0661", "9" * 400])
def test_from_an_event_of_another_server_it_begins_anew(browser: httpx.Client, after: str) -> None:
    with stream(browser, after=after) as events:
        _, data, _ = until(events, lambda event: event[0] == "changed")
        assert data["instances"] == ["den", "home", "lab"]


def test_an_instance_that_went_is_news_too(console: FakeConsole, browser: httpx.Client) -> None:
    with stream(browser) as events:
        until(events, lambda event: event[0] == "changed")
        full = console.report()
        console.report = lambda: Report.model_validate({**dict(full), "instances": full.instances[:2]})
        _, data, _ = until(events, lambda event: event[0] == "changed")
        assert data["instances"] == ["den"]


def test_fifty_that_follow_look_at_the_console_as_one_does() -> None:
    looks: list[str] = []

    class Counted(FakeConsole):
        def report(self) -> Report:
            looks.append(threading.current_thread().name)
            return super().report()

    console = Counted(pace=0.0, clock=lambda: NOW)
    with served(console, beat=0.2) as server, contextlib.ExitStack() as stack:
        browser = server.browser()
        streams = [stack.enter_context(stream(browser)) for _ in range(50)]
        for events in streams:
            until(events, lambda event: event[0] == "beat")
        looks.clear()
        began = time.monotonic()
        console.put("lab", "off")
        for events in streams:
            until(events, lambda event: event[0] == "changed" and event[1]["instances"] == ["lab"])
        # One for the news, and one for each second that passed.
        assert len(looks) <= 2 + (time.monotonic() - began)


def test_while_nobody_follows_nobody_looks() -> None:
    looks: list[None] = []

    class Counted(FakeConsole):
        def report(self) -> Report:
            looks.append(None)
            return super().report()

    console = Counted(pace=0.0)
    with served(console, beat=0.1) as server:
        with stream(server.browser()) as events:
            until(events, lambda event: event[0] == "changed")
        # Until the server has seen that the stream was left.
        time.sleep(3)
        looks.clear()
        console.put("lab", "off")
        time.sleep(1)
        assert looks == []


def test_a_console_that_fails_is_asked_again(console: FakeConsole, browser: httpx.Client) -> None:
    """The stream goes on beating; what the pages show grows old by itself meanwhile."""
    with stream(browser) as events:
        until(events, lambda event: event[0] == "changed")
        working = console.report

        def broken() -> Report:
            raise RuntimeError("no cluster")

        console.report = broken
        console.put("lab", "off")
        assert [next(events)[0] for _ in range(5)] == ["beat"] * 5
        console.report = working
        assert until(events, lambda event: event[0] == "changed")[1]["instances"] == ["lab"]


def test_a_stranger_hears_nothing(server: Served) -> None:
    assert server.stranger().get("/api/events").status_code == 401


def test_no_other_page_listens(server: Served, browser: httpx.Client) -> None:
    foreign = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}
    assert browser.get("/api/events", headers=foreign).status_code == 403
