"""The tailscale stand-in's calls, as recorded from the official plugin, against a small server on loopback."""

import base64
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.plugins.provider import Host, ProviderError, Resource
from sandbox.plugins.tailscale.provider import Tailscale
from sandbox.plugins.values import UNKNOWN, Props
from tests.support.loopback_api import Api

KEY = "tailscale:index/tailnetKey:TailnetKey"
ACL = "tailscale:index/acl:Acl"
SETTINGS = "tailscale:index/tailnetSettings:TailnetSettings"
OAUTH = "tailscale:index/oauthClient:OauthClient"
FEDERATED = "tailscale:index/federatedIdentity:FederatedIdentity"
DNS = "tailscale:index/dnsPreferences:DnsPreferences"


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def provider(api: Api, **config: Any) -> Tailscale:
    plugin = Tailscale(Host())
    plugin.configure({"baseUrl": api.url, "apiKey": "tskey-api-x", **config})
    return plugin


def resource(type: str) -> Resource:
    return Resource("urn", type, "name")


def test_a_key_is_made_as_the_official_plugin_makes_it(api: Api) -> None:
    api.answers["POST tailnet/-/keys"] = 200, {"id": "k1", "key": "tskey-auth-k1", "created": "c", "expires": "e"}
    id, outputs = provider(api).create(
        resource(KEY), {"tags": ["tag:x"], "preauthorized": True, "description": "first"}
    )
    call, body, headers = api.calls[0]
    assert call == "POST tailnet/-/keys"
    assert body == {
        "capabilities": {
            "devices": {"create": {"reusable": False, "ephemeral": False, "tags": ["tag:x"], "preauthorized": True}}
        },
        "expirySeconds": 7776000,
        "description": "first",
    }
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"tskey-api-x:").decode()
    assert id == "k1"
    assert (outputs["key"], outputs["createdAt"], outputs["invalid"]) == ("tskey-auth-k1", "c", False)
    assert list(provider(api).secret_outputs(resource(KEY))) == [("key",)]


@pytest.mark.parametrize(
    ("answer", "invalid"),
    [((200, {"id": "k1"}), False), ((200, {"id": "k1", "invalid": True}), True), ((404, {"message": "gone"}), True)],
)
def test_a_refresh_sees_that_a_key_went_invalid_and_keeps_its_value(api: Api, answer: Any, invalid: bool) -> None:
    api.answers["GET tailnet/-/keys/k1"] = answer
    live = provider(api).read(resource(KEY), "k1", {"reusable": True}, {"key": "tskey-auth-k1", "invalid": False})
    assert live is not None
    assert live.inputs == {"reusable": True}
    assert (live.outputs["invalid"], live.outputs["key"]) == (invalid, "tskey-auth-k1")


@pytest.mark.parametrize(
    ("rule", "reusable", "replaces"),
    [("always", False, True), ("never", True, False), (None, True, True), (None, False, False), ("", True, True)],
)
def test_an_invalid_key_is_made_anew_by_its_rule(api: Api, rule: str | None, reusable: bool, replaces: bool) -> None:
    inputs: Props = {"reusable": reusable} | ({} if rule is None else {"recreateIfInvalid": rule})
    diff = provider(api).diff(resource(KEY), "k1", inputs, {**inputs, "invalid": True}, inputs)
    assert [change.text for change in diff.replace] == (["invalid"] if replaces else [])
    assert not provider(api).diff(resource(KEY), "k1", inputs, {**inputs, "invalid": False}, inputs).changes


def test_any_input_of_a_key_replaces_it_but_the_rule(api: Api) -> None:
    diff = provider(api).diff(
        resource(KEY), "k1", {"tags": ["tag:a"]}, {}, {"tags": ["tag:b"], "recreateIfInvalid": "always"}
    )
    assert [change.text for change in diff.changes] == ["recreateIfInvalid", "tags[0]"]
    assert [change.text for change in diff.replace] == ["tags[0]"]
    assert not diff.delete_before_replace


def test_a_preview_promises_no_key_and_calls_nobody(api: Api) -> None:
    preview = Resource("urn", KEY, "name", preview=True)
    _, outputs = provider(api).create(preview, {"reusable": True})
    assert outputs["key"] is UNKNOWN
    assert api.calls == []


def test_deleting_revokes_the_key_and_a_gone_one_is_fine(api: Api) -> None:
    api.answers["DELETE tailnet/-/keys/k1"] = 404, {"message": "not found"}
    provider(api).delete(resource(KEY), "k1", {})
    assert [call for call, _, _ in api.calls] == ["DELETE tailnet/-/keys/k1"]


