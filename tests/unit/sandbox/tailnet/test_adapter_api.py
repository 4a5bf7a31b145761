"""The adapter's other calls: who is let in, keys and their lives, devices, settings, and errors as JSON."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.tailnet.client import HeadscaleError, User
from sandbox.tailnet.policy import PLACEHOLDER
from sandbox.tailnet.records import Credentials, Records
from tests.support.control_fake import BASE, KEY, Api, FakeControl


def _key(**changes: Any) -> dict[str, Any]:
    return {**KEY, **changes}


def _capabilities(**changes: Any) -> dict[str, Any]:
    return {"devices": {"create": {**KEY["capabilities"]["devices"]["create"], **changes}}}


def test_no_credential_or_a_wrong_one_is_401(api: Api) -> None:
    api.user = None
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic !"}, {"Authorization": "Basic eDo="}):
        answer = api.get(f"{BASE}/acl", headers=header)
        assert (answer.status_code, answer.json()) == (401, {"message": "API token invalid"})


def test_the_api_key_is_accepted_as_bearer(api: Api, tmp_path: Path) -> None:
    credentials = Credentials.read(tmp_path)
    assert credentials is not None
    api.user = None
    assert api.get(f"{BASE}/acl", headers={"Authorization": f"Bearer {credentials.api_key}"}).status_code == 200


@pytest.mark.parametrize("style", ["form", "basic"])
def test_an_oauth_client_gets_a_token_that_works_until_it_expires(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    credentials = Credentials.read(tmp_path)
    assert credentials is not None
    api.user = None
    pair = (credentials.oauth_client_id, credentials.oauth_client_secret)
    if style == "form":
        form = {"grant_type": "client_credentials", "client_id": pair[0], "client_secret": pair[1]}
        answer = api.post("/api/v2/oauth/token", data=form)
    else:
        basic = base64.b64encode(":".join(pair).encode()).decode()
        answer = api.post("/api/v2/oauth/token", headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert api.get(f"{BASE}/keys", headers=bearer).status_code == 200
    assert api.get(f"{BASE}/keys", headers={"Authorization": f"{bearer['Authorization']}0"}).status_code == 401
    later = datetime.now(UTC).timestamp() + 3601
    monkeypatch.setattr("sandbox.tailnet.adapter.time.time", lambda: later)
    assert api.get(f"{BASE}/keys", headers=bearer).status_code == 401


def test_a_wrong_oauth_secret_is_401(api: Api) -> None:
    answer = api.post("/api/v2/oauth/token", data={"client_id": "x", "client_secret": "y"})
    assert answer.status_code == 401


def test_before_setup_every_call_is_503(tmp_path: Path) -> None:
    client = Api.over(tmp_path, FakeControl(), set_up=False)
    for path in ("/health", f"{BASE}/acl"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (503, {"message": "the tailnet is not set up yet"})


def test_unknown_paths_tailnets_and_methods_are_json_errors(api: Api) -> None:
    assert (api.get(f"{BASE}/webhooks").status_code, api.delete(f"{BASE}/acl").status_code) == (404, 405)
    assert api.get(f"{BASE}/webhooks").json() == {"message": "not served by the sandbox's Tailscale API"}
    assert api.get("/api/v2/tailnet/other.example/acl").json() == {"message": "tailnet not found"}
    assert api.get("/api/v2/tailnet/sandbox.internal/acl").status_code == 200


def test_a_headscale_that_is_down_is_502(api: Api, control: FakeControl, monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> list[User]:
        raise HeadscaleError("no connection", reached=False)

    monkeypatch.setattr(control, "users", down)
    answer = api.get("/health")
    assert (answer.status_code, answer.json()) == (502, {"message": "headscale: no connection"})


def test_a_key_is_told_once_and_described_ever_after(api: Api) -> None:
    answer = api.post(f"{BASE}/keys", json=KEY)
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("key").startswith("hskey-auth-")
    assert body["capabilities"] == KEY["capabilities"]
    assert (body["description"], body["expirySeconds"], body["invalid"]) == ("first", 7776000, False)
    lifetime = datetime.fromisoformat(body["expires"]) - datetime.fromisoformat(body["created"])
    assert abs(lifetime - timedelta(days=90)) <= timedelta(seconds=1)
    assert api.get(f"{BASE}/keys/{body['id']}").json() == body
    assert api.get(f"{BASE}/keys").json() == {"keys": [body]}


def test_a_revoked_key_is_invalid_and_later_unknown(
    api: Api, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = api.post(f"{BASE}/keys", json=KEY).json()["id"]
    assert api.delete(f"{BASE}/keys/{key}").status_code == 200
    dead = api.get(f"{BASE}/keys/{key}")
    assert (dead.status_code, dead.json()["invalid"], "revoked" in dead.json()) == (200, True, True)
    assert api.get(f"{BASE}/keys").json() == {"keys": []}
    monkeypatch.setattr("sandbox.tailnet.keys.PURGE_AFTER", timedelta(seconds=-1))
    api.post(f"{BASE}/keys", json=KEY)
    gone = api.get(f"{BASE}/keys/{key}")
    assert (gone.status_code, gone.json()) == (404, {"message": "key not found"})
    assert len(control.auth_keys()) == 1


@pytest.mark.parametrize(("reusable", "invalid"), [(False, True), (True, False)])
def test_only_a_one_off_key_is_invalid_once_used(api: Api, control: FakeControl, reusable: bool, invalid: bool) -> None:
    key = api.post(f"{BASE}/keys", json=_key(capabilities=_capabilities(reusable=reusable))).json()["id"]
    control.use_auth_key(key.removeprefix("k").removesuffix("CNTRL"))
    assert api.get(f"{BASE}/keys/{key}").json()["invalid"] is invalid


def test_a_key_that_was_ended_in_headscale_itself_is_invalid(api: Api, control: FakeControl) -> None:
    key = api.post(f"{BASE}/keys", json=KEY).json()["id"]
    control.expire_auth_key(key.removeprefix("k").removesuffix("CNTRL"))
    assert api.get(f"{BASE}/keys/{key}").json()["invalid"] is True


def test_an_expired_key_is_invalid(api: Api, tmp_path: Path) -> None:
    key = api.post(f"{BASE}/keys", json=_key(expirySeconds=60)).json()["id"]
    records = Records.read(tmp_path)
    for record in records.keys.values():
        record.expires = "2020-01-01T00:00:00Z"
    records.write(tmp_path)
    assert api.get(f"{BASE}/keys/{key}").json()["invalid"] is True


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (_key(capabilities=_capabilities(tags=["tag:x"])), "requested tags [tag:x] are invalid or not permitted"),
        (_key(expirySeconds=7776001), "expirySeconds must be less than or equal to 7776000"),
        (_key(expiry=1), 'json: unknown field "expiry"'),
        (_key(description="x" * 51), "description: String should have at most 50 characters"),
        (_key(expirySeconds=-1), "expirySeconds: Input should be greater than or equal to 0"),
        (_key(keyType="api"), "keyType: Input should be '' or 'auth'"),
        (
            _key(capabilities=_capabilities(tags=None)),
            "tags: the sandbox's API credential belongs to no person, so its keys must carry tags",
        ),
    ],
)
def test_a_bad_key_request_is_400_and_makes_no_key(
    api: Api, control: FakeControl, body: dict[str, Any], message: str
) -> None:
    answer = api.post(f"{BASE}/keys", json=body)
    assert (answer.status_code, answer.json()) == (400, {"message": message})
    assert control.auth_keys() == []


def test_a_key_of_a_persons_device_is_not_the_apis(api: Api, control: FakeControl) -> None:
    key = control.create_auth_key(expiration=datetime.now(UTC), reusable=False, ephemeral=False, user="1")
    assert api.get(f"{BASE}/keys").json() == {"keys": []}
    assert api.get(f"{BASE}/keys/k{key.id}CNTRL").status_code == 404


def test_devices_are_listed_without_placeholders_and_found_by_either_id(api: Api, control: FakeControl) -> None:
    laptop = control.register_offline_node("alice@example.com", "laptop")
    hidden = control.register_offline_node("alice@example.com", f"{PLACEHOLDER}1")
    (device,) = api.get(f"{BASE}/devices").json()["devices"]
    assert (device["name"], device["hostname"], device["user"]) == (
        "laptop.sandbox.internal",
        "laptop",
        "alice@example.com",
    )
    assert api.get(f"/api/v2/device/{device['nodeId']}").json() == device
    assert api.get(f"/api/v2/device/{laptop.id}").json() == device
    assert api.get(f"/api/v2/device/{hidden.id}").json() == {"message": "no such device"}


def test_a_device_is_tagged_renamed_kept_expired_and_deleted(api: Api, control: FakeControl) -> None:
    path = f"/api/v2/device/{control.register_offline_node('alice@example.com', 'laptop').id}"
    control.register_offline_node("alice@example.com", "taken")
    assert api.post(f"{path}/tags", json={"tags": ["tag:gw"]}).status_code == 200
    assert api.post(f"{path}/tags", json={"tags": ["tag:no"]}).status_code == 400
    assert api.post(f"{path}/tags", json={"tags": []}).status_code == 400
    assert api.post(f"{path}/name", json={"name": "gate.sandbox.internal"}).status_code == 200
    assert api.post(f"{path}/name", json={"name": "taken"}).json() == {"message": "name is not unique"}
    assert api.post(f"{path}/key", json={"keyExpiryDisabled": False}).status_code == 200
    device = api.get(path).json()
    assert (device["tags"], device["name"], device["user"]) == (["tag:gw"], "gate.sandbox.internal", "tagged-devices")
    assert (device["keyExpiryDisabled"], "expires" in device) == (False, True)
    assert api.post(f"{path}/key", json={"keyExpiryDisabled": True}).status_code == 200
    assert api.get(path).json()["keyExpiryDisabled"] is True
    assert api.post(f"{path}/authorized", json={"authorized": True}).status_code == 200
    assert api.post(f"{path}/authorized", json={"authorized": False}).status_code == 400
    assert api.delete(path).status_code == 200
    assert api.get(path).status_code == 404


def test_settings_change_only_where_the_patch_has_a_value(api: Api) -> None:
    before = api.get(f"{BASE}/settings").json()
    patch = {"aclsExternallyManagedOn": None, "aclsExternalLink": None, "httpsEnabled": True}
    assert api.patch(f"{BASE}/settings", json=patch).json() == {**before, "httpsEnabled": True}
    assert api.get(f"{BASE}/settings").json()["httpsEnabled"] is True


@pytest.mark.parametrize(
    "patch", [{"devicesApprovalOn": True}, {"usersApprovalOn": True}, {"devicesKeyDurationDays": 181}, {"nope": 1}]
)
def test_a_setting_that_nothing_would_keep_is_400(api: Api, patch: dict[str, Any]) -> None:
    before = api.get(f"{BASE}/settings").json()
    assert api.patch(f"{BASE}/settings", json=patch).status_code == 400
    assert api.get(f"{BASE}/settings").json() == before


def test_dns_is_recorded(api: Api) -> None:
    assert api.post(f"{BASE}/dns/preferences", json={"magicDNS": False}).json() == {"magicDNS": False}
    assert api.get(f"{BASE}/dns/preferences").json() == {"magicDNS": False}
    assert api.post(f"{BASE}/dns/nameservers", json={"dns": ["1.1.1.1"]}).status_code == 200
    assert api.get(f"{BASE}/dns/nameservers").json() == {"dns": ["1.1.1.1"]}
    assert api.post(f"{BASE}/dns/nameservers", json={"dns": ["x"]}).status_code == 400


def test_nothing_secret_is_readable_by_others(api: Api, tmp_path: Path) -> None:
    api.post(f"{BASE}/keys", json=KEY)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {
        "adapter.json": "0o600",
        "credentials.json": "0o600",
    }
    assert "hskey-auth" not in (tmp_path / "adapter.json").read_text()
