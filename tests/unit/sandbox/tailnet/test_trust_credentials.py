"""OAuth clients and federated identities in the sandbox: the adapter keeps them as the hosted API does."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.support.control_fake import BASE, KEY, Api

CLIENT: dict[str, Any] = {"keyType": "client", "scopes": ["auth_keys"], "tags": ["tag:gw"], "description": "gateway"}
IDENTITY: dict[str, Any] = {
    **CLIENT,
    "keyType": "federated",
    "issuer": "https://oidc.example.com/id/1",
    "subject": "system:serviceaccount:openclaw-home:default",
}


def nobody(api: Api) -> Api:
    return dataclasses.replace(api, user=None)


def token(api: Api, secret: str) -> dict[str, str]:
    """The header that tailscaled's client gets for a client's secret: it makes the id up (feature/oauthkey of tailscale)."""
    form = {"grant_type": "client_credentials", "client_id": "some-client-id", "client_secret": secret}
    answer = nobody(api).post("/api/v2/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_a_client_is_told_its_secret_once_and_mints_keys_for_its_tags_alone(api: Api, tmp_path: Path) -> None:
    client = api.post(f"{BASE}/keys", json=CLIENT).json()
    secret = client.pop("key")
    assert secret.startswith("tskey-client-")
    assert api.get(f"{BASE}/keys/{client['id']}").json() == client
    assert secret not in (tmp_path / "adapter.json").read_text()
    api = nobody(api)
    bearer = token(api, secret)
    assert api.post(f"{BASE}/keys", json=KEY, headers=bearer).json()["key"].startswith("hskey-auth-")
    other = {"capabilities": {"devices": {"create": {"tags": ["tag:other"]}}}}
    refused = api.post(f"{BASE}/keys", json=other, headers=bearer)
    assert refused.json() == {"message": "requested tags [tag:other] are invalid or not permitted"}
    for call in (api.get(f"{BASE}/acl", headers=bearer), api.get(f"{BASE}/devices", headers=bearer)):
        assert call.status_code == 403


def test_a_deleted_client_is_nobody_at_once(api: Api) -> None:
    client = api.post(f"{BASE}/keys", json=CLIENT).json()
    bearer = token(api, client["key"])
    assert api.delete(f"{BASE}/keys/{client['id']}").status_code == 200
    assert api.get(f"{BASE}/keys/{client['id']}").status_code == 404
    api = nobody(api)
    assert api.post(f"{BASE}/keys", json=KEY, headers=bearer).status_code == 401
    assert api.post("/api/v2/oauth/token", data={"client_secret": client["key"]}).status_code == 401


def test_an_identity_gets_an_audience_of_its_own_and_can_be_changed(api: Api) -> None:
    identity = api.post(f"{BASE}/keys", json=IDENTITY).json()
    assert identity["audience"] == f"api.tailscale.com/{identity['id']}"
    changed = api("PUT", f"{BASE}/keys/{identity['id']}", json={**IDENTITY, "subject": "another"}).json()
    assert (changed["subject"], changed["audience"]) == ("another", identity["audience"])
    assert [key["id"] for key in api.get(f"{BASE}/keys").json()["keys"]] == [identity["id"]]
    assert api.post("/api/v2/oauth/token-exchange", data={"client_id": identity["id"]}).status_code == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({**CLIENT, "tags": []}, "tags are required for the scopes auth_keys and devices:core"),
        ({**CLIENT, "tags": ["tag:x"]}, "requested tags [tag:x] are invalid or not permitted"),
        (
            {**CLIENT, "issuer": "https://x"},
            "issuer, subject, audience, customClaimRules: only for a federated identity",
        ),
        ({**IDENTITY, "subject": None}, "issuer and subject are required"),
    ],
)
def test_a_bad_request_is_400_and_makes_nothing(api: Api, body: dict[str, Any], message: str) -> None:
    answer = api.post(f"{BASE}/keys", json=body)
    assert (answer.status_code, answer.json()) == (400, {"message": message})
    assert api.get(f"{BASE}/keys").json() == {"keys": []}
