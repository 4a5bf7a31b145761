"""The adapter's policy calls: preconditions, what is enforced, how tests come to a decision, and the errors."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.tailnet import hujson
from sandbox.tailnet.headscale import DENY_ALL
from sandbox.tailnet.policy import PLACEHOLDER
from tests.support.control_fake import Api, FakeControl

ACL = "/api/v2/tailnet/-/acl"
DEFAULT = {"If-Match": '"ts-default"'}
POLICY: dict[str, Any] = {
    "groups": {"group:users": ["alice@example.com"]},
    "tagOwners": {"tag:gw": []},
    "grants": [{"src": ["group:users"], "dst": ["tag:gw"], "ip": ["tcp:443"]}],
}
TESTED = {**POLICY, "tests": [{"src": "alice@example.com", "accept": ["tag:gw:443"], "deny": ["tag:gw:22"]}]}


@pytest.fixture
def control() -> FakeControl:
    return FakeControl("alice@example.com", "bob@example.com")


@pytest.fixture
def api(tmp_path: Path, control: FakeControl) -> Api:
    return Api.over(tmp_path, control)


def test_before_any_write_the_api_says_allow_all_and_headscale_denies_all(api: Api, control: FakeControl) -> None:
    answer = api.get(ACL)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/hujson")
    assert hujson.loads(answer.text) == {"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}
    assert control.live == DENY_ALL


def test_ts_default_guards_a_policy_that_somebody_wrote(api: Api) -> None:
    assert api.post(ACL, json=POLICY, headers=DEFAULT).status_code == 200
    again = api.post(ACL, json=POLICY, headers=DEFAULT)
    assert (again.status_code, again.json()) == (412, {"message": "precondition failed, invalid old hash"})


def test_a_write_with_the_etag_that_was_read_succeeds_once(api: Api) -> None:
    tag = api.get(ACL).headers["etag"]
    assert api.post(ACL, json=POLICY, headers={"If-Match": tag}).status_code == 200
    assert api.post(ACL, json=TESTED, headers={"If-Match": tag}).status_code == 412
    assert api.post(ACL, json=TESTED, headers={"If-Match": api.get(ACL).headers["etag"]}).status_code == 200


def test_the_text_comes_back_as_it_was_sent_and_as_json_when_asked(api: Api) -> None:
    text = "// ours\n" + json.dumps(POLICY).replace("[]}", "[],}")
    assert api.post(ACL, content=text).text == text
    assert api.get(ACL).text == text
    assert api.get(ACL, headers={"Accept": "application/json"}).json() == POLICY


@pytest.mark.parametrize("body", ["", '""'])
def test_an_empty_body_resets_to_the_default_and_closes(api: Api, control: FakeControl, body: str) -> None:
    api.post(ACL, json=POLICY)
    assert api.post(ACL, content=body).status_code == 200
    assert control.live == DENY_ALL
    assert api.post(ACL, json=POLICY, headers=DEFAULT).status_code == 200


def test_tests_are_decided_with_placeholders_that_are_gone_afterwards(api: Api, control: FakeControl) -> None:
    assert api.post(ACL, json=TESTED).status_code == 200
    assert [(node.name.startswith(PLACEHOLDER), node.user and node.user.name) for node in control.registered] == [
        (True, "alice@example.com"),
        (True, "policy-placeholders"),
    ]
    assert control.nodes() == []
    assert api.get("/api/v2/tailnet/-/devices").json() == {"devices": []}
    assert json.loads(control.live or "") == POLICY  # enforced without its tests


def test_no_placeholder_for_whoever_owns_a_device(api: Api, control: FakeControl) -> None:
    laptop = control.register_offline_node("alice@example.com", "laptop")
    control.registered.clear()
    api.post(ACL, json={**TESTED, "tests": [{"src": "alice@example.com", "accept": ["100.64.0.1:443"]}]})
    assert control.registered == []
    assert control.nodes() == [laptop]


def test_a_new_tag_is_declared_for_nobody_while_its_tests_run(api: Api, control: FakeControl) -> None:
    api.post(f"{ACL}/validate", json=TESTED)
    between = json.loads(control.history[-2])
    assert between == {"grants": [], "tagOwners": {"tag:gw": []}}
    assert control.live == DENY_ALL


def test_failed_tests_refuse_the_write_in_the_hosted_shape(api: Api, control: FakeControl) -> None:
    control.verdict = "test(s) failed:\nalice@example.com -> tag:gw:22 (tcp): expected DENIED, got ALLOWED"
    failed = {
        "message": "test(s) failed",
        "data": [{"user": "alice@example.com", "errors": ['address "tag:gw:22": want: Drop, got: Accept']}],
    }
    written = api.post(ACL, json=TESTED, headers=DEFAULT)
    assert (written.status_code, written.json()) == (400, failed)
    validated = api.post(f"{ACL}/validate", json=TESTED)
    assert (validated.status_code, validated.json()) == (200, failed)
    assert control.live == DENY_ALL
    assert control.nodes() == []


def test_validate_changes_nothing_and_says_nothing_when_all_is_well(api: Api) -> None:
    before = api.get(ACL).headers["etag"]
    answer = api.post(f"{ACL}/validate", json=TESTED)
    assert (answer.status_code, answer.json()) == (200, {})
    assert api.get(ACL).headers["etag"] == before


def test_a_list_is_run_as_tests_on_the_policy_as_it_stands(api: Api, control: FakeControl) -> None:
    api.post(ACL, json=POLICY)
    tests = [{"src": "bob@example.com", "deny": ["tag:gw:443"]}]
    assert api.post(f"{ACL}/validate", json=tests).json() == {}
    assert json.loads(control.checked[-1]) == {**POLICY, "tests": tests}


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_autogroups_that_headscale_lacks_are_refused_by_name(api: Api, role: str) -> None:
    answer = api.post(ACL, json={**POLICY, "tagOwners": {"tag:gw": [f"autogroup:{role}"]}})
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        f"autogroup:{role}: headscale has no such autogroup; "
        "name people, groups or tags instead (the hosted service would accept it)"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"grants": [}', "policy is not HuJSON: Expecting value: line 1 column 13 (char 12)"),
        ("[]", "policy is not HuJSON: a policy is one object in braces"),
        ('{"grants": [{"src": ["tag:no"], "dst": ["*"]}]}', 'src=tag not found: "tag:no"'),
    ],
)
def test_a_policy_that_cannot_be_read_is_400(api: Api, text: str, message: str) -> None:
    answer = api.post(ACL, content=text)
    assert (answer.status_code, answer.json()) == (400, {"message": message})


def test_a_start_cleans_up_a_crash_and_enforces_the_policy(tmp_path: Path, api: Api, control: FakeControl) -> None:
    api.post(ACL, json=POLICY)
    control.register_offline_node("alice@example.com", f"{PLACEHOLDER}left")
    control.live = json.dumps({"grants": [], "tagOwners": {"tag:other": []}})
    again = Api.over(tmp_path, control)
    assert again.get("/api/v2/tailnet/-/devices").json() == {"devices": []}
    assert control.nodes() == []
    assert json.loads(control.live) == POLICY


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_hujson_reads_every_json_document_as_json_does(document: object) -> None:
    assert hujson.loads(json.dumps(document, indent=1)) == document


def test_hujson_skips_comments_and_trailing_commas_but_not_inside_strings() -> None:
    text = '{ // one\n"a": "// no, /* no */ ,]", /* two\nlines */ "b": [1, 2, /* three */ ],\n}'
    assert hujson.loads(text) == {"a": "// no, /* no */ ,]", "b": [1, 2]}
