"""Credentials that cannot work, or settings of them that would have no effect: one line each, with the mend."""

from typing import Any

import pytest

from tests.support.configs import Raw, smallest
from tests.support.settings import lines

AT = "instances[0].tailscale"
SECRET = "tskey-client-k1-x"


def joined_by(credential: str, tailnet: Raw | None = None, cluster: Raw | None = None, **sidecar: Any) -> Raw:
    """The smallest configuration with this credential."""
    return {
        **smallest(tailscale={"credential": credential, **sidecar}),
        "tailnet": {"name": "example.ts.net", **(tailnet or {})},
        "cluster": cluster or {},
    }


EXTERNAL: Raw = {"ownership": "external"}
CASES: dict[str, tuple[Raw, str]] = {
    "settings of another form": (
        joined_by("oauth", authKey={"reusable": False}),
        f'{AT}.authKey has no effect with credential "oauth". Remove it, or choose "authKey".',
    ),
    "an OAuth client without saying so": (
        smallest(tailscale={"oauth": {"clientSecret": SECRET}}),
        f'{AT}.oauth has no effect with credential "authKey". Remove it, or choose "oauth".',
    ),
    "an OAuth client's secret as a key": (
        smallest(tailscale={"authKey": {"value": SECRET}}),
        f'{AT}.authKey.value is an OAuth client\'s secret. Use credential "oauth" and oauth.clientSecret.',
    ),
    "a key as an OAuth client's secret": (
        joined_by("oauth", oauth={"clientSecret": "tskey-auth-k1-x"}),
        f"{AT}.oauth.clientSecret is not an OAuth client's secret, which begins with tskey-client- and contains no ?. "
        "Set one.",
    ),
    "words of one's own on the secret": (
        joined_by("oauth", oauth={"clientSecret": SECRET + "?ephemeral=true"}),
        f"{AT}.oauth.clientSecret is not an OAuth client's secret, which begins with tskey-client- and contains no ?. "
        "Set one.",
    ),
    "rotation of a given client": (
        joined_by("oauth", oauth={"clientSecret": SECRET, "rotation": "again"}),
        f"{AT}.oauth.rotation applies to clients that the stack creates; to rotate your own, set a new secret. Remove it.",
    ),
    "no client for an external tailnet": (
        joined_by("oauth", tailnet=EXTERNAL),
        f'{AT}.oauth.clientSecret is missing: with tailnet.ownership "external" no client is created. '
        f"Set it: pulumi config set --secret --path '{AT}.oauth.clientSecret'.",
    ),
    "an OAuth client of another control server": (
        joined_by("oauth", tailnet={"loginServer": "https://headscale.example.com"}),
        f'{AT}.credential "oauth" would ask Tailscale for a key of another control server. Set tailnet.apiUrl to the API '
        'that belongs to tailnet.loginServer, or use "authKey".',
    ),
    "no identity for an external tailnet": (
        joined_by("workloadIdentity", tailnet=EXTERNAL),
        f'{AT}.workloadIdentity.clientId is missing: with tailnet.ownership "external" no identity is created. '
        "Create one and set it.",
    ),
    "no issuer": (
        joined_by("workloadIdentity"),
        f"cluster.issuer is missing: {AT}.workloadIdentity needs it. "
        "Copy the issuer of `kubectl get --raw /.well-known/openid-configuration`.",
    ),
    "an issuer that nobody else reaches": (
        joined_by("workloadIdentity", cluster={"issuer": "http://10.0.0.1"}),
        "cluster.issuer is not an issuer's URL. Copy the issuer of "
        "`kubectl get --raw /.well-known/openid-configuration`: it must be https and public.",
    ),
    "a schedule for a given key": (
        smallest(tailscale={"authKey": {"value": "tskey-auth-x", "rotateDays": 30}}),
        f"{AT}.authKey.rotateDays applies to minted keys only; to rotate your own key, set a new value. Remove it.",
    ),
    "a rotation word for a given key": (
        smallest(tailscale={"authKey": {"value": "tskey-auth-x", "rotation": "again"}}),
        f"{AT}.authKey.rotation applies to minted keys only; to rotate your own key, set a new value. Remove it.",
    ),
    "a schedule after the end": (
        smallest(tailscale={"authKey": {"expiryDays": 30, "rotateDays": 30}}),
        f'{AT}.authKey.rotateDays "30" is not shorter than the key\'s lifetime of 30 days. Lower it, and leave time to '
        "run `pulumi up` before the key expires.",
    ),
    "an ephemeral device that is remembered": (
        smallest(tailscale={"authKey": {"ephemeral": True}}),
        f"{AT}.authKey.ephemeral removes the device from the tailnet, while storage.retain keeps its identity. "
        "Remove it, or set storage.retain to false.",
    ),
    "an ephemeral device that cannot come back": (
        smallest(tailscale={"authKey": {"ephemeral": True, "reusable": False}}, storage={"retain": False}),
        f"{AT}.authKey.ephemeral needs a reusable key: the device joins anew after each absence. "
        "Remove one of the two.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_clear_line(name: str) -> None:
    config, line = CASES[name]
    assert lines(config) == [line]
