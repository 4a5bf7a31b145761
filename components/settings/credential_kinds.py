"""Tells the kind of a credential by its prefix: one of another kind is refused where only one of them works."""

from collections.abc import Iterator
from typing import Final

from components.settings.errors import Problem
from components.settings.urls import of_tailscale

CLIENT_PREFIX: Final = "tskey-client-"
_AUTH: Final = "an auth key"
_API: Final = "an API access token"
_CLIENT: Final = "an OAuth client's secret"
# https://tailscale.com/kb/1277/key-prefixes; headscale's are its own.
_KINDS: Final = {
    "tskey-auth-": _AUTH,
    "hskey-auth-": _AUTH,
    "tskey-api-": _API,
    "hskey-api-": _API,
    CLIENT_PREFIX: _CLIENT,
    "tskey-scim-": "a key for user provisioning",
    "tskey-webhook-": "a webhook's secret",
    "tskey-reusable-": "a key of an unknown kind",
    "hskey-authreq-": "a request to join",
    "nodekey:": "a device's own key",
    "discokey:": "a device's own key",
    "mkey:": "a device's own key",
    "privkey:": "a device's own key",
    "nlpub:": "a key of tailnet lock",
    "nlpriv:": "a key of tailnet lock",
    "tlpub:": "a key of tailnet lock",
}


def kind_of(value: str) -> str | None:
    """The kind of a credential of a tailnet, in words; None for everything else."""
    return next((kind for prefix, kind in _KINDS.items() if value.lower().startswith(prefix)), None)


def api_key(path: str, given: str, api_url: str | None) -> Iterator[Problem]:
    """Problems of what is to be an API access token."""
    kind = kind_of(given)
    if kind == _CLIENT:
        yield Problem(path, f"is {kind}. Set tailnet.oauthClientId and tailnet.oauthClientSecret instead.")
    elif kind not in (None, _API):
        yield Problem(path, f"is {kind}, not an API access token, which begins with tskey-api-. Set one.")
    elif api_url is None and not given.startswith("tskey-"):
        yield Problem(path, "is not an API access token of Tailscale's, which begins with tskey-api-. Set one.")


def client_secret(path: str, given: str, api_url: str | None) -> Iterator[Problem]:
    """Problems of what is to be the secret of an OAuth client; only a compatible API has others than Tailscale's."""
    kind = kind_of(given)
    if kind not in (None, _CLIENT) or (api_url is None and kind is None) or "?" in given:
        yield Problem(
            path, f"is not an OAuth client's secret, which begins with {CLIENT_PREFIX} and contains no ?. Set one."
        )


def auth_key(path: str, given: str, login_server: str | None, oauth: str = "") -> Iterator[Problem]:
    """Problems of what is to be an auth key of the tailnet. `oauth`: what to do with an OAuth client's secret."""
    kind, tailscale = kind_of(given), of_tailscale(login_server)
    if kind == _CLIENT:
        yield Problem(path, f"is {kind}. {oauth or 'Make an auth key, and set that.'}")
    elif kind not in (None, _AUTH):
        yield Problem(path, f"is {kind}, which cannot join a device. Create an auth key, and set that.")
    elif tailscale and given.startswith("hskey-"):
        yield Problem(
            path,
            "is a headscale key, but the tailnet is Tailscale's. Set tailnet.loginServer, or use a key of this tailnet.",
        )
    elif tailscale and not given.startswith("tskey-"):
        yield Problem(path, "is not an auth key, which begins with tskey-auth-. Copy it again.")
    elif not tailscale and given.startswith("tskey-"):
        yield Problem(
            path, "is a Tailscale key, but tailnet.loginServer is another control server. Create a key there."
        )


def model_key(path: str, given: str) -> Iterator[Problem]:
    """A problem where a model's key is a credential of the tailnet, which no agent may have."""
    if kind := kind_of(given):
        yield Problem(
            path, f"is {kind}: it gives access to the tailnet, and the agent could read it. Set the provider's key."
        )
