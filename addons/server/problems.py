"""What went wrong, for a program (RFC 9457) and for a person. Nothing that was sent is repeated, and no traceback leaves."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final, cast

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from addons.errors import AddonsError
from components.unexpected import described, record

API: Final = "/api/"


class ProblemDocument(BaseModel):
    """`title` is the status in words, `detail` what is wrong, `hint` the next step."""

    title: str
    status: int
    detail: str
    hint: str = ""


class Problem(Exception):
    """An answer that is no success. Its words are for the person who asked."""

    def __init__(self, status: HTTPStatus, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.document = ProblemDocument(title=status.phrase, status=status, detail=detail, hint=hint)


Shown = Callable[[Request, ProblemDocument], Response]
"""Makes the page of a problem."""


def of(error: Exception) -> ProblemDocument:
    """The words for any exception."""
    match error:
        case Problem():
            return error.document
        case AddonsError():
            return Problem(HTTPStatus.CONFLICT, error.problem, error.hint).document
        case RequestValidationError():
            # The library's own words may quote what was sent, a pasted key among it.
            wrong = _places(error.errors())
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"Not as this API describes it: {wrong}").document
        case HTTPException():
            status = HTTPStatus(error.status_code)
            return Problem(status, _USUAL.get(status, status.phrase + ".")).document
        case _:
            file = record(error)
            return Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"The server failed unexpectedly: {described(error)}.",
                f"Details: {file}. Report it with these details; the server goes on.",
            ).document


_USUAL: Final = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not do that.",
}


def _places(errors: Sequence[Mapping[str, object]]) -> str:
    """The fields that are wrong, by the names that the API gives them; other keys are the sender's, and not repeated."""
    known = {"body", "path", "query", "instance", "kind", "value", "key", "limit", "after"}
    places: list[str] = []
    for error in errors:
        parts = cast("tuple[str | int, ...]", error.get("loc", ()))
        places.append(".".join(part if part in known else "<key>" for part in map(str, parts)) or "body")
    return ", ".join(sorted(set(places)))


def as_json(document: ProblemDocument, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        document.model_dump(), document.status, dict(headers or {}), media_type="application/problem+json"
    )


def answer(request: Request, error: Exception, shown: Shown) -> Response:
    """A document for programs, a page for people."""
    document = of(error)
    if isinstance(error, AddonsError) and request.method == "GET":
        # A source that cannot be read is no fault of the request's.
        document = Problem(HTTPStatus.SERVICE_UNAVAILABLE, error.problem, error.hint).document
    headers = _with_all_methods(request, (error.headers if isinstance(error, HTTPException) else None) or {})
    if request.url.path.startswith(API):
        return as_json(document, headers)
    response = shown(request, document)
    response.headers.update(headers)
    return response


def _with_all_methods(request: Request, headers: Mapping[str, str]) -> dict[str, str]:
    """Allow, of a method that is not there. Starlette names those of the address's first route alone."""
    if "Allow" not in headers:
        return dict(headers)
    paths: dict[str, dict[str, object]] = request.app.openapi()["paths"]
    here = [methods for path, methods in paths.items() if compile_path(path)[0].match(request.url.path)]
    described = {method.upper() for methods in here for method in methods}
    return {**headers, "Allow": ", ".join(sorted(described | set(headers["Allow"].split(", "))))}


class Graceful:
    """The innermost middleware: an exception that nobody expected becomes an answer. Starlette's own would print it, and it may
    quote what is secret."""

    def __init__(self, app: ASGIApp, shown: Shown) -> None:
        self.app = app
        self.shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if begun:
                record(error)
                return
            await answer(Request(scope), error, self.shown)(scope, receive, send)
