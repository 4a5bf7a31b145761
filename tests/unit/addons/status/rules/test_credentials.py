"""Five credentials apart, each with its end, and whether it is needed now."""

from datetime import timedelta
from typing import Any

import pytest

from addons.status.facts import Snapshot
from addons.status.model import Credential
from addons.status.readings import Source
from addons.status.rules import judge
from addons.status.rules.credentials import newest_key
from addons.status.rules.view import View
from tests.support import addons_snapshots as s
from tests.support.addons_snapshots import NOW, altered, well


def row(snapshot: Snapshot, kind: str) -> Credential:
    return next(one for one in judge(snapshot, NOW).credentials if one.kind == kind)


def found(snapshot: Snapshot) -> list[str]:
    return [one.rule for one in judge(snapshot, NOW).findings]


def ends(**left: float) -> Snapshot:
    return altered(well(), sidecar={"key_expiry": NOW + timedelta(**left)})


def test_there_are_five_in_every_status() -> None:
    for situation in s.SITUATIONS.values():
        kinds = [one.kind for one in judge(situation("home", NOW), NOW).credentials]
        assert kinds == ["auth key", "node key", "certificate", "API key", "gateway token"]


@pytest.mark.parametrize(
    ("left", "status", "rules"),
    [
        ({"days": 31}, "valid", []),
        ({"days": 30}, "expires soon", ["credential-ends-soon"]),
        ({"days": 7, "seconds": 1}, "expires soon", ["credential-ends-soon"]),
        ({"days": 7}, "expires soon", ["credential-ends"]),
        ({"seconds": -1}, "expired", ["node-key-expired"]),
    ],
)
def test_a_node_key_is_said_a_month_and_a_week_before_its_end(
    left: dict[str, float], status: str, rules: list[str]
) -> None:
    assert row(ends(**left), "node key").status == status
    assert found(ends(**left)) == rules


def test_a_node_key_of_a_tagged_device_never_ends() -> None:
    assert row(well(), "node key").status == "never expires"


def test_an_auth_key_is_not_needed_while_the_device_has_joined() -> None:
    key = row(well(), "auth key")
    assert (key.status, key.expires) == ("not needed now", NOW + timedelta(days=61))
    assert "if the tailnet volume is lost" in key.says


def test_an_auth_key_that_has_ended_is_worth_a_word_and_no_more() -> None:
    dead = altered(well(), control={"keys": (s.auth_key("home", NOW, expires=s.ago(NOW, 60)),)})
    assert row(dead, "auth key").status == "not needed now"
    assert found(dead) == ["auth-key-ended"]
    assert judge(dead, NOW).health == "healthy"


def test_an_auth_key_is_needed_while_the_device_has_not_joined() -> None:
    fields: dict[str, Any] = {"backend": "NeedsLogin", "online": False, "peers": ()}
    assert row(altered(well(), sidecar=fields), "auth key").status == "valid"
    dead = altered(well(), sidecar=fields, control={"keys": (s.auth_key("home", NOW, invalid=True),)})
    assert row(dead, "auth key").status == "expired"


def test_the_key_of_an_instance_is_found_by_its_tag_or_its_words() -> None:
    keys = (
        s.auth_key("home", NOW, invalid=True),
        s.auth_key("homely", NOW, expires=NOW + timedelta(days=80)),
        s.changed(s.auth_key("home", NOW), id="k2", description="openclaw home 2026-10-02", tags=()),
    )
    key = newest_key(View(altered(well(), control={"keys": keys}), NOW))
    assert key is not None
    assert key.id == "k2"


@pytest.mark.parametrize(
    ("declared", "kind", "status"),
    [
        ({"credential": "oauth"}, "auth key", "never expires"),
        ({"credential": "workloadIdentity"}, "auth key", "not used"),
        ({"reach": "http", "served_port": 80}, "certificate", "not used"),
        ({"auth": "identity"}, "gateway token", "not used"),
        ({"auth": "password"}, "gateway token", "never expires"),
    ],
)
def test_what_the_stack_does_not_use_is_not_used(declared: dict[str, Any], kind: str, status: str) -> None:
    assert row(altered(well(), declared=declared), kind).status == status


def test_a_certificate_that_is_not_renewed_is_said_in_its_last_week() -> None:
    late = altered(well(), sidecar={"certificate_expires": NOW + timedelta(days=5)})
    assert row(late, "certificate").status == "expires soon"
    assert found(late) == ["credential-ends"]
    early = altered(well(), sidecar={"certificate_expires": NOW + timedelta(days=20)})
    assert (row(early, "certificate").status, found(early)) == ("valid", [])


@pytest.mark.parametrize("kind", ["node key", "certificate"])
def test_what_was_not_read_is_unknown(kind: str) -> None:
    assert row(s.old(well(), 100, "sidecar"), kind).status == "unknown"


def test_the_api_key_is_as_the_api_took_it() -> None:
    assert row(well(), "API key").status == "valid"
    unread = s.unread(well(), Source.CONTROL, reason="401: the API key is invalid")
    assert row(unread, "API key").status == "unknown"
    assert "401" in row(unread, "API key").says
