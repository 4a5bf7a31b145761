"""Puts the server together: routes inside, then who is known, then what is heard at all."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from addons.console import Console
from addons.errors import AddonsError
from addons.server import api, events, page, problems
from addons.server.actions import Actions
from addons.server.events import BEAT, Changes
from addons.server.page import HERE, Pages
from addons.server.problems import Graceful, Problem
from addons.server.reports import Reports
from addons.server.security import Guard
from addons.server.session import Sessions, SignedIn
from addons.server.settings import Settings

# Bytes. The longest that is sent is a pasted key.
_LARGEST_BODY = 16_384


def create_app(
    console: Console, settings: Settings, announce: Callable[[str], None] = print, beat: float = BEAT
) -> FastAPI:
    """The server of one stack. `announce` is told each link that logs a browser in; the first at the start."""
    sessions = Sessions(settings, announce)
    reports = Reports(console)
    actions = Actions(console, reports)
    pages = Pages(console)
    changes = Changes(console, reports, beat)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        sessions.offer()
        following = asyncio.create_task(changes.follow())
        yield
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    # Its own pages of documentation load scripts from elsewhere.
    app = FastAPI(
        title="openclaw-tailnet addons",
        version="1",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.changes = changes
    app.include_router(api.router(actions))
    app.include_router(events.router(changes))
    app.include_router(page.login_router(sessions, pages))
    app.include_router(page.router(actions, pages))
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")

    async def explain(request: Request, error: Exception) -> Response:
        return problems.answer(request, error, pages.problem)

    for kind in (Problem, AddonsError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, explain)
    # The last that is added is the first that hears a request.
    app.add_middleware(Graceful, shown=pages.problem)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=_LARGEST_BODY)
    app.add_middleware(SignedIn, sessions=sessions, shown=pages.problem)
    app.add_middleware(Guard, settings=settings)
    return app