def test_impossible_keys_fail_before_they_are_sent(api: Api) -> None:
    given = {"description": "x" * 51, "expiry": 7776001, "recreateIfInvalid": "maybe"}
    failures = provider(api).check(resource(KEY), {}, given, b"")[1]
    assert [failure.property for failure in failures] == ["description", "expiry", "recreateIfInvalid"]


def test_the_first_policy_is_written_only_over_the_default(api: Api) -> None:
    provider(api).create(resource(ACL), {"acl": "{}"})
    call, body, headers = api.calls[0]
    assert (call, body) == ("POST tailnet/-/acl", "{}")
    assert headers["If-Match"] == '"ts-default"'
    assert headers["Content-Type"] == "application/hujson"
    provider(api).create(resource(ACL), {"acl": "{}", "overwriteExistingContent": True})
    provider(api).update(resource(ACL), "acl", {"acl": "{}"}, {}, {"acl": "{}"})
    assert all("If-Match" not in headers for _, _, headers in api.calls[1:])


def test_a_policy_of_somebody_else_is_not_overwritten(api: Api) -> None:
    api.answers["POST tailnet/-/acl"] = 412, {"message": "precondition failed, invalid old hash"}
    with pytest.raises(ProviderError, match=r"overwriteExistingContent.*precondition failed"):
        provider(api).create(resource(ACL), {"acl": "{}"})


def test_a_refused_policy_says_which_test_failed(api: Api) -> None:
    details = [{"user": "bob@x", "errors": ["address want: Drop"]}]
    api.answers["POST tailnet/-/acl"] = 400, {"message": "test(s) failed", "data": details}
    with pytest.raises(ProviderError) as error:
        provider(api).update(resource(ACL), "acl", {}, {}, {"acl": "{}"})
    assert str(error.value) == "POST tailnet/-/acl: test(s) failed; bob@x: address want: Drop (400)"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('{ "a" : [1,], "b": "//x"}', True),
        ('{"b":"//x","a":[1]}', False),
        ('{"a":[1],"b":"//x"} // note', False),
        ("{", False),
    ],
)
def test_only_the_formatting_of_a_policy_is_no_change(api: Api, text: str, same: bool) -> None:
    old = {"acl": '{"a":[1],"b":"//x"}'}
    assert (not provider(api).diff(resource(ACL), "acl", old, old, {"acl": text}).changes) is same


def test_deleting_a_policy_resets_it_only_when_told(api: Api) -> None:
    provider(api).delete(resource(ACL), "acl", {"acl": "{}"})
    assert api.calls == []
    provider(api).delete(resource(ACL), "acl", {"acl": "{}", "resetAclOnDestroy": True})
    assert api.calls[0][:2] == ("POST tailnet/-/acl", "")


def test_settings_and_dns(api: Api) -> None:
    plugin = provider(api, tailnet="example.com")
    plugin.create(resource(SETTINGS), {"httpsEnabled": True})
    plugin.create(resource(DNS), {"magicDns": True})
    plugin.delete(resource(DNS), "dns_preferences", {})
    plugin.delete(resource(SETTINGS), "tailnet_settings", {})
    external = {"aclsExternallyManagedOn": None, "aclsExternalLink": None}
    assert [(call, body) for call, body, _ in api.calls] == [
        ("PATCH tailnet/example.com/settings", {**external, "httpsEnabled": True}),
        ("POST tailnet/example.com/dns/preferences", {"magicDNS": True}),
        ("POST tailnet/example.com/dns/preferences", {"magicDNS": False}),
    ]


def test_drift_of_settings_is_seen_in_what_was_set(api: Api) -> None:
    api.answers["GET tailnet/-/settings"] = 200, {"httpsEnabled": False, "devicesApprovalOn": True}
    live = provider(api).read(resource(SETTINGS), "tailnet_settings", {"httpsEnabled": True}, {})
    assert live is not None
    assert live.inputs == {"httpsEnabled": False}


def test_functions_read_the_policy_and_the_devices(api: Api) -> None:
    api.answers["GET tailnet/-/acl"] = 200, '{"grants": [], /* none */ }'
    devices = [{"name": "home.ts.net", "tags": ["tag:a"]}, {"name": "lab.ts.net"}]
    api.answers["GET tailnet/-/devices"] = 200, {"devices": devices}
    plugin = provider(api)
    policy = plugin.invoke("tailscale:index/getAcl:getAcl", {})
    assert policy == {"id": "acl", "hujson": '{"grants": [], /* none */ }', "json": '{"grants": []}'}
    for arguments in ({"namePrefix": "home"}, {"filters": [{"name": "tags", "values": ["tag:a"]}]}):
        listed = plugin.invoke("tailscale:index/getDevices:getDevices", arguments)
        assert listed["devices"] == devices[:1]


