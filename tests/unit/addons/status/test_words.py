"""Times and sizes as people say them."""

from datetime import datetime, timedelta, timezone

import pytest

from addons.status import words
from addons.status.facts import FillFacts
from addons.status.rules import judge
from tests.support.addons_snapshots import GIB, NOW, SITUATIONS

EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 days"),
        (1e7, "115 days"),
    ],
)
def test_how_long(seconds: float, said: str) -> None:
    assert words.lasting(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), [(8, "8 s ago"), (0.2, "now"), (-60, "now"), (200, "3 min ago")])
def test_an_age(seconds: float, said: str) -> None:
    assert words.age(NOW - timedelta(seconds=seconds), NOW) == said


def test_what_never_was_has_no_age() -> None:
    assert words.age(None, NOW) == "never"
    assert words.since(None, NOW) == ""


def test_since_has_the_clock_and_another_days_date() -> None:
    assert words.since(NOW - timedelta(minutes=3), NOW, EAST) == "since 16:00, 3 min".replace("16:00", "15:59")
    assert words.since(NOW - timedelta(days=3), NOW, EAST) == "since 24 November 16:02, 3 days"


@pytest.mark.parametrize(
    ("left", "said"), [(225, "ends in 3 min 45 s"), (45.9, "ends in 45 s"), (0, "has ended"), (-9, "has ended")]
)
def test_a_countdown(left: float, said: str) -> None:
    assert words.countdown(NOW + timedelta(seconds=left), NOW) == said


def test_no_end_has_no_countdown() -> None:
    assert words.countdown(None, NOW) == ""


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (10 * GIB, "10 GiB"), (3000 * GIB, "2.9 TiB")]
)
def test_a_size(count: int, said: str) -> None:
    assert words.size(count) == said


def test_a_fill() -> None:
    assert words.fill(FillFacts(size=10 * GIB, used=2 * GIB)) == "20 % of 10 GiB"
    assert words.fill(FillFacts(size=0, used=0)) == "100 % of 0 B"


def test_the_word_of_an_instance_says_its_health_where_its_state_does_not() -> None:
    said = {name: words.state(judge(situation("home", NOW), NOW)) for name, situation in SITUATIONS.items()}
    assert said["connected"] == "connected"
    assert said["relayed"] == "connected, degraded"
    assert said["removed"] == "removed from the tailnet"
    assert said["name taken"] == "down"
    assert said["off"] == "off"


def test_the_local_time_is_said_where_no_zone_is() -> None:
    local = datetime.now().astimezone().tzinfo
    assert words.clock(NOW, NOW) == words.clock(NOW, NOW, local)
