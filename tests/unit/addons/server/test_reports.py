"""All who look at one time see one judgement, and nobody sees an old one after something was read."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from addons.server.reports import Reports
from addons.status.model import Report, State
from tests.support.console_fake import FakeConsole


class Counted(FakeConsole):
    judged = 0

    def report(self) -> Report:
        self.judged += 1
        return super().report()


def test_it_is_judged_once_for_all_who_look() -> None:
    console = Counted()
    reports = Reports(console)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(reports.newest) for _ in range(32)]
    assert len({id(one.result()) for one in asked}) == 1
    assert console.judged == 1


def test_what_was_read_is_seen_at_once() -> None:
    console = Counted()
    reports = Reports(console)
    reports.newest()
    console.put("home", "off")
    assert reports.newest().instances[0].state is State.DISABLED


def test_time_alone_is_seen_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Counted()
    reports = Reports(console)
    reports.newest()
    monkeypatch.setattr("addons.server.reports._AGAIN", 0.0)
    reports._until = 0.0  # pyright: ignore[reportPrivateUsage]
    reports.newest()
    assert console.judged == 2


def test_a_failure_is_not_kept() -> None:
    console = Counted()
    reports = Reports(console)
    working = console.report

    def broken() -> Report:
        raise ZeroDivisionError

    console.report = broken
    with pytest.raises(ZeroDivisionError):
        reports.newest()
    console.report = working
    assert reports.newest().stack == "dev"