def test_an_unreachable_api_is_told_as_the_official_plugin_tells_it() -> None:
    said: list[tuple[str, str]] = []
    plugin = Tailscale(Host(log=lambda severity, urn, message: said.append((severity, message))))
    plugin.configure({"apiKey": "tskey-api-x", "baseUrl": "http://127.0.0.1:9"})
    with pytest.raises(ProviderError) as refused:
        plugin.invoke("tailscale:index/getAcl:getAcl", {})
    text = (
        'Failed to fetch ACL: Get "http://127.0.0.1:9/api/v2/tailnet/-/acl": '
        "dial tcp 127.0.0.1:9: connect: connection refused"
    )
    assert str(refused.value) == text
    assert said == [("error", text)]


def test_an_oauth_client_gets_one_token(api: Api) -> None:
    api.answers["POST oauth/token"] = 200, {"access_token": "t", "expires_in": 3600}
    plugin = provider(api, apiKey="", oauthClientId="id", oauthClientSecret="secret")
    plugin.invoke("tailscale:index/getDevices:getDevices", {})
    plugin.invoke("tailscale:index/getDevices:getDevices", {})
    assert [call for call, _, _ in api.calls] == ["POST oauth/token", *["GET tailnet/-/devices"] * 2]
    assert api.calls[0][1] == "grant_type=client_credentials&client_id=id&client_secret=secret"
    assert api.calls[1][2]["Authorization"] == "Bearer t"


def test_missing_credentials_are_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAILSCALE_API_KEY", raising=False)
    with pytest.raises(ProviderError, match="no credentials"):
        Tailscale(Host()).configure({"baseUrl": "http://127.0.0.1:1"})


def test_the_plugin_makes_changes_and_forgets_a_client(api: Api) -> None:
    api.answers["POST tailnet/-/keys"] = (
        200,
        {"id": "k1", "key": "tskey-client-k1-x", "created": "c", "updated": "u"},
    )
    api.answers["PUT tailnet/-/keys/k1"] = 200, {"id": "k1", "updated": "v"}
    api.answers["GET tailnet/-/keys/k1"] = 404, {"message": "gone"}
    plugin, inputs = provider(api), {"scopes": ["auth_keys"], "tags": ["tag:a"]}
    id, outputs = plugin.create(resource(OAUTH), inputs)
    assert (id, outputs["key"], outputs["createdAt"]) == ("k1", "tskey-client-k1-x", "c")
    assert list(plugin.secret_outputs(resource(OAUTH))) == [("key",)]
    changed = {**inputs, "tags": ["tag:b"]}
    diff = plugin.diff(resource(OAUTH), "k1", inputs, outputs, changed)
    assert (bool(diff.changes), diff.replace) == (True, [])
    updated = plugin.update(resource(OAUTH), "k1", inputs, outputs, changed)
    assert (updated["key"], updated["updatedAt"], updated["tags"]) == ("tskey-client-k1-x", "v", ["tag:b"])
    assert plugin.read(resource(OAUTH), "k1", inputs, outputs) is None
    plugin.delete(resource(OAUTH), "k1", outputs)
    assert [(call, body) for call, body, _ in api.calls] == [
        ("POST tailnet/-/keys", {"keyType": "client", **inputs}),
        ("PUT tailnet/-/keys/k1", {"keyType": "client", **changed}),
        ("GET tailnet/-/keys/k1", ""),
        ("DELETE tailnet/-/keys/k1", ""),
    ]


def test_the_plugin_tells_the_audience_that_the_api_made_up(api: Api) -> None:
    answer = {"id": "k1", "audience": "api.tailscale.com/k1", "issuer": "https://i", "subject": "s"}
    api.answers["POST tailnet/-/keys"] = api.answers["GET tailnet/-/keys/k1"] = 200, answer
    plugin = provider(api)
    inputs: Props = {"issuer": "https://i", "subject": "s", "scopes": ["auth_keys"], "tags": ["tag:a"]}
    _, outputs = plugin.create(resource(FEDERATED), inputs)
    assert (outputs["audience"], "key" in outputs) == ("api.tailscale.com/k1", False)
    # A second `up` sends no audience and changes nothing.
    assert not plugin.diff(resource(FEDERATED), "k1", inputs, outputs, inputs).changes
    live = plugin.read(resource(FEDERATED), "k1", inputs, outputs)
    assert live is not None
    assert "audience" not in live.inputs
    _, promised = plugin.create(Resource("urn", FEDERATED, "name", preview=True), inputs)
    assert promised["audience"] is UNKNOWN


def test_an_issuer_without_tls_fails_before_it_is_sent(api: Api) -> None:
    failures = provider(api).check(resource(FEDERATED), {}, {"issuer": "http://i", "description": "x" * 51}, b"")[1]
    assert [failure.property for failure in failures] == ["description", "issuer"]
