"""Who manages: by a link that works once and a cookie, or behind Serve by the Tailscale login."""

import hmac
import ipaddress
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, cast

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from addons.server import problems
from addons.server.problems import Problem, Shown
from addons.server.settings import Settings

# Where nobody has to be known: to become known, and what says nothing of the stack.
_LOGIN: Final = "/login"
_STATIC: Final = "/static/"
_TAILNET: Final = (ipaddress.ip_network("100.64.0.0/10"), ipaddress.ip_network("fd7a:115c:a1e0::/48"))
_VISITOR: Final = "addons.visitor"
# More browsers than anybody has; the oldest is forgotten.
_MOST_SESSIONS: Final = 100


@dataclass(frozen=True)
class Visitor:
    """Somebody who may manage. `address` is their device's in the tailnet, where the request came through it."""

    name: str
    how: str
    """How they are known, in words."""
    address: str = ""
    host: str = ""
    """The name under which this page was asked for."""
    may_leave: bool = True


class Sessions:
    """In memory: they end with the server. `announce` is told each new link, which logs one browser in, once."""

    def __init__(self, settings: Settings, announce: Callable[[str], None]) -> None:
        self.settings = settings
        # Cookies are shared by all ports of a host.
        self.cookie: Final = f"openclaw-addons-{settings.port}"
        self._announce = announce
        self._lock = threading.Lock()
        self._token = ""
        self._known: dict[str, str] = {}

    def offer(self) -> None:
        """A new link; the one before no longer works. The token is in the fragment, which browsers send to nobody."""
        self._token = secrets.token_urlsafe(32)
        self._announce(f"http://127.0.0.1:{self.settings.port}/login#token={self._token}")

    def enter(self, token: str) -> str | None:
        """The id of a new session for the token of the newest link; None for any other."""
        with self._lock:
            if not self._token or not hmac.compare_digest(token.encode(), self._token.encode()):
                return None
            session = secrets.token_urlsafe(32)
            while len(self._known) >= _MOST_SESSIONS:
                self._known.pop(next(iter(self._known)))
            self._known[session] = self.settings.user
            self.offer()
        return session

    def leave(self, request: Request) -> None:
        with self._lock:
            self._known.pop(request.cookies.get(self.cookie, ""), None)

    def visitor(self, request: Request) -> Visitor:
        """Raises Problem: 401 for a stranger, 403 for a Tailscale login that may not manage this stack."""
        host = request.headers.get("host", "").lower()
        if self.settings.behind_serve and host == self.settings.behind_serve.lower():
            return self._by_login(request, host)
        name = self._known.get(request.cookies.get(self.cookie, ""))
        if name is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "This browser is not known here.",
                "Open the link that the server printed last.",
            )
        return Visitor(name, "by a link of this machine", host=host)

    def _by_login(self, request: Request, host: str) -> Visitor:
        """Serve runs on this machine, and removes these headers from what it is sent before it sets them."""
        headers = request.headers
        login = headers.get("tailscale-user-login", "")
        if not _loopback(request.client.host if request.client else "") or not login:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "Tailscale names nobody for this device.",
                "Tagged devices have no login: use a person's.",
            )
        if login not in self.settings.logins:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "This Tailscale login may not manage this stack.",
                "Start the server with --login for it.",
            )
        forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return Visitor(login, "by Tailscale", forwarded if in_tailnet(forwarded) else "", host, may_leave=False)


def in_tailnet(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _TAILNET)


def _loopback(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


def visitor_of(request: Request) -> Visitor:
    return cast(Visitor, request.scope[_VISITOR])


class SignedIn:
    """Lets nobody past who is not known, whatever the route: one that forgets to ask is closed too."""

    def __init__(self, app: ASGIApp, sessions: Sessions, shown: Shown) -> None:
        self.app = app
        self.sessions = sessions
        self.shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == _LOGIN or scope["path"].startswith(_STATIC):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        try:
            scope[_VISITOR] = self.sessions.visitor(request)
        except Problem as problem:
            await problems.answer(request, problem, self.shown)(scope, receive, send)
            return
        await self.app(scope, receive, send)
