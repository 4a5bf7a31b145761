"""A plan as OpenAI's API puts it on the wire: chunks of a stream, a completion, an error. Pure but for the reply's time."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandbox.model.request import ChatRequest
from sandbox.model.script import Call, Event, Say

DONE: Final = b"data: [DONE]\n\n"
# No JSON, no event stream and no UTF-8.
NONSENSE: Final = b"<<< this is no answer of a model >>> \x00\xff\xfe\x80\n"
_KINDS: Final = {401: "invalid_request_error", 403: "permission_error", 429: "rate_limit_error"}


@dataclass(frozen=True)
class Reply:
    """What every chunk of one answer repeats. The id comes from the request, so the same request has the same."""

    id: str
    model: str
    created: int
    prompt_tokens: int

    @classmethod
    def to(cls, request: ChatRequest, body: bytes, created: int) -> "Reply":
        digest = hashlib.sha256(body).hexdigest()
        # A token is about four letters; nobody is billed by this.
        return cls(f"chatcmpl-{digest[:24]}", request.model, created, len(body) // 4)

    def call_id(self) -> str:
        """Of the answer's one tool call. A conversation grows, so none of its requests repeats one."""
        return f"call_{self.id.removeprefix('chatcmpl-')}"


def first(reply: Reply) -> bytes:
    return _chunk(reply, {"role": "assistant", "content": ""})


def text(reply: Reply, piece: str) -> bytes:
    return _chunk(reply, {"content": piece})


def call(reply: Reply, call: Call) -> Iterator[bytes]:
    """The name, then the arguments in two pieces, as they come from a model that is still writing them."""
    head = {"id": reply.call_id(), "type": "function", "function": {"name": call.tool, "arguments": ""}}
    yield _chunk(reply, {"tool_calls": [{"index": 0, **head}]})
    arguments = json.dumps(call.arguments)
    middle = len(arguments) // 2
    for piece in (arguments[:middle], arguments[middle:]):
        yield _chunk(reply, {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})


def last(reply: Reply, events: Sequence[Event], usage: bool) -> Iterator[bytes]:
    """The end of a stream: the reason, the usage where it was asked for, and the word that it is over."""
    yield _chunk(reply, {}, _reason(events))
    if usage:
        yield _data({**_head(reply, "chat.completion.chunk"), "choices": [], "usage": _usage(reply, events)})
    yield DONE


def completion(reply: Reply, events: Sequence[Event]) -> dict[str, Any]:
    """The whole answer at once."""
    said = "".join(event.text for event in events if isinstance(event, Say))
    calls = [
        {
            "id": reply.call_id(),
            "type": "function",
            "function": {"name": event.tool, "arguments": json.dumps(event.arguments)},
        }
        for event in events
        if isinstance(event, Call)
    ]
    message = {"role": "assistant", "content": said or None, **({"tool_calls": calls} if calls else {})}
    return {
        **_head(reply, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": _reason(events), "logprobs": None}],
        "usage": _usage(reply, events),
    }


def failure(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def failed(status: int) -> bytes:
    """An error within a stream that has begun: the status can no longer say it."""
    return _data(failure(status, scripted(status)))


def scripted(status: int) -> str:
    return f"The script said to fail with {status}"


def _chunk(reply: Reply, delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _data({**_head(reply, "chat.completion.chunk"), "choices": [choice]})


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    return {"id": reply.id, "object": kind, "created": reply.created, "model": reply.model}


def _data(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def _reason(events: Sequence[Event]) -> str:
    return "tool_calls" if any(isinstance(event, Call) for event in events) else "stop"


def _usage(reply: Reply, events: Sequence[Event]) -> dict[str, int]:
    letters = sum(
        len(event.text) if isinstance(event, Say) else len(json.dumps(event.arguments))
        for event in events
        if isinstance(event, Say | Call)
    )
    answer = letters // 4
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": answer,
        "total_tokens": reply.prompt_tokens + answer,
    }
