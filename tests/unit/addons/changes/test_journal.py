"""Jobs on disk: lines are only added, whoever reads them sees the same, and a kill in the middle of a line costs nothing else."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.changes.journal import KEPT, Journal, Line, own_process
from addons.changes.model import Change, JobState, Kind, Preview

CHANGE = Change(instance="home", kind=Kind.DISABLE)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "jobs")
    with made.alone():
        return made


def test_a_job_is_what_its_lines_say(journal: Journal) -> None:
    name = journal.begin(CHANGE, "alice@example.com")
    preview = Preview(change=CHANGE, consequences=(), steps=(), file_diff="-a\n+b\n")
    journal.add(
        name, Line(preview=preview, operations=(("update", "urn:x::y"),), state=JobState.ASKING, says="Apply it?")
    )
    journal.add(name, Line(state=JobState.APPLYING, says="Begun", done=0, total=1))
    journal.add(name, Line(says="One is changed", done=1, total=1))
    record = Journal(journal.directory).record(name)
    assert record
    job = record.job
    assert (job.id, job.change, job.by, job.state) == (name, CHANGE, "alice@example.com", JobState.APPLYING)
    assert [(event.number, event.state, event.says, event.done) for event in job.events] == [
        (1, JobState.ASKING, "Apply it?", None),
        (2, JobState.APPLYING, "Begun", 0),
        (3, JobState.APPLYING, "One is changed", 1),
    ]
    assert job.preview == preview
    assert {(one.kind, one.urn) for one in record.operations} == {("update", "urn:x::y")}
    assert (record.worker.pid if record.worker else 0) == os.getpid()
    assert not record.abandoned


def test_only_its_user_may_read_it(journal: Journal) -> None:
    name = journal.begin(CHANGE, "me")
    assert (journal.directory.stat().st_mode & 0o777, journal.directory.is_dir()) == (0o700, True)
    assert {path.stat().st_mode & 0o777 for path in journal.directory.iterdir()} == {0o600}
    assert journal.files(name).directory.parent == journal.directory


def test_a_job_whose_process_is_gone_is_abandoned_unless_it_asks(journal: Journal) -> None:
    name = journal.begin(CHANGE, "me")
    pid, started = own_process()
    journal.add(name, Line(worker=(pid, started - 1), state=JobState.APPLYING))
    assert [record.abandoned for record in journal.records()] == [True]
    journal.add(name, Line(state=JobState.ASKING))
    assert [record.abandoned for record in journal.records()] == [False]


@given(cut=st.integers(1, 400))
def test_a_line_that_was_cut_off_costs_only_itself(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    journal = Journal(tmp_path_factory.mktemp("jobs"))
    name = journal.begin(CHANGE, "me")
    journal.add(name, Line(state=JobState.APPLYING, says="first"))
    path = journal.directory / f"{name}.jsonl"
    whole = path.read_bytes()
    journal.add(name, Line(says="second"))
    path.write_bytes(path.read_bytes()[: len(whole) + cut])
    journal.add(name, Line(state=JobState.DONE, says="third"))
    record = journal.record(name)
    assert record
    said = [event.says for event in record.job.events]
    assert said in (["first", "third"], ["first", "second", "third"])
    assert record.job.state == JobState.DONE


def test_the_last_are_kept_newest_first(journal: Journal) -> None:
    names = [journal.begin(CHANGE, f"{number}") for number in range(KEPT + 3)]
    kept = [record.job.id for record in journal.records()]
    assert len(kept) == KEPT
    assert set(kept) <= set(names)
    assert kept == sorted(kept, reverse=True)


def test_each_line_makes_another_version(journal: Journal) -> None:
    name = journal.begin(CHANGE, "me")
    before = journal.version()
    journal.add(name, Line(says="more"))
    assert journal.version() != before


def test_what_is_no_job_is_not_one(journal: Journal) -> None:
    assert journal.record("../../etc/passwd") is None
    assert journal.record("none") is None


def test_only_one_decides_at_a_time(journal: Journal) -> None:
    order: list[str] = []
    inside = threading.Event()

    def other() -> None:
        inside.wait()
        with journal.alone():
            order.append("second")

    thread = threading.Thread(target=other)
    thread.start()
    with journal.alone():
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
