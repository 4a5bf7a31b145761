"""What could not be read makes a gateway unknown, unless the cluster says why there is nothing to read."""

import pytest

from addons.status.facts import Snapshot
from addons.status.readings import Source
from addons.status.rules import judge
from tests.support import addons_snapshots as s
from tests.support.addons_cases import CASES
from tests.support.addons_snapshots import NOW, altered, well


def found(snapshot: Snapshot) -> list[str]:
    return [one.rule for one in judge(snapshot, NOW).findings]


def test_before_the_first_read_nothing_is_known() -> None:
    nothing = s.unread(well(), *(source for source in Source if source is not Source.STACK))
    assert found(nothing) == ["cluster-not-read", "control-not-read"]


def test_a_process_that_does_not_answer_is_no_word_beside_a_cause() -> None:
    """Where the cluster itself is not known, or says what is down."""
    assert found(s.unknown("home", NOW)) == ["cluster-not-read"]
    assert found(s.old(CASES["claim-lost"](), 100, "sidecar", reason="no answer")) == ["claim-lost"]
    assert found(s.old(well(), 100, "sidecar", "gateway", reason="no answer")) == [
        "sidecar-not-read",
        "gateway-not-read",
    ]


def test_a_container_that_does_not_run_has_nothing_to_say() -> None:
    assert found(CASES["key-refused"]()) == ["key-refused"]
    assert found(CASES["image-not-pulled"]()) == ["image-not-pulled"]


@pytest.mark.parametrize(
    ("reason", "rules"), [("", ["sidecar-just-started"]), ("exec: forbidden", ["sidecar-not-read"])]
)
def test_a_container_that_was_just_started_is_given_its_time(reason: str, rules: list[str]) -> None:
    snapshot = altered(well(), cluster={"started_at": s.ago(NOW, 20)})
    snapshot = s.unread(snapshot, Source.SIDECAR, reason=reason)
    assert found(snapshot) == rules


def test_netcheck_that_was_not_run_yet_is_no_news() -> None:
    assert found(s.unread(well(), Source.NETCHECK)) == []


def test_off_asks_neither_the_sidecar_nor_the_tailnet() -> None:
    off = s.unread(s.off("home", NOW), Source.SIDECAR, Source.NETCHECK, Source.CONTROL, reason="no credentials")
    assert found(off) == ["private-access-off"]


def test_since_when_it_is_not_known_is_when_it_was_last_read() -> None:
    finding = judge(s.unknown("home", NOW), NOW).findings[0]
    assert finding.since == s.ago(NOW, 182)
