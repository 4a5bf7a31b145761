"""Trust credentials: OAuth clients and federated identities, under /tailnet/T/keys as at the hosted API.

Kept in the notes, headscale knows neither. A client's secret buys access tokens that mint auth keys for its tags, and
nothing else. Federated identities are recorded and given back; their tokens are not exchanged: the issuer of a sandbox's
cluster is not public, so nothing here could check them honestly.
"""

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from starlette.responses import Response

from sandbox.tailnet.api import ApiError, Body, Call, ok
from sandbox.tailnet.notes import Notes, TrustNote
from sandbox.tailnet.policy import Policy

AUDIENCE_PREFIX: Final = "api.tailscale.com/"


class Trust(Body):
    """Both kinds: a field of the other kind is refused, as a field that nobody knows."""

    key_type: Literal["client", "federated"]
    scopes: Annotated[list[str], Field(min_length=1)]
    tags: list[str] | None = None
    description: Annotated[str, Field(max_length=50)] = ""
    issuer: Annotated[str, Field(pattern="^https://[^/]")] | None = None
    subject: Annotated[str, Field(min_length=1)] | None = None
    audience: str | None = None
    custom_claim_rules: dict[str, str] | None = None


def asked_for(content: bytes) -> bool:
    """Whether a request to make a key is for one of these."""
    try:
        return json.loads(content)["keyType"] in ("client", "federated")
    except (ValueError, KeyError, TypeError):
        return False


def create(call: Call) -> Response:
    notes, name = call.tailnet.notes(), f"k{secrets.token_hex(6)}CNTRL"
    body, now = _body(call, notes), _now()
    notes.trust[name] = note = _note(name, body, now)
    secret = {}
    if body.key_type == "client":
        secret = {"key": f"tskey-client-{name}-{secrets.token_urlsafe(24)}"}
        note.secret_sha256 = _digest(secret["key"])
    notes.write(call.tailnet.home)
    return ok({**view(name, note), **secret})


def replace(call: Call) -> Response:
    """Everything but kind, secret and time of birth."""
    notes, name = call.tailnet.notes(), call.params["key"]
    old = notes.trust.get(name)
    if old is None:
        raise ApiError(404, "key not found")
    body = _body(call, notes)
    if body.key_type != old.key_type:
        raise ApiError(400, "keyType cannot be changed")
    if body.audience in (None, ""):
        body.audience = old.audience
    notes.trust[name] = _note(name, body, _now()).model_copy(
        update={"created": old.created, "secret_sha256": old.secret_sha256}
    )
    notes.write(call.tailnet.home)
    return ok(view(name, notes.trust[name]))


def delete(call: Call, notes: Notes, name: str) -> Response:
    del notes.trust[name]
    notes.write(call.tailnet.home)
    return ok({})


def view(name: str, note: TrustNote) -> dict[str, Any]:
    """As the API shows it: never with its secret."""
    return {"id": name, **note.model_dump(by_alias=True, exclude_none=True, exclude={"secret_sha256"})}


def client_of(secret: str, notes: Notes) -> str | None:
    """The client with this secret. Its id is not asked for: clients of tailscaled's send a made-up one."""
    for name, note in notes.trust.items():
        if note.secret_sha256 and hmac.compare_digest(note.secret_sha256, _digest(secret)):
            return name
    return None


def _body(call: Call, notes: Notes) -> Trust:
    body = call.body(Trust)
    federated = (body.issuer, body.subject, body.audience, body.custom_claim_rules)
    if body.key_type == "client" and any(field is not None for field in federated):
        raise ApiError(400, "issuer, subject, audience, customClaimRules: only for a federated identity")
    if body.key_type == "federated" and not (body.issuer and body.subject):
        raise ApiError(400, "issuer and subject are required")
    if not body.tags and {"auth_keys", "devices:core"}.intersection(body.scopes):
        raise ApiError(400, "tags are required for the scopes auth_keys and devices:core")
    declared = set[str]() if notes.policy is None else Policy.parse(notes.policy).tags
    if unknown := [tag for tag in body.tags or () if tag not in declared]:
        raise ApiError(400, f"requested tags [{' '.join(unknown)}] are invalid or not permitted")
    return body


def _note(name: str, body: Trust, now: str) -> TrustNote:
    note = TrustNote(created=now, updated=now, **body.model_dump())
    if note.key_type == "federated":
        note.audience = note.audience or AUDIENCE_PREFIX + name
    return note


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
