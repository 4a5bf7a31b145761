"""The stand-in of the console does what the front ends are told to expect of the real one."""

import time

import pytest
from pydantic import SecretStr

from addons.changes.model import Change, JobState, Kind
from addons.console import Console
from addons.errors import AddonsError
from addons.status.model import Health, State
from tests.support.console_fake import FakeConsole

DISABLE = Change(instance="home", kind=Kind.DISABLE)


def hostname(name: str) -> Change:
    return Change(instance="home", kind=Kind.HOSTNAME, value=name)


def ended(console: Console, job: str, *, confirm: bool = True) -> JobState:
    """Follows a job to its end, as a front end does."""
    version = 0
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = next(one for one in console.jobs() if one.id == job)
        if found.state.ended:
            return found.state
        if found.state is JobState.ASKING and confirm:
            console.confirm(job)
        version = console.wait(version, 1.0)
    raise AssertionError("the job does not end")


def test_three_gateways_are_in_three_states() -> None:
    console: Console = FakeConsole()
    said = {one.id: (one.health, one.state) for one in console.report().instances}
    assert said == {
        "home": (Health.HEALTHY, State.CONNECTED),
        "lab": (Health.DEGRADED, State.CONNECTED),
        "den": (Health.DOWN, State.REMOVED),
    }


def test_a_change_progresses_and_its_effect_is_in_the_report() -> None:
    console = FakeConsole(pace=0.02)
    job = console.propose(DISABLE, "alice")
    assert ended(console, job.id) is JobState.DONE
    states = [event.state for event in console.jobs()[0].events]
    assert states == sorted(states, key=list(JobState).index)
    assert console.report().instances[0].state is State.DISABLED


@pytest.mark.parametrize(
    ("name", "state"),
    [("refused", JobState.REFUSED), ("broken", JobState.FAILED), ("unconfirmed", JobState.UNCONFIRMED)],
)
def test_a_change_can_go_wrong(name: str, state: JobState) -> None:
    console = FakeConsole(pace=0.02)
    assert ended(console, console.propose(hostname(name), "alice").id) is state
    assert console.report().instances[0].declared.hostname == "openclaw-home"


def test_only_one_job_is_not_ended() -> None:
    console = FakeConsole()
    console.propose(DISABLE, "alice")
    with pytest.raises(AddonsError, match="alice is changing home"):
        console.propose(DISABLE, "bob")


def test_a_pasted_key_is_in_no_job() -> None:
    console = FakeConsole(pace=0.0)
    change = Change(instance="home", kind=Kind.AUTH_KEY)
    console.propose(change, "alice", SecretStr("tskey-auth-canary"))
    assert "canary" not in repr(console.jobs())
    assert console.keys_given[0].get_secret_value() == "tskey-auth-canary"


def test_waiting_ends_with_the_next_change() -> None:
    console = FakeConsole(pace=0.1)
    version = console.wait(0, 0.0)
    assert console.wait(version, 0.05) == version
    console.propose(DISABLE, "alice")
    assert console.wait(version, 5.0) > version


def test_a_request_is_answered_once() -> None:
    console = FakeConsole()
    asked = next(iter(console.report().instances[0].pairings or ()))
    assert console.decide("home", asked.request, approve=True) == "Approved alice-laptop"
    assert console.report().instances[0].pairings == ()
    with pytest.raises(AddonsError, match="is over"):
        console.decide("home", asked.request, approve=True)


def test_only_a_device_that_was_left_over_is_removed() -> None:
    console = FakeConsole()
    with pytest.raises(AddonsError, match="not one that was left over"):
        console.remove_device("nhomeCNTRL")
    console.remove_device(console.left_over()[0].id)
    assert not console.left_over()
