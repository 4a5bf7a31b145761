"""The dialogue of a change: words first, then the question, then each step once, to a clear end."""

import io
from collections.abc import Callable

import pytest
import typer
from rich.console import Console as Screen

from addons.changes.model import Change, JobState, Kind
from addons.commands.dialogue import Dialogue
from addons.commands.invocation import INTERRUPTED
from addons.errors import AddonsError
from tests.support.console_fake import FakeConsole
from tests.support.golden import assert_golden

DISABLE = Change(instance="home", kind=Kind.DISABLE)


def hostname(name: str) -> Change:
    return Change(instance="home", kind=Kind.HOSTNAME, value=name)


class Talk:
    """A dialogue with a person who gives this answer; `shown` is what is on the screen."""

    def __init__(self, console: FakeConsole, answer: Callable[[], bool] = lambda: True) -> None:
        self.console, self.out, self.asked = console, io.StringIO(), 0
        screen = Screen(file=self.out, width=100, highlight=False)

        def ask(question: str) -> bool:
            self.asked += 1
            screen.print(question)
            return answer()

        self.dialogue = Dialogue(console, screen, ask)

    @property
    def shown(self) -> str:
        return self.out.getvalue()

    @property
    def state(self) -> JobState:
        return self.console.jobs()[0].state


def test_what_a_person_sees_of_a_change() -> None:
    talk = Talk(FakeConsole(pace=0.01))
    talk.dialogue.run(DISABLE)
    assert_golden("change.txt", talk.shown)
    assert (talk.asked, talk.state) == (1, JobState.DONE)


def test_a_no_drops_it() -> None:
    talk = Talk(FakeConsole(pace=0.0), lambda: False)
    with pytest.raises(typer.Exit) as ended:
        talk.dialogue.run(DISABLE)
    assert ended.value.exit_code == 1
    assert talk.state is JobState.CANCELLED
    assert talk.shown.endswith("Cancelled.\n")


def test_what_is_refused_is_not_asked() -> None:
    talk = Talk(FakeConsole(pace=0.0))
    with pytest.raises(AddonsError) as error:
        talk.dialogue.run(hostname("refused"))
    assert talk.asked == 0
    assert (error.value.problem, error.value.hint) == (
        "The name refused is taken by another device of the tailnet",
        "Choose another name",
    )
    assert "The gateway restarts" in talk.shown


@pytest.mark.parametrize(
    ("name", "words"), [("broken", "quota exceeded"), ("unconfirmed", "does not show the new name yet")]
)
def test_what_goes_wrong_is_the_error(name: str, words: str) -> None:
    talk = Talk(FakeConsole(pace=0.0))
    with pytest.raises(AddonsError, match=words):
        talk.dialogue.run(hostname(name))


def test_two_at_once_are_refused_with_who_is_first() -> None:
    console = FakeConsole()
    console.propose(DISABLE, "alice")
    with pytest.raises(AddonsError, match="alice is changing home"):
        Talk(console).dialogue.run(DISABLE)


def test_where_git_owns_the_file_the_patch_is_shown_and_nothing_changed() -> None:
    console = FakeConsole(pace=0.0)
    console.read_only = "the stack file is managed by git"
    talk = Talk(console)
    with pytest.raises(AddonsError) as error:
        talk.dialogue.run(DISABLE)
    assert error.value.problem == "Nothing was changed: the stack file is managed by git"
    assert "git apply" in error.value.hint
    assert "+++ b/Pulumi.dev.yaml" in talk.shown
    assert (talk.asked, talk.state) == (0, JobState.CANCELLED)


class Interrupted(FakeConsole):
    """Ctrl-C comes while a job is in this state, once or twice."""

    def __init__(self, state: JobState, times: int = 1) -> None:
        super().__init__(pace=0.05)
        self.at, self.times = state, times

    def wait(self, after: int, seconds: float) -> int:
        if self.times and any(job.state is self.at for job in self.jobs()):
            self.times -= 1
            raise KeyboardInterrupt
        return super().wait(after, min(seconds, 0.02))


def test_ctrl_c_before_the_yes_drops_it() -> None:
    talk = Talk(Interrupted(JobState.PREVIEWING))
    with pytest.raises(typer.Exit):
        talk.dialogue.run(DISABLE)
    assert talk.state is JobState.CANCELLED


def test_ctrl_c_after_the_yes_asks_the_engine_once_and_waits() -> None:
    talk = Talk(Interrupted(JobState.APPLYING))
    with pytest.raises(typer.Exit) as ended:
        talk.dialogue.run(DISABLE)
    assert ended.value.exit_code == 1
    assert "what is in flight is finished first" in talk.shown
    assert talk.state is JobState.CANCELLED


def test_a_second_ctrl_c_leaves_it_alone_and_says_so() -> None:
    talk = Talk(Interrupted(JobState.APPLYING, times=2))
    with pytest.raises(typer.Exit) as ended:
        talk.dialogue.run(DISABLE)
    assert ended.value.exit_code == INTERRUPTED
    assert "goes on without being watched" in talk.shown


def test_a_job_that_is_not_known_any_more_is_said() -> None:
    class Forgetful(FakeConsole):
        def jobs(self) -> tuple[()]:
            return ()

    with pytest.raises(AddonsError, match="not known any more"):
        Talk(Forgetful(pace=0.0)).dialogue.run(DISABLE)
