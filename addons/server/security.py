"""The outermost middleware: which requests are heard at all, and the headers of every answer."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from addons.server import problems
from addons.server.problems import Problem
from addons.server.settings import Settings

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Refuses hosts that are not ours, whatever comes from Funnel, and what another site's page sends."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.hosts = settings.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks WebSocket
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        try:
            refuse(scope["method"], Headers(scope=scope), self.hosts)
        except Problem as problem:
            document = problem.document
            if Request(scope).url.path.startswith(problems.API):
                answer = problems.as_json(document)
            else:
                answer = PlainTextResponse(f"{document.detail} {document.hint}\n", document.status)
            await answer(scope, receive, guarded)
            return
        await self.app(scope, receive, guarded)


def refuse(method: str, headers: Headers, hosts: frozenset[str]) -> None:
    """Raises Problem for a request that no page of ours and no program of the owner's sends.

    Loopback is open to every page in the owner's browser: for what changes something, the browser's own word on who sent it must
    say that we did. Sec-Fetch-Site is only sent to https and loopback; elsewhere Origin must be ours (as in Tailscale's
    client/web/web.go, csrfProtect).
    """
    host = headers.get("host", "").lower()
    if host not in hosts:
        raise Problem(
            HTTPStatus.MISDIRECTED_REQUEST, "This server does not answer at that name.", "Use the link that it printed."
        )
    if "tailscale-funnel-request" in headers:
        raise Problem(
            HTTPStatus.FORBIDDEN, "This server is not for the internet.", "Use `tailscale serve`, not Funnel."
        )
    site = headers.get("sec-fetch-site", "")
    if method in _SAFE:
        # Other sites may link here, and not embed or read.
        if site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate":
            raise Problem(HTTPStatus.FORBIDDEN, "Another site's page asked for this.")
        return
    origin = headers.get("origin", "")
    ours = site == "same-origin" if site else bool(origin) and urlsplit(origin).netloc.lower() == host
    if not ours:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "This did not come from a page of this server.",
            "A program sends the header `Sec-Fetch-Site: same-origin`, or `Origin`.",
        )
