"""Devices: /tailnet/T/devices and /device/ID. All of it is headscale's; what headscale does not know is left out."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.responses import Response

from sandbox.tailnet.api import ApiError, Body, Call, Tailnet, ok
from sandbox.tailnet.client import HeadscaleError, Node
from sandbox.tailnet.policy import PLACEHOLDER

# As the hosted setting devicesKeyDurationDays has it by default.
KEY_LIFETIME: Final = timedelta(days=180)


class Authorized(Body):
    authorized: bool


class Tags(Body):
    tags: list[str] | None = None


class Key(Body):
    key_expiry_disabled: bool


class Name(Body):
    name: str


def listing(call: Call) -> Response:
    nodes = [node for node in call.tailnet.control.nodes() if not node.name.startswith(PLACEHOLDER)]
    return ok({"devices": [_view(node, call.tailnet) for node in nodes]})


def read(call: Call) -> Response:
    return ok(_view(_one(call), call.tailnet))


def delete(call: Call) -> Response:
    call.tailnet.control.delete_node(_one(call).id)
    return ok({})


def authorize(call: Call) -> Response:
    _one(call)
    if not call.body(Authorized).authorized:
        raise ApiError(400, "headscale has no device approval: a device cannot be unauthorized, only deleted")
    return ok({})


def tag(call: Call) -> Response:
    node, tags = _one(call), call.body(Tags).tags or []
    if not tags and not node.tags:
        return ok({})
    if not tags:
        raise ApiError(400, "headscale cannot take a device's last tag away")
    return _refusable(lambda: call.tailnet.control.tag_node(node.id, tags))


def key(call: Call) -> Response:
    node, forever = _one(call), call.body(Key).key_expiry_disabled
    call.tailnet.control.expire_node(node.id, None if forever else datetime.now(UTC) + KEY_LIFETIME)
    return ok({})


def expire(call: Call) -> Response:
    call.tailnet.control.expire_node(_one(call).id, datetime.now(UTC))
    return ok({})


def rename(call: Call) -> Response:
    node, name = _one(call), call.body(Name).name.removesuffix(f".{call.tailnet.domain}")
    if name.startswith(PLACEHOLDER):
        raise ApiError(400, f"{PLACEHOLDER}* is taken")
    # An empty name means: back to the hostname.
    return _refusable(lambda: call.tailnet.control.rename_node(node.id, name or node.name))


def _refusable(action: Any) -> Response:
    try:
        action()
    except HeadscaleError as error:
        if not error.reached:
            raise
        raise ApiError(400, error.message) from error
    return ok({})


def _one(call: Call) -> Node:
    wanted = call.params["device"].removeprefix("n").removesuffix("CNTRL")
    for node in call.tailnet.control.nodes():
        if node.id == wanted and not node.name.startswith(PLACEHOLDER):
            return node
    raise ApiError(404, "no such device")


def _view(node: Node, tailnet: Tailnet) -> dict[str, Any]:
    # headscale writes "never" as no expiry or as the zero time.
    expires = node.expiry if node.expiry and node.expiry.year > 1 else None
    view: dict[str, Any] = {
        "id": node.id,
        "nodeId": f"n{node.id}CNTRL",
        "name": f"{node.given_name}.{tailnet.domain}",
        "hostname": node.name,
        "addresses": node.ip_addresses,
        "user": "tagged-devices" if node.tags or node.user is None else node.user.login,
        "tags": node.tags,
        "authorized": True,
        "isExternal": False,
        "connectedToControl": node.online,
        "keyExpiryDisabled": expires is None,
        "created": _text(node.created_at),
        "lastSeen": _text(node.last_seen),
        "machineKey": node.machine_key,
        "nodeKey": node.node_key,
    }
    if expires is not None:
        view["expires"] = _text(expires)
    return view


def _text(when: datetime | None) -> str:
    return "" if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
