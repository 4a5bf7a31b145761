"""One issue for each stack that drifts, on a server in the place of GitHub's."""

import threading
from collections.abc import Generator
from typing import Any

import pytest

from gitops.errors import GitopsError
from gitops.issues import tell
from gitops.model import Outcome, Summary
from tests.support.loopback_api import Api

LIST = "GET /repos/o/r/issues?state=open&labels=drift&per_page=100"
MARK = "<!-- gitops drift of prod -->"


@pytest.fixture
def github() -> Generator[Api]:
    with Api() as api:
        threading.Thread(target=api.serve_forever, daemon=True).start()
        api.answers[LIST] = (200, [{"number": 3, "body": "<!-- gitops drift of dev -->"}, {"number": 4, "body": None}])
        api.answers["POST /repos/o/r/issues"] = (201, {"number": 7})
        yield api
        api.shutdown()


def told(github: Api, outcome: Outcome) -> str:
    environ = {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": github.url}
    return tell(Summary(stack="prod", outcome=outcome, warnings=("a is not there.",)), environ)


def written(github: Api) -> list[tuple[str, Any]]:
    return [(call, body) for call, body, _ in github.calls if not call.startswith("GET")]


def test_the_first_drift_opens_one(github: Api) -> None:
    assert told(github, Outcome.DRIFT) == "issue 7 is opened"
    [(call, body)] = written(github)
    assert call == "POST /repos/o/r/issues"
    assert (body["title"], body["labels"]) == ("prod has drifted", ["drift"])
    assert body["body"].startswith(f"{MARK}\n## prod: ")
    assert "a is not there." in body["body"]
    assert github.calls[0][2]["authorization"] == "Bearer t"


def test_the_next_one_updates_it(github: Api) -> None:
    github.answers[LIST] = (200, [{"number": 5, "body": f"{MARK}\nold"}])
    assert told(github, Outcome.DRIFT) == "issue 5 is updated"
    assert [call for call, _ in written(github)] == ["PATCH /repos/o/r/issues/5"]


def test_it_is_closed_when_nothing_drifts(github: Api) -> None:
    assert told(github, Outcome.UNCHANGED) == "no issue is open, and none is needed"
    assert written(github) == []
    github.answers[LIST] = (200, [{"number": 5, "body": MARK}])
    assert told(github, Outcome.UNCHANGED) == "issue 5 is closed"
    assert written(github)[-1] == ("PATCH /repos/o/r/issues/5", {"state": "closed"})


def test_a_preview_that_failed_says_nothing_of_drift(github: Api) -> None:
    assert told(github, Outcome.ERROR) == "no issue is written: the preview ended with error"
    assert github.calls == []


def test_what_is_lacking_is_said(github: Api) -> None:
    with pytest.raises(GitopsError, match="GITHUB_TOKEN and GITHUB_REPOSITORY not set"):
        tell(Summary(stack="prod", outcome=Outcome.DRIFT), {})
    github.answers[LIST] = (403, {})
    with pytest.raises(GitopsError, match=r"403\. Give the job `issues: write`"):
        told(github, Outcome.DRIFT)
