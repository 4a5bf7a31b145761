"""The credentials that devices join with: keys by their settings and by the calendar."""

import base64
from datetime import date, timedelta
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from components.credential import client_secret
from components.settings import AuthKey
from components.tailnet import credentials
from tests.support.configs import IDS, smallest
from tests.support.graph import Resource
from tests.support.harness import run_program

MONDAY = date(2026, 11, 2)


def minted(**auth_key: Any) -> Resource:
    return run_program(smallest(tailscale={"authKey": auth_key})).one("TailnetKey", "home-authkey")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {"reusable": True, "ephemeral": False, "expiry": 7776000, "recreateIfInvalid": "always"}),
        # A used one-off key reads as invalid: recreating it would change something at each `up`.
        ({"reusable": False, "expiryDays": 1}, {"reusable": False, "expiry": 86400, "recreateIfInvalid": "never"}),
    ],
)
def test_i11_a_key_is_what_the_settings_say(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    key = minted(**given)
    assert wanted.items() <= key.plain.items()
    assert (key.plain["preauthorized"], key.plain["tags"]) == (True, ["tag:openclaw-home"])


def on(day: date, monkeypatch: pytest.MonkeyPatch, **auth_key: Any) -> Resource:
    monkeypatch.setattr(credentials, "today", lambda: day)
    return minted(**auth_key)


def test_i11_a_key_with_a_schedule_changes_once_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [on(MONDAY + timedelta(days=n), monkeypatch, rotateDays=7).plain for n in range(15)]
    changes = [n for n in range(1, 15) if keys[n] != keys[n - 1]]
    assert len(changes) == 2
    assert changes[1] - changes[0] == 7
    # Of all that a key is made of, its words: the API mints another key for other words.
    assert {key for key in keys[0] if keys[0][key] != keys[-1][key]} == {"description"}


def test_i11_a_key_without_a_schedule_never_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on(MONDAY, monkeypatch).plain == on(MONDAY + timedelta(days=1000), monkeypatch).plain


@pytest.mark.parametrize("days", [1, 7, 60, 89])
def test_a_period_holds_the_day_and_starts_with_its_own_first_day(days: int) -> None:
    for number in range(200):
        day = MONDAY + timedelta(days=number)
        first = credentials.period("home", days, day)
        assert timedelta(0) <= day - first < timedelta(days=days)
        assert credentials.period("home", days, first) == first


def test_i10_not_all_gateways_restart_on_one_day() -> None:
    titles = [f"gateway-{number}" for number in range(20)]
    assert len({credentials.period(title, 60, MONDAY) for title in titles}) > 10


@pytest.mark.parametrize("title", IDS)
@pytest.mark.parametrize("word", ["", "x" * 16])
@pytest.mark.parametrize("days", [None, 60])
def test_the_words_of_a_key_fit_and_tell_rotations_apart(title: str, word: str, days: int | None) -> None:
    settings = AuthKey.model_validate({"rotation": word, "rotateDays": days})
    words = credentials.description(title, settings, MONDAY)
    assert len(words) <= 50  # the API's limit
    assert words.startswith(f"openclaw {title}"[:20])
    assert words.endswith(" ".join([word, credentials.period(title, 60, MONDAY).isoformat() if days else ""]).strip())


def sealed_text(**sidecar: Any) -> str:
    """The text that the init container of this sidecar will open."""
    graph = run_program(smallest(tailscale=sidecar))
    kek = graph.one("Secret", "home-tailnet-kek").plain["stringData"]["kek"]
    sealed = graph.one("Secret", "home-tailnet-authkey").plain["stringData"]["authkey.jwe"]
    opened = jwe.decrypt_compact(sealed, OctKey.import_key(base64.b64decode(kek)), algorithms=["dir", "A256GCM"])
    return (opened.plaintext or b"").decode()


def test_an_oauth_clients_secret_asks_for_a_device_that_stays() -> None:
    given = {"clientSecret": "tskey-client-k1-x"}
    # Left out, the words mean the contrary of what a gateway needs (feature/oauthkey of tailscale).
    assert sealed_text(credential="oauth", oauth=given) == "tskey-client-k1-x?ephemeral=false&preauthorized=true"
    assert sealed_text(credential="oauth").startswith("tskey-client-")


def test_an_oauth_client_of_a_compatible_api_is_used_there() -> None:
    assert client_secret("s", "http://127.0.0.1:9") == "s?ephemeral=false&preauthorized=true&baseURL=http://127.0.0.1:9"


def test_i10_a_new_rotation_word_makes_a_new_client_before_the_old_one_goes() -> None:
    def client(**oauth: Any) -> Resource:
        (resource,) = run_program(smallest(tailscale={"credential": "oauth", "oauth": oauth})).of("OauthClient")
        return resource

    # Another resource: the engine makes it first, and deletes the old one when the gateway has the new secret.
    assert client().urn != client(rotation="again").urn
    assert client().plain == client(rotation="again").plain
    assert client().plain["scopes"] == ["auth_keys"]


def test_an_identity_trusts_one_pod_of_one_cluster() -> None:
    issuer = "https://oidc.example.com/id/1"
    config = {**smallest(namespace="mine", tailscale={"credential": "workloadIdentity"}), "cluster": {"issuer": issuer}}
    graph = run_program(config)
    assert graph.one("FederatedIdentity", "home-identity").plain == {
        "description": "openclaw home",
        "issuer": issuer,
        "subject": "system:serviceaccount:mine:default",
        "scopes": ["auth_keys"],
        "tags": ["tag:openclaw-home"],
    }
    assert not [secret for secret in graph.of("Secret") if "tailnet" in secret.name], "nothing is stored"


def test_a_given_identity_needs_nothing_of_the_stack() -> None:
    sidecar = {"credential": "workloadIdentity", "workloadIdentity": {"clientId": "kT1CNTRL-k2CNTRL"}}
    graph = run_program({**smallest(tailscale=sidecar), "tailnet": {"name": "example.ts.net", "ownership": "external"}})
    assert not list(graph.of("FederatedIdentity"))
    pod = graph.one("Deployment", "home-gateway").plain["spec"]["template"]["spec"]
    (token,) = [volume for volume in pod["volumes"] if volume["name"] == "tailnet-token"]
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "api.tailscale.com/kT1CNTRL-k2CNTRL"


@pytest.mark.parametrize("credential", ["authKey", "oauth", "workloadIdentity"])
def test_a_form_that_headscale_refuses_is_warned_of(credential: str) -> None:
    tailnet = {"name": "example.ts.net", "loginServer": "https://hs.example.com", "apiUrl": "https://api.example.com"}
    config = {**smallest(tailscale={"credential": credential, "reach": "http"}), "tailnet": tailnet}
    warnings = [
        line for line in run_program({**config, "cluster": {"issuer": "https://i.example.com"}}).logs if "tag" in line
    ]
    refused = f"home: {credential} needs a control server that takes a key together with an advertised tag"
    assert [line.partition(";")[0] for line in warnings] == ([] if credential == "authKey" else [refused])
