"""The model's server: who may ask, how much they may send, and the plan played with its pauses."""

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Final

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.model import wire
from sandbox.model.provider import MODEL
from sandbox.model.request import ChatRequest
from sandbox.model.script import Call, Event, Fail, Hang, Nonsense, Say, plan

# An agent's first request has 54 kB, and its context 64,000 tokens.
BODY_MAX: Final = 4 << 20
_STREAM: Final = "text/event-stream"
_log: Final = logging.getLogger("uvicorn.error")


def application(key: str) -> Starlette:
    """OpenAI's API for whoever has the key. `/health` needs none and tells nothing."""

    async def completions(request: Request) -> Response:
        _admit(request, key)
        body = await _body(request)
        try:
            asked = ChatRequest.model_validate_json(body)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise HTTPException(400, f"{where}: {problem['msg']}" if where else problem["msg"]) from error
        if asked.model != MODEL:
            answer = wire.failure(404, f"The model `{asked.model}` does not exist", "model_not_found")
            return JSONResponse(answer, 404)
        events = plan(asked.messages)
        _log.info("%d messages: %s", len(asked.messages), ", ".join(map(_named, events)))
        return await _answer(asked, events, wire.Reply.to(asked, body, int(time.time())))

    async def models(request: Request) -> Response:
        _admit(request, key)
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "sandbox"}
        return JSONResponse({"object": "list", "data": [model]})

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    routes = [
        Route("/v1/chat/completions", completions, methods=["POST"]),
        Route("/v1/models", models),
        Route("/health", health),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refused})


async def _answer(asked: ChatRequest, events: Sequence[Event], reply: wire.Reply) -> Response:
    """The response, once it is known what it begins with."""
    # Nothing is sent as long as nothing but silence was asked for, not even a header.
    while isinstance(events[0], Hang):
        await asyncio.sleep(events[0].seconds)
        events = events[1:]
    if asked.stream and not isinstance(events[0], Fail | Nonsense):
        usage = asked.stream_options is not None and asked.stream_options.include_usage
        return StreamingResponse(_stream(events, reply, usage), media_type=_STREAM)
    for event in events:
        match event:
            case Fail(status):
                return JSONResponse(wire.failure(status, wire.scripted(status)), status)
            case Nonsense():
                return Response(wire.NONSENSE, media_type=_STREAM if asked.stream else "application/json")
            case Hang(seconds):
                await asyncio.sleep(seconds)
            case Say(pieces, pause):
                await asyncio.sleep(pause * (len(pieces) - 1))
            case Call():
                pass
    return JSONResponse(wire.completion(reply, events))


async def _stream(events: Sequence[Event], reply: wire.Reply, usage: bool) -> AsyncIterator[bytes]:
    yield wire.first(reply)
    for event in events:
        match event:
            case Say(pieces, pause):
                for number, piece in enumerate(pieces):
                    await asyncio.sleep(pause if number else 0)
                    yield wire.text(reply, piece)
            case Call():
                for chunk in wire.call(reply, event):
                    yield chunk
            case Hang(seconds):
                await asyncio.sleep(seconds)
            case Fail(status):
                yield wire.failed(status)
                return
            case Nonsense():
                yield wire.NONSENSE
                return
    for chunk in wire.last(reply, events, usage):
        yield chunk


async def _body(request: Request) -> bytes:
    """The body, which is never held beyond the limit."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > BODY_MAX:
                raise HTTPException(413, f"the request is larger than {BODY_MAX >> 20} MiB")
    except ClientDisconnect as error:
        raise HTTPException(400, "the request was not sent to its end") from error
    return bytes(body)


def _admit(request: Request, key: str) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), key.encode()):
        raise HTTPException(401, "Incorrect API key provided")


async def _refused(_: Request, error: Exception) -> Response:
    """Every error in the shape in which OpenAI's clients look for its message."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    said = error.detail if isinstance(error, HTTPException) else str(error)
    said = said if said != HTTPStatus(status).phrase else f"not served by the sandbox's model: {said}"
    return JSONResponse(wire.failure(status, said, "invalid_api_key" if status == 401 else None), status)


def _named(event: Event) -> str:
    """An event in the log: no text, which may be anybody's."""
    match event:
        case Call(tool):
            return f"call {tool}"
        case Fail(status):
            return f"fail {status}"
        case Hang(seconds):
            return f"hang {seconds:g}"
        case _:
            return type(event).__name__.lower()
