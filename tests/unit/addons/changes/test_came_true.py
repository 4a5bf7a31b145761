"""A change has come true when its status says so, and nobody before."""

from typing import Any

import pytest

from addons.changes.came_true import missing
from addons.changes.model import Change, Kind
from addons.status.model import InstanceStatus
from addons.status.rules import judge
from tests.support.addons_snapshots import NOW, SITUATIONS


def status(situation: str, **fields: Any) -> InstanceStatus:
    return judge(SITUATIONS[situation]("home", NOW), NOW).model_copy(update=fields)


def change(kind: Kind, value: str = "") -> Change:
    return Change(instance="home", kind=kind, value=value)


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (change(Kind.ENABLE), status("connected")),
        (change(Kind.ENABLE), status("not confirmed")),
        (change(Kind.ENABLE), status("relayed")),
        (change(Kind.ROTATE_KEY), status("connected")),
        (change(Kind.AUTH_KEY), status("connected")),
        (change(Kind.DISABLE), status("off")),
        (change(Kind.HOSTNAME, "den"), status("connected", dns_name="den.example.ts.net")),
        (change(Kind.ADDRESS, "name"), status("connected")),
        # Nothing of the cluster changes by it.
        (change(Kind.ADDRESS, "name"), status("unknown")),
    ],
)
def test_it_has_come_true(wanted: Change, seen: InstanceStatus) -> None:
    assert missing(wanted, seen) == ""


@pytest.mark.parametrize(
    ("wanted", "seen", "says"),
    [
        (change(Kind.ENABLE), status("off"), status("off").headline),
        (change(Kind.ENABLE), status("starting"), status("starting").headline),
        (change(Kind.ENABLE), status("unknown"), status("unknown").headline),
        (change(Kind.ENABLE), status("name taken"), status("name taken").headline),
        (change(Kind.ROTATE_KEY), status("key refused"), status("key refused").headline),
        (change(Kind.ENABLE), status("connected", gateway_ready=False), "the gateway is not ready yet"),
        (change(Kind.DISABLE), status("connected"), status("connected").headline),
        (change(Kind.DISABLE), status("off", gateway_ready=None), "the gateway is not ready yet"),
        (
            change(Kind.HOSTNAME, "den"),
            status("connected"),
            "its name in the tailnet is still openclaw-home.example.ts.net",
        ),
        (change(Kind.ADDRESS, "address"), status("connected"), "its name is still shown"),
    ],
)
def test_something_is_missing(wanted: Change, seen: InstanceStatus, says: str) -> None:
    assert missing(wanted, seen) == says
