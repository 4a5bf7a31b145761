"""The policy: /tailnet/T/acl and /acl/validate.

Before anything is written the API answers the hosted default (allow all) and `If-Match: "ts-default"` succeeds, so
that a stack behaves as it would there; what headscale enforces until then, and after a reset, is deny all.
"""

import hashlib
import json
from typing import Any, Final, cast

from starlette.responses import JSONResponse, Response

from sandbox.tailnet.api import ApiError, Call, Tailnet, ok
from sandbox.tailnet.policy import Policy, PolicyEnforcer, PolicyRefused

DEFAULT: Final = """// The policy of a tailnet that nobody has written one for: everything may talk to everything.
{
\t"grants": [
\t\t{"src": ["*"], "dst": ["*"], "ip": ["*"]},
\t],
}
"""


def restore(tailnet: Tailnet) -> None:
    """Once per process, before the first call: headscale enforces what the records say, whatever happened before."""
    if not tailnet.restored:
        PolicyEnforcer(tailnet.control).restore(_current(tailnet))
        tailnet.restored = True


def read(call: Call) -> Response:
    return _answer(call, call.tailnet.records().policy)


def write(call: Call) -> Response:
    records = call.tailnet.records()
    _match(call.headers.get("if-match"), records.policy)
    text = _text(call)
    enforcer = PolicyEnforcer(call.tailnet.control)
    if text.strip() in ("", '""'):
        enforcer.reset()
        records.policy = None
    else:
        try:
            enforcer.apply(Policy.parse(text), _current(call.tailnet))
        except PolicyRefused as error:
            raise ApiError(400, error.message, error.data) from error
        records.policy = text
    records.write(call.tailnet.home)
    return _answer(call, records.policy)


def validate(call: Call) -> Response:
    """Always 200: an empty object, or what is wrong. A list is taken as tests to run on the policy as it stands."""
    current = _current(call.tailnet)
    try:
        text = _text(call)
        if text.lstrip().startswith("["):
            tests = json.loads(text)
            candidate = (current or Policy.parse(DEFAULT)).with_tests(cast("list[Any]", tests))
        else:
            candidate = Policy.parse(text)
        PolicyEnforcer(call.tailnet.control).check(candidate, current)
    except PolicyRefused as error:
        return ok(ApiError(200, error.message, error.data).body())
    except ValueError as error:
        return ok({"message": f"tests are not JSON: {error}"})
    return ok({})


def etag(text: str | None) -> str:
    return hashlib.sha256((DEFAULT if text is None else text).encode()).hexdigest()


def _current(tailnet: Tailnet) -> Policy | None:
    text = tailnet.records().policy
    return None if text is None else Policy.parse(text)


def _text(call: Call) -> str:
    try:
        return call.content.decode()
    except UnicodeDecodeError as error:
        raise ApiError(400, f"policy is not UTF-8: {error}") from error


def _match(condition: str | None, policy: str | None) -> None:
    wanted = (condition or "").strip().strip('"')
    if not wanted or wanted == etag(policy) or (wanted == "ts-default" and policy is None):
        return
    raise ApiError(412, "precondition failed, invalid old hash")


def _answer(call: Call, policy: str | None) -> Response:
    text = DEFAULT if policy is None else policy
    headers = {"ETag": f'"{etag(policy)}"'}
    if "application/json" in call.headers.get("accept", ""):
        return JSONResponse(Policy.parse(text).document, headers=headers)
    return Response(text, media_type="application/hujson", headers=headers)
