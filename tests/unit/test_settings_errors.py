"""Whatever is written into the configuration: never a traceback, and never a secret in the error (I4)."""

import contextlib
import string
from collections.abc import Callable
from typing import Any

import pytest
from configs import Raw, smallest, with_tailnet
from hypothesis import given, settings
from hypothesis import strategies as st

from components.settings import SettingsError
from components.settings.load import parse

# Where a secret belongs, and where somebody may put one by mistake: none may be repeated in the error.
SECRET_PLACES: dict[str, Callable[[str], Raw]] = {
    "apiKey": lambda secret: with_tailnet(apiKey=secret, oauthClientId="k"),
    "oauthClientSecret": lambda secret: with_tailnet(oauthClientSecret=secret),
    "apiKey as an object": lambda secret: with_tailnet(apiKey={"value": secret}),
    "apiKey in a list": lambda secret: with_tailnet(apiKey=[secret]),
    "tailnet": lambda secret: {**smallest(), "tailnet": secret},
    "authKey": lambda secret: smallest(tailscale={"authKey": secret}),
    "authKey.value as an object": lambda secret: smallest(tailscale={"authKey": {"value": {"secure": secret}}}),
    "authKey in a list": lambda secret: smallest(tailscale={"authKey": [secret]}),
    "authKey.rotation": lambda secret: smallest(tailscale={"authKey": {"rotation": secret}}),
    "oauth": lambda secret: smallest(tailscale={"oauth": secret}),
    "oauth.clientSecret as an object": lambda secret: smallest(tailscale={"oauth": {"clientSecret": {"a": secret}}}),
    "oauth.clientSecret": lambda secret: smallest(tailscale={"credential": "oauth", "oauth": {"clientSecret": secret}}),
    "oauth.rotation": lambda secret: smallest(tailscale={"credential": "oauth", "oauth": {"rotation": secret}}),
    "workloadIdentity.clientId": lambda secret: smallest(
        tailscale={"credential": "workloadIdentity", "workloadIdentity": {"clientId": secret + "?"}}
    ),
    "modelKeys": lambda secret: smallest(gateway={"modelKeys": secret}),
    "modelKeys in a list": lambda secret: smallest(gateway={"modelKeys": [secret]}),
    "modelKeys nested": lambda secret: smallest(gateway={"modelKeys": {"A": {"B": secret}}}),
    "modelKeys turned around": lambda secret: smallest(gateway={"modelKeys": {secret: "OPENAI_API_KEY"}}),
    "modelKeys with a bad name": lambda secret: smallest(gateway={"modelKeys": {"lower": secret}}),
    "modelKeysSecret": lambda secret: smallest(gateway={"modelKeysSecret": secret}),
    "auth": lambda secret: smallest(gateway={"auth": secret}),
    "gateway": lambda secret: smallest(gateway=secret),
    "instances": lambda secret: {**smallest(), "instances": secret},
    "an instance": lambda secret: {**smallest(), "instances": [secret]},
}


@pytest.mark.parametrize("place", SECRET_PLACES)
@given(
    text=st.text(string.ascii_letters + string.digits, min_size=20, max_size=60),
    prefix=st.sampled_from(["sk-proj-", "tskey-auth-", "hskey-auth-", "sk_", ""]),
)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_i4_no_secret_in_the_error(place: str, text: str, prefix: str) -> None:
    secret = f"{prefix}{text}Q1"
    with pytest.raises(SettingsError) as raised:
        parse(SECRET_PLACES[place](secret))
    assert secret not in str(raised.value)
    assert secret not in repr(raised.value.problems)
    assert text not in str(raised.value)


_KEYS = ["tailnet", "instances", "name", "id", "people", "tailscale", "gateway", "authKey", "modelKeys", "groups"]
_anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_KEYS), inner),
    max_leaves=12,
)


@given(_anything)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_whatever_is_written_there_is_no_traceback(value: Any) -> None:
    configs: list[Raw] = [{"tailnet": value, "instances": [value]}, smallest(gateway=value), {"instances": value}]
    for config in configs:
        with contextlib.suppress(SettingsError):
            parse(config)
