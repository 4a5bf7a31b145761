"""The credential with which a sidecar joins: by a sealed key or client secret, or by a token of its own pod.

The arguments are containerboot's: it hands them to `tailscale up` (cmd/containerboot/settings.go, 1.94 and later).
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pulumi

from components.constants import VOLUME_AUTH_KEY, VOLUME_TOKEN
from components.pods import Volume, VolumeMount
from components.settings import CredentialForm

AUTH_KEY_PATH = "/run/tailnet-authkey"
AUTH_KEY_FILE = f"{AUTH_KEY_PATH}/authkey"
TOKEN_PATH = "/run/tailnet-token"
TOKEN_KEY = "token"
TOKEN_FILE = f"{TOKEN_PATH}/{TOKEN_KEY}"
# The shortest life that Kubernetes gives a token; the kubelet renews it in time.
TOKEN_SECONDS = 600

# A client mints a one-off key for each login. Without these words it would be for an ephemeral device without approval.
ATTRIBUTES = "ephemeral=false&preauthorized=true"


@dataclass(frozen=True)
class Federated:
    """A federated identity: who trusts the pod's token, and for whom the token is made out."""

    client_id: pulumi.Input[str]
    audience: pulumi.Input[str]


@dataclass(frozen=True)
class Credential:
    """One of the two is set. `secret`, a key or a client's secret, only ever leaves this program sealed."""

    secret: pulumi.Input[str] | None = None
    federated: Federated | None = None


def client_secret(secret: str, api_url: str | None) -> str:
    """An OAuth client's secret as `tailscale up` takes it, with what the keys that it mints are to be."""
    base = f"&baseURL={quote(api_url, safe=':/')}" if api_url else ""
    return f"{secret}?{ATTRIBUTES}{base}"


def variables(form: CredentialForm, client_id: pulumi.Input[str] | None) -> dict[str, pulumi.Input[str]]:
    """The sidecar's environment: files, so that no key is in an argument list or an environment."""
    match form:
        case "authKey":
            return {"TS_AUTHKEY": f"file:{AUTH_KEY_FILE}"}
        case "oauth":
            return {"TS_CLIENT_SECRET": f"file:{AUTH_KEY_FILE}"}
        case "workloadIdentity":
            # The id is public: it only says who is asked.
            return {
                "TS_CLIENT_ID": pulumi.Output.format("{}?{}", client_id, ATTRIBUTES),
                "TS_ID_TOKEN": f"file:{TOKEN_FILE}",
            }


def arguments(form: CredentialForm, tag: str) -> list[str]:
    """More arguments of `tailscale up`: an auth key brings its tag, the others must ask for it."""
    return [] if form == "authKey" else [f"--advertise-tags={tag}"]


def mount(form: CredentialForm) -> VolumeMount:
    """The mount through which the sidecar reads its credential."""
    name, path = (VOLUME_TOKEN, TOKEN_PATH) if form == "workloadIdentity" else (VOLUME_AUTH_KEY, AUTH_KEY_PATH)
    return {"name": name, "mountPath": path, "readOnly": True}


def token_volume(audience: Any) -> Volume:
    """A token that only the tailnet accepts: the Kubernetes API refuses one with another audience than its own (I5)."""
    token = {"audience": audience, "expirationSeconds": TOKEN_SECONDS, "path": TOKEN_KEY}
    return {
        "name": VOLUME_TOKEN,
        "projected": {"defaultMode": 0o440, "sources": [{"serviceAccountToken": token}]},
    }
