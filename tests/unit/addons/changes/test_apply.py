"""The end of a change: confirmed by the status, or not within its time. The rest is tried with the real engine."""

from collections.abc import Iterator

from addons.changes.apply import verified
from addons.changes.model import Change, JobState, Kind
from addons.errors import AddonsError

CHANGE = Change(instance="home", kind=Kind.DISABLE)


class Status:
    """Answers one after the other, the last for ever."""

    def __init__(self, *answers: bool | str | Exception) -> None:
        self._answers: Iterator[bool | str | Exception] = iter(answers)
        self._last: bool | str | Exception = False

    def __call__(self, change: Change) -> bool | str:
        assert change == CHANGE
        self._last = next(self._answers, self._last)
        if isinstance(self._last, Exception):
            raise self._last
        return self._last


def run(status: Status, seconds: float) -> tuple[JobState, str, list[str]]:
    said: list[str] = []

    def say(says: str, done: int | None = None, total: int | None = None) -> None:
        said.append(says)

    outcome = verified(CHANGE, status, say, seconds)
    return outcome.state, outcome.problem, said


def test_what_is_seen_at_once_is_done() -> None:
    assert run(Status(True), 0) == (JobState.DONE, "", [])


def test_a_missing_step_is_said_once_and_then_it_is_done() -> None:
    missing = "the tailnet still shows the device"
    assert run(Status(missing, missing, True), 30) == (JobState.DONE, "", [f"Not yet: {missing}"])


def test_what_does_not_come_is_not_confirmed_and_named() -> None:
    state, problem, _ = run(Status("nobody outside saw it"), 0)
    assert (state, problem) == (JobState.UNCONFIRMED, "nobody outside saw it")


def test_a_status_that_cannot_be_read_is_a_missing_step() -> None:
    state, problem, said = run(Status(AddonsError("the cluster does not answer", "Look at it")), 0)
    assert (state, problem) == (JobState.UNCONFIRMED, "the cluster does not answer")
    assert said == ["Not yet: the cluster does not answer"]


def test_a_status_without_words_is_not_confirmed_either() -> None:
    assert run(Status(False), 0)[:2] == (JobState.UNCONFIRMED, "the status is not yet what was wanted")
