"""Trust credentials: OAuth clients and federated identities, under /tailnet/T/keys as at the hosted API.

Kept in the records, headscale knows neither. A client's secret buys access tokens that mint auth keys for its tags, and
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
from sandbox.tailnet.policy import Policy
from sandbox.tailnet.records import Records, TrustRecord

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
    """True when a request to make a key is for one of these."""
    try:
        return json.loads(content)["keyType"] in ("client", "federated")
    except (ValueError, KeyError, TypeError):
        return False


def create(call: Call) -> Response:
    records, name = call.tailnet.records(), f"k{secrets.token_hex(6)}CNTRL"
    body, now = _body(call, records), _now()
    records.trust[name] = record = _record(name, body, now)
    secret = {}
    if body.key_type == "client":
        secret = {"key": f"tskey-client-{name}-{secrets.token_urlsafe(24)}"}
        record.secret_sha256 = _digest(secret["key"])
    records.write(call.tailnet.home)
    return ok({**view(name, record), **secret})


def replace(call: Call) -> Response:
    """Everything but kind, secret and time of birth."""
    records, name = call.tailnet.records(), call.params["key"]
    old = records.trust.get(name)
    if old is None:
        raise ApiError(404, "key not found")
    body = _body(call, records)
    if body.key_type != old.key_type:
        raise ApiError(400, "keyType cannot be changed")
    if body.audience in (None, ""):
        body.audience = old.audience
    records.trust[name] = _record(name, body, _now()).model_copy(
        update={"created": old.created, "secret_sha256": old.secret_sha256}
    )
    records.write(call.tailnet.home)
    return ok(view(name, records.trust[name]))


def delete(call: Call, records: Records, name: str) -> Response:
    del records.trust[name]
    records.write(call.tailnet.home)
    return ok({})


def view(name: str, record: TrustRecord) -> dict[str, Any]:
    """As the API shows it: never with its secret."""
    return {"id": name, **record.model_dump(by_alias=True, exclude_none=True, exclude={"secret_sha256"})}


def client_of(secret: str, records: Records) -> str | None:
    """The client with this secret. Its id is not asked for: clients of tailscaled's send a made-up one."""
    for name, record in records.trust.items():
        if record.secret_sha256 and hmac.compare_digest(record.secret_sha256, _digest(secret)):
            return name
    return None


def _body(call: Call, records: Records) -> Trust:
    body = call.body(Trust)
    federated = (body.issuer, body.subject, body.audience, body.custom_claim_rules)
    if body.key_type == "client" and any(field is not None for field in federated):
        raise ApiError(400, "issuer, subject, audience, customClaimRules: only for a federated identity")
    if body.key_type == "federated" and not (body.issuer and body.subject):
        raise ApiError(400, "issuer and subject are required")
    if not body.tags and {"auth_keys", "devices:core"}.intersection(body.scopes):
        raise ApiError(400, "tags are required for the scopes auth_keys and devices:core")
    declared = set[str]() if records.policy is None else Policy.parse(records.policy).tags
    if unknown := [tag for tag in body.tags or () if tag not in declared]:
        raise ApiError(400, f"requested tags [{' '.join(unknown)}] are invalid or not permitted")
    return body


def _record(name: str, body: Trust, now: str) -> TrustRecord:
    record = TrustRecord(created=now, updated=now, **body.model_dump())
    if record.key_type == "federated":
        record.audience = record.audience or AUDIENCE_PREFIX + name
    return record


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
