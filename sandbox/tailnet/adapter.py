"""The adapter: the part of the hosted Tailscale API (v2) that the Pulumi provider uses, answered from headscale."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.tailnet import acl, devices, keys, settings, trust_credentials
from sandbox.tailnet.api import ApiError, Call, Tailnet
from sandbox.tailnet.client import HeadscaleError
from sandbox.tailnet.records import Credentials, Records

Handler = Callable[[Call], Response]

TOKEN_SECONDS: Final = 3600
HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("POST", "/tailnet/{tailnet}/keys"): keys.create,
    ("GET", "/tailnet/{tailnet}/keys"): keys.listing,
    ("GET", "/tailnet/{tailnet}/keys/{key}"): keys.read,
    ("PUT", "/tailnet/{tailnet}/keys/{key}"): trust_credentials.replace,
    ("DELETE", "/tailnet/{tailnet}/keys/{key}"): keys.delete,
    ("GET", "/tailnet/{tailnet}/acl"): acl.read,
    ("POST", "/tailnet/{tailnet}/acl"): acl.write,
    ("POST", "/tailnet/{tailnet}/acl/validate"): acl.validate,
    ("GET", "/tailnet/{tailnet}/devices"): devices.listing,
    ("GET", "/device/{device}"): devices.read,
    ("DELETE", "/device/{device}"): devices.delete,
    ("POST", "/device/{device}/authorized"): devices.authorize,
    ("POST", "/device/{device}/tags"): devices.tag,
    ("POST", "/device/{device}/key"): devices.key,
    ("POST", "/device/{device}/name"): devices.rename,
    ("POST", "/device/{device}/expire"): devices.expire,
    ("GET", "/tailnet/{tailnet}/settings"): settings.read,
    ("PATCH", "/tailnet/{tailnet}/settings"): settings.patch,
    ("GET", "/tailnet/{tailnet}/dns/preferences"): settings.read_preferences,
    ("POST", "/tailnet/{tailnet}/dns/preferences"): settings.write_preferences,
    ("GET", "/tailnet/{tailnet}/dns/nameservers"): settings.read_nameservers,
    ("POST", "/tailnet/{tailnet}/dns/nameservers"): settings.write_nameservers,
}


def application(tailnet: Tailnet) -> Starlette:
    """The API over one tailnet. Until `setup` has made credentials it answers 503."""

    def endpoint(handler: Handler) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            content = await request.body()
            return await run_in_threadpool(_serve, tailnet, handler, request, content)

        return answer

    async def health(_: Request) -> Response:
        def ask() -> Response:
            _credentials(tailnet)
            tailnet.control.users()
            return JSONResponse({"status": "ok"})

        return await run_in_threadpool(_guarded, ask)

    async def token(request: Request) -> Response:
        content = await request.body()
        return await run_in_threadpool(
            _guarded,
            lambda: _token(_credentials(tailnet), tailnet.records(), request.headers.get("authorization", ""), content),
        )

    routes = [
        Route(f"/api/v2{path}", endpoint(handler), methods=[method]) for (method, path), handler in HANDLERS.items()
    ]
    routes += [Route("/api/v2/oauth/token", token, methods=["POST"]), Route("/health", health)]
    return Starlette(routes=routes, exception_handlers={HTTPException: _not_served})


def _serve(tailnet: Tailnet, handler: Handler, request: Request, content: bytes) -> Response:
    def answer() -> Response:
        tags = _caller(request.headers.get("authorization", ""), _credentials(tailnet), tailnet.records())
        if tags is not None and handler is not keys.create:
            raise ApiError(403, "calling actor does not have enough permissions to perform this function")
        if request.path_params.get("tailnet", "-") not in ("-", tailnet.domain):
            raise ApiError(404, "tailnet not found")
        call = Call(tailnet, request.headers, request.path_params, content, tags)
        with tailnet.lock:
            acl.restore(tailnet)
            return handler(call)

    return _guarded(answer)


def _credentials(tailnet: Tailnet) -> Credentials:
    credentials = Credentials.read(tailnet.home)
    if credentials is None:
        raise ApiError(503, "the tailnet is not set up yet")
    return credentials


def _guarded(action: Callable[[], Response]) -> Response:
    try:
        return action()
    except ApiError as error:
        return error.response()
    except HeadscaleError as error:
        return ApiError(502, f"headscale: {error.message}").response()


async def _not_served(_: Request, error: Exception) -> Response:
    """404 and 405 as JSON: clients of the hosted API decode the body of every error."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return ApiError(status, "not served by the sandbox's Tailscale API" if status == 404 else str(error)).response()


def _caller(header: str, credentials: Credentials, records: Records) -> frozenset[str] | None:
    """The tags that an OAuth client is limited to; None for the API key and its like. ApiError 401 for anybody else.

    The secret is the API key as Basic user or as Bearer, or a token of `_token`.
    """
    basic = _basic(header)
    secret = header.removeprefix("Bearer ") if basic is None else basic[0]
    if hmac.compare_digest(secret.encode(), credentials.api_key.encode()):
        return None
    # Without a client it is one of the sandbox's own.
    expiry, _, rest = secret.removeprefix("tskey-access-").partition("-")
    client, _, signature = rest.rpartition("-")
    if (
        not expiry.isdecimal()
        or int(expiry) <= time.time()
        or not hmac.compare_digest(signature.encode(), _signature(f"{expiry}-{client}", credentials).encode())
        or (client and client not in records.trust)
    ):
        raise ApiError(401, "API token invalid")
    if not client:
        return None
    return frozenset(records.trust[client].tags or ()) if "auth_keys" in records.trust[client].scopes else frozenset()


def _token(credentials: Credentials, records: Records, header: str, content: bytes) -> Response:
    """Client credentials, in the form or as Basic (Go's client tries both). A token is what it says, signed: no state."""
    form = parse_qs(content.decode(errors="replace"))
    basic = _basic(header)
    user, secret = basic or (form.get("client_id", [""])[0], form.get("client_secret", [""])[0])
    client = trust_credentials.client_of(secret, records) or ""
    known = hmac.compare_digest(user.encode(), credentials.oauth_client_id.encode())
    if not client and not (hmac.compare_digest(secret.encode(), credentials.oauth_client_secret.encode()) and known):
        raise ApiError(401, "API token invalid")
    if form.get("grant_type", ["client_credentials"])[0] != "client_credentials":
        raise ApiError(400, "unsupported grant_type")
    text = f"{int(time.time()) + TOKEN_SECONDS}-{client}"
    token = f"tskey-access-{text}-{_signature(text, credentials)}"
    scope = " ".join(records.trust[client].scopes) if client else "all"
    return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": scope})


def _signature(text: str, credentials: Credentials) -> str:
    return hmac.new(credentials.oauth_client_secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _basic(header: str) -> tuple[str, str] | None:
    if not header.startswith("Basic "):
        return None
    try:
        user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return (user, password)
