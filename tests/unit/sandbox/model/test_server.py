"""The model's server, asked over loopback: who is let in, how answers arrive, and that bad input ends in an error."""

import asyncio
import json
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from sandbox.model import wire
from sandbox.model.provider import MODEL
from sandbox.model.script import HELP, SLOW_PAUSE
from sandbox.model.server import BODY_MAX, application

KEY = "key-of-the-model"
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def client() -> Generator[httpx.Client]:
    """A client with the key, of a server that runs."""
    server = uvicorn.Server(uvicorn.Config(application(KEY), port=0, log_level="warning"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"}, timeout=20, trust_env=False
        ) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def body(text: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


def ask(client: httpx.Client, text: str, **more: Any) -> httpx.Response:
    return client.post(CHAT, json=body(text, **more))


def streamed(client: httpx.Client, text: str, **more: Any) -> Iterator[tuple[float, dict[str, Any]]]:
    """Each chunk, with the seconds at which it came; the stream must end as it should."""
    begin = time.monotonic()
    with client.stream("POST", CHAT, json=body(text, stream=True, **more)) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [(time.monotonic() - begin, line) for line in response.iter_lines() if line]
    assert lines.pop()[1] == "data: [DONE]"
    for seconds, line in lines:
        yield seconds, json.loads(line.removeprefix("data: "))


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}])
@pytest.mark.parametrize(("method", "path"), [("POST", CHAT), ("GET", "/v1/models")])
def test_without_the_key_nobody_is_answered(
    client: httpx.Client, header: dict[str, str], method: str, path: str
) -> None:
    with httpx.Client(base_url=client.base_url, headers=header, trust_env=False) as other:
        answer = other.request(method, path, json=body("say: no") if method == "POST" else None)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert "say" not in answer.text


def test_its_health_needs_no_key_and_tells_nothing(client: httpx.Client) -> None:
    with httpx.Client(base_url=client.base_url, trust_env=False) as other:
        assert other.get("/health").json() == {"status": "ok"}


def test_it_lists_its_model(client: httpx.Client) -> None:
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == [MODEL]


def test_a_whole_answer(client: httpx.Client) -> None:
    answer = ask(client, "hello").json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": HELP}
    assert answer["choices"][0]["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


def test_the_same_request_has_the_same_answer_but_for_its_time(client: httpx.Client) -> None:
    first, second = ask(client, "run: date").json(), ask(client, "run: date").json()
    assert abs(first.pop("created") - second.pop("created")) <= 20
    assert first == second
    assert first["id"] != ask(client, "run: id").json()["id"]


def test_a_stream_arrives_in_pieces(client: httpx.Client) -> None:
    came = list(streamed(client, "slow: 4 abcdefgh"))
    chunks = [chunk for _, chunk in came]
    assert [delta.get("content", "") for delta in deltas(chunks)] == ["", "ab", "cd", "ef", "gh", ""]
    assert deltas(chunks)[0]["role"] == "assistant"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 5 + ["stop"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    # Not all at the end: between the first and the last piece are three pauses.
    assert came[4][0] - came[1][0] > 2 * SLOW_PAUSE


def test_usage_comes_last_where_it_is_asked_for(client: httpx.Client) -> None:
    chunks = [chunk for _, chunk in streamed(client, "say: a b", stream_options={"include_usage": True})]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] >= 0
    assert all("usage" not in chunk for chunk in chunks[:-1])


def test_a_tool_call_is_streamed_as_name_and_arguments(client: httpx.Client) -> None:
    chunks = [chunk for _, chunk in streamed(client, "run on node-1: uname -n")]
    calls = [delta["tool_calls"][0] for delta in deltas(chunks) if "tool_calls" in delta]
    assert (calls[0]["type"], calls[0]["function"]) == ("function", {"name": "exec", "arguments": ""})
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert json.loads(arguments) == {"command": "uname -n", "host": "node", "node": "node-1"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    whole = ask(client, "run on node-1: uname -n").json()["choices"][0]
    assert whole["finish_reason"] == "tool_calls"
    assert json.loads(whole["message"]["tool_calls"][0]["function"]["arguments"]) == json.loads(arguments)
    assert whole["message"]["content"] is None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_it_fails_with_the_status_that_was_asked_for(client: httpx.Client, status: int, stream: bool) -> None:
    answer = ask(client, f"fail: {status}", stream=stream)
    assert answer.status_code == status
    assert answer.json()["error"]["message"] == f"The script said to fail with {status}"


def test_a_stream_that_has_begun_ends_with_the_error_and_without_done(client: httpx.Client) -> None:
    answer = ask(client, "say: a\nfail: 500", stream=True)
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if line]
    assert json.loads(lines[-1].removeprefix("data: "))["error"]["type"] == "server_error"
    assert ask(client, "say: a\nfail: 500").status_code == 500


@pytest.mark.parametrize("stream", [False, True])
def test_nonsense_is_neither_json_nor_a_stream(client: httpx.Client, stream: bool) -> None:
    answer = ask(client, "nonsense", stream=stream)
    assert (answer.status_code, answer.content) == (200, wire.NONSENSE)
    with pytest.raises(ValueError, match=r"codec|Expecting"):
        answer.json()
    assert ask(client, "say: a\nnonsense", stream=True).content.endswith(wire.NONSENSE)


@pytest.mark.parametrize("stream", [False, True])
def test_silence_is_silence(client: httpx.Client, stream: bool) -> None:
    begin = time.monotonic()
    with client.stream("POST", CHAT, json=body("hang: 0.5", stream=stream)) as response:
        # Not even a header before.
        assert time.monotonic() - begin >= 0.5
        response.read()
    with pytest.raises(httpx.ReadTimeout):
        client.post(CHAT, json=body("hang: 3", stream=stream), timeout=0.2)


def test_a_caller_who_goes_away_disturbs_nobody(client: httpx.Client) -> None:
    slow = body("slow: 100 " + "x" * 100, stream=True)
    with client.stream("POST", CHAT, json=slow) as response:
        next(response.iter_raw())
    assert ask(client, "say: here").json()["choices"][0]["message"]["content"] == "here"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"model": "scripted", "messages": []}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": 1}]}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"a":' * 100_000,
    ],
)
def test_a_bad_body_is_400(client: httpx.Client, content: bytes) -> None:
    answer = client.post(CHAT, content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_problem_is_named_with_its_place(client: httpx.Client) -> None:
    answer = client.post(CHAT, json={"model": MODEL, "messages": [{"content": "x"}]})
    assert answer.json()["error"]["message"] == "messages.0.role: Field required"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_refused_at_the_limit(client: httpx.Client, chunked: bool) -> None:
    huge = b"x" * (BODY_MAX + 1)
    answer = client.post(CHAT, content=iter([huge]) if chunked else huge)
    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == "the request is larger than 4 MiB"


def test_another_model_is_not_there(client: httpx.Client) -> None:
    answer = client.post(CHAT, json=body("hello") | {"model": "gpt-x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/x", 404), ("GET", CHAT, 405)])
def test_what_is_not_served_is_an_error_in_the_same_shape(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith("not served by the sandbox's model")
