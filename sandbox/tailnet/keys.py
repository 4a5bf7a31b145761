"""Auth keys: /tailnet/T/keys. The keys themselves are headscale's; words and times about them are in the records."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from starlette.responses import Response

from sandbox.tailnet import trust_credentials
from sandbox.tailnet.api import ApiError, Body, Call, Tailnet, ok
from sandbox.tailnet.client import AuthKey
from sandbox.tailnet.policy import Policy
from sandbox.tailnet.records import KeyRecord, Records

MAX_SECONDS: Final = 7776000  # 90 days; also what 0 and no value mean
# A dead key is shown as invalid for this long, then it is unknown (404), as at the hosted API.
PURGE_AFTER: Final = timedelta(days=7)


class CreateDevices(Body):
    reusable: bool = False
    ephemeral: bool = False
    preauthorized: bool = False
    tags: list[str] | None = None


class Devices(Body):
    create: CreateDevices = CreateDevices()


class Capabilities(Body):
    devices: Devices = Devices()


class CreateKey(Body):
    key_type: Literal["", "auth"] = ""
    capabilities: Capabilities
    expiry_seconds: Annotated[int, Field(ge=0)] = 0
    description: Annotated[str, Field(max_length=50)] = ""


def create(call: Call) -> Response:
    if call.tags is None and trust_credentials.asked_for(call.content):
        return trust_credentials.create(call)
    body = call.body(CreateKey)
    if body.expiry_seconds > MAX_SECONDS:
        raise ApiError(400, f"expirySeconds must be less than or equal to {MAX_SECONDS}")
    device = body.capabilities.devices.create
    tags = sorted(set(device.tags or ()))
    if not tags:
        raise ApiError(400, "tags: the sandbox's API credential belongs to no person, so its keys must carry tags")
    _purge(call.tailnet)
    records = call.tailnet.records()
    declared = set[str]() if records.policy is None else Policy.parse(records.policy).tags
    permitted = declared if call.tags is None else declared & call.tags
    if unknown := [tag for tag in tags if tag not in permitted]:
        raise ApiError(400, f"requested tags [{' '.join(unknown)}] are invalid or not permitted")
    seconds = body.expiry_seconds or MAX_SECONDS
    expires = _now() + timedelta(seconds=seconds)
    key = call.tailnet.control.create_auth_key(
        expiration=expires, reusable=device.reusable, ephemeral=device.ephemeral, tags=tags
    )
    # headscale has no device approval: every key is as good as pre-authorized, and the flag is only given back.
    record = KeyRecord(
        description=body.description,
        preauthorized=device.preauthorized,
        expiry_seconds=seconds,
        expires=_text(expires),
    )
    records.keys[key.id] = record
    records.write(call.tailnet.home)
    return ok({**_view(key, record), "key": key.key})


def listing(call: Call) -> Response:
    records = call.tailnet.records()
    auth_keys = [_view(key, record) for key, record in _known(call.tailnet, records).values() if not _died(key, record)]
    return ok({"keys": auth_keys + [trust_credentials.view(name, record) for name, record in records.trust.items()]})


def read(call: Call) -> Response:
    if record := call.tailnet.records().trust.get(call.params["key"]):
        return ok(trust_credentials.view(call.params["key"], record))
    return ok(_view(*_one(call)))


def delete(call: Call) -> Response:
    if call.params["key"] in (records := call.tailnet.records()).trust:
        return trust_credentials.delete(call, records, call.params["key"])
    key, record = _one(call)
    if record.revoked is None:
        # Expired, not deleted: nodes that joined with it keep their link to it.
        call.tailnet.control.expire_auth_key(key.id)
        records = call.tailnet.records()
        records.keys[key.id] = record.model_copy(update={"revoked": _text(_now())})
        records.write(call.tailnet.home)
    return ok({})


def _purge(tailnet: Tailnet) -> None:
    """Forgets keys that died long ago."""
    records = tailnet.records()
    old: list[str] = []
    for key, record in _known(tailnet, records).values():
        died = _died(key, record)
        if died is not None and died < _now() - PURGE_AFTER:
            old.append(key.id)
    for key_id in old:
        tailnet.control.delete_auth_key(key_id)
        del records.keys[key_id]
    if old:
        records.write(tailnet.home)


def _one(call: Call) -> tuple[AuthKey, KeyRecord]:
    wanted = call.params["key"].removeprefix("k").removesuffix("CNTRL")
    entry = _known(call.tailnet, call.tailnet.records()).get(wanted)
    if entry is None:
        raise ApiError(404, "key not found")
    return entry


def _known(tailnet: Tailnet, records: Records) -> dict[str, tuple[AuthKey, KeyRecord]]:
    """Keys that this API made: headscale also holds those of people's devices."""
    return {key.id: (key, records.keys[key.id]) for key in tailnet.control.auth_keys() if key.id in records.keys}


def _died(key: AuthKey, record: KeyRecord) -> datetime | None:
    """None while it is valid. headscale does not tell when a one-off key was used: its expiry stands for that."""
    if record.revoked is not None:
        return datetime.fromisoformat(record.revoked)
    expires = _expires(key, record)
    return expires if expires <= datetime.now(UTC) or (key.used and not key.reusable) else None


def _expires(key: AuthKey, record: KeyRecord) -> datetime:
    """As it was made, or earlier where an administrator has ended it in headscale itself."""
    at_creation = datetime.fromisoformat(record.expires)
    return min(at_creation, key.expiration) if key.expiration else at_creation


def _view(key: AuthKey, record: KeyRecord) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": f"k{key.id}CNTRL",
        "keyType": "auth",
        "created": _text(key.created_at or _now()),
        "expires": _text(_expires(key, record)),
        "expirySeconds": record.expiry_seconds,
        "description": record.description,
        "invalid": _died(key, record) is not None,
        "capabilities": {
            "devices": {
                "create": {
                    "reusable": key.reusable,
                    "ephemeral": key.ephemeral,
                    "preauthorized": record.preauthorized,
                    "tags": key.acl_tags,
                }
            }
        },
    }
    return view if record.revoked is None else {**view, "revoked": record.revoked}


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _text(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
