"""Left over is what carries a tag of the stack's and has nobody; what nobody can be sure of is kept, or said."""

from typing import Any

from addons.console import LeftOver
from addons.status.facts import ControlFacts, DeviceFacts, Snapshot
from addons.status.left_over import ANOTHER_STACKS, left_over
from addons.status.readings import utc_now
from components.settings.load import parse
from tests.support import addons_snapshots as s


def listed(ownership: str, *devices: DeviceFacts, snapshot: Snapshot | None = None) -> list[tuple[str, str]]:
    raw: dict[str, Any] = {
        "tailnet": {"name": "example.ts.net", "ownership": ownership, "tagOwners": ["admin@example.com"]},
        "instances": [{"id": "home", "people": ["alice@example.com"]}],
        "nodes": [{"id": "build", "kind": "linux", "gateway": "home"}],
    }
    known = snapshot or s.well("home", utc_now())
    found: tuple[LeftOver, ...] = left_over(parse(raw), [known], ControlFacts(devices=devices))
    return [(one.id, one.doubt) for one in found]


def device(name: str, **values: Any) -> DeviceFacts:
    return s.device(name, utc_now(), **values)


HOME, OLD = device("home"), device("old")


def test_what_the_stack_has_is_not_left_over() -> None:
    node = device("build", tags=("tag:openclaw-node-build",))
    assert listed("owned", HOME, node, device("laptop", tags=())) == []


def test_a_tag_that_nobody_has_any_more_is() -> None:
    assert listed("owned", HOME, OLD) == [("noldCNTRL", "")]


def test_where_others_give_tags_too_it_may_be_theirs() -> None:
    assert listed("verified", HOME, OLD) == [("noldCNTRL", ANOTHER_STACKS)]


def test_an_instances_earlier_device_is() -> None:
    before = device("before", tags=HOME.tags)
    assert listed("owned", HOME, before) == [("nbeforeCNTRL", "")]


def test_while_nobody_knows_which_one_it_has_now_all_are_kept() -> None:
    before, unknown = device("before", tags=HOME.tags), s.unknown("home", utc_now())
    assert listed("owned", HOME, before, snapshot=unknown) == []


def test_the_device_is_known_by_the_apis_older_id_too() -> None:
    """headscale's devices call themselves by it."""
    as_headscale_has_it = device("other", api_id=HOME.id, tags=HOME.tags)
    assert listed("owned", as_headscale_has_it) == []
