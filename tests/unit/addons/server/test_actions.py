"""Each thing a person may do is checked in one place, whichever way it is asked for."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from addons.changes.model import Change, JobState, Kind
from addons.server.actions import Actions
from addons.server.problems import Problem
from addons.server.reports import Reports
from addons.server.session import Visitor
from tests.support.addons_snapshots import NOW, pairing
from tests.support.console_fake import FakeConsole

ALICE = Visitor("alice", "by a link of this machine")
DISABLE = Change(instance="home", kind=Kind.DISABLE)
REQUEST = pairing(NOW).request


def status_of(act: Callable[[], object]) -> int:
    with pytest.raises(Problem) as caught:
        act()
    return caught.value.document.status


@pytest.fixture
def actions(console: FakeConsole) -> Actions:
    return Actions(console, Reports(console))


def test_what_is_not_there_is_not_found(actions: Actions) -> None:
    nobody = Change(instance="nobody", kind=Kind.DISABLE)
    for act in (
        lambda: actions.instance("nobody"),
        lambda: actions.job("nothing"),
        lambda: actions.refresh("nobody"),
        lambda: actions.access("nobody"),
        lambda: actions.ledger("nobody", 10),
        lambda: actions.decide("nobody", REQUEST, approve=True),
        lambda: actions.propose(nobody, ALICE),
        lambda: actions.confirm("nothing"),
        lambda: actions.cancel("nothing"),
        lambda: actions.remove("nothing"),
    ):
        assert status_of(act) == 404


def test_read_only_everything_is_looked_at_and_nothing_changed(console: FakeConsole, actions: Actions) -> None:
    console.read_only = "the stack file is managed by git"
    job = actions.propose(DISABLE, ALICE)
    assert actions.job(job.id).state is JobState.ASKING
    for act in (
        lambda: actions.confirm(job.id),
        lambda: actions.decide("home", REQUEST, approve=True),
        lambda: actions.remove("n12CNTRL"),
    ):
        assert status_of(act) == 403
    actions.cancel(job.id)
    actions.refresh("home")
    assert actions.access("home")
    assert console.decided == []
    assert console.removed == []
    assert [one.state for one in console.jobs()] == [JobState.CANCELLED]


def test_the_reason_for_read_only_is_said(console: FakeConsole, actions: Actions) -> None:
    console.read_only = "the stack file is managed by git"
    with pytest.raises(Problem, match="Nothing can be changed here: the stack file is managed by git"):
        actions.remove("n12CNTRL")


def test_a_key_comes_with_the_one_change_that_takes_it(console: FakeConsole, actions: Actions) -> None:
    key = SecretStr("tskey-auth-x")
    for kind in set(Kind) - {Kind.AUTH_KEY}:
        assert status_of(lambda kind=kind: actions.propose(Change(instance="home", kind=kind), ALICE, key)) == 400
    actions.propose(Change(instance="home", kind=Kind.AUTH_KEY), ALICE, key)
    assert console.keys_given == [key]


def test_only_a_device_that_is_left_over_is_removed(console: FakeConsole, actions: Actions) -> None:
    assert status_of(lambda: actions.remove("nhomeCNTRL")) == 404
    assert actions.remove("n12CNTRL").name == "openclaw-old.example.ts.net"
    assert console.removed == ["n12CNTRL"]


def test_a_change_is_asked_for_under_the_visitor_s_name(console: FakeConsole, actions: Actions) -> None:
    actions.propose(DISABLE, Visitor("alice@example.com", "by Tailscale"))
    assert console.jobs()[0].by == "alice@example.com"
