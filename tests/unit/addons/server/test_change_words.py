"""Changes and their progress have words for each kind and each state."""

import pytest

from addons.changes.model import Change, Consequence, Job, JobState, Kind
from addons.server import change_words
from tests.support.addons_snapshots import NOW


def test_each_kind_has_a_heading() -> None:
    titles = {change_words.title(Change(instance="home", kind=kind, value="name")) for kind in Kind}
    assert len(titles) == len(Kind)
    assert all("home" in title for title in titles)


def test_each_state_has_its_words() -> None:
    going = {state for state in JobState if not state.ended}
    assert set(change_words.DOING) == going
    assert set(change_words.OUTCOMES) == set(JobState) - going
    assert {state for _, states in change_words.STAGES for state in states} == going


def test_each_sort_of_consequence_has_a_shape() -> None:
    sorts = Consequence.model_fields["sort"].annotation
    assert set(change_words.SORTS) == set(getattr(sorts, "__args__", ()))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (JobState.PREVIEWING, "Nothing is changed before you say yes."),
        (JobState.ASKING, "Nothing is changed before you say yes."),
        (JobState.APPLYING, "interrupts the engine once: what is in flight is finished"),
        (JobState.VERIFYING, "only ends the watching"),
    ],
)
def test_cancelling_says_what_it_does(state: JobState, says: str) -> None:
    change = Change(instance="home", kind=Kind.DISABLE)
    assert says in change_words.cancelling(Job(id="job-1", change=change, by="ada", began_at=NOW, state=state))


def test_lines_of_a_difference_are_told_apart() -> None:
    lines = ["--- a/P.yaml", "+++ b/P.yaml", "@@ -1 +1 @@", "-old", "+new", " same", ""]
    classes = ["head", "head", "place", "removed", "added", "same", "same"]
    assert [change_words.diff_line(line) for line in lines] == classes
