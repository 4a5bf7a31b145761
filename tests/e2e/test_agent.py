"""The agent answers its people: by HTTP and by WebSocket, in pieces, and with a clear end when its model fails."""

import json
import re
import subprocess
import time

import pytest

from sandbox.node.devices import Device
from sandbox.node.openclaw_client import Refused
from sandbox.world import World
from tests.support.e2e_agent import ask_by_http, audited, completions, connected
from tests.support.e2e_world import HOME, LAB, Figures, Gateway, wait_answer, with_
from tests.support.engine_world import Stack
from tests.support.openclaw_client import Client

# Nobody answers: no such name, refused, no answer in time.
NOTHING = (6, 7, 28)
# Seconds that a turn with a deadline of its own may take.
DEADLINE = 10


def test_by_http_it_answers_whoever_has_the_token(
    home: Gateway, owner: Device, stranger: Device, figures: Figures
) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    for token in ("", "0" * 64):
        assert ask_by_http(owner, home, "say: hello", token).status == 401
    begin = time.monotonic()
    answer = ask_by_http(owner, home, "say: hello Alice", home.token())
    figures("an answer by HTTP", f"{time.monotonic() - begin:.1f} s")
    assert (answer.status, answer.text) == (200, "hello Alice")
    assert stranger.curl(*completions("say: hello", home.token()), home.chat, seconds=3).returncode in NOTHING


def test_a_stream_comes_in_pieces(home: Gateway, owner: Device) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    # The model sends five pieces, 0.2 s apart.
    ask = completions("slow: 5 one two three four five", home.token(), stream=True)
    curl = ("curl", "--silent", "--no-buffer", "--max-time", "60", *ask, home.chat)
    pieces: list[tuple[float, str]] = []
    with subprocess.Popen(owner.command(*curl), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("data: {"):
                delta = json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content")
                pieces += [(time.monotonic(), delta)] if delta else []
    assert "".join(text for _, text in pieces) == "one two three four five"
    assert len(pieces) >= 3, pieces
    assert pieces[-1][0] - pieces[0][0] > 0.4, pieces


def test_by_websocket_it_answers_a_client_that_was_approved(world: World, home: Gateway, owner: Device) -> None:
    url, token = f"ws://{home.hostname}", home.token()
    client = Client.named(world, owner, "chatting-laptop")
    with pytest.raises(Refused, match="PAIRING_REQUIRED"), client.session(url, token):
        pass
    with connected(client, home) as session:
        turn = session.ask("slow: 4 one two three four", "chatting")
        assert turn.answer() == "one two three four"
        deltas = [event for event in session.events if event["payload"].get("state") == "delta"]
        assert len(deltas) >= 2, session.events


def test_when_its_model_fails_the_person_is_told(world: World, home: Gateway, owner: Device, figures: Figures) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    refused = ask_by_http(owner, home, "fail: 400", home.token())
    assert refused.status == 400, refused
    assert "The script said to fail with 400" in refused.text
    figures("a model that answers 400, by HTTP", f"{refused.status} {refused.text}, {refused.seconds:.1f} s")
    with connected(Client.named(world, owner, "told-laptop"), home) as session:
        end = session.ask("fail: 400", "told").end()
        assert end["state"] == "error", end
        assert "LLM request failed" in end["errorMessage"], end
        figures("a model that answers 400, in a chat", end["errorMessage"])

        # What may pass is asked again for more than a minute: unless the turn has a deadline of its own, or its person stops it.
        begin = time.monotonic()
        end = session.ask("hang: 120", "told by nobody", timeoutMs=DEADLINE * 1000).end(DEADLINE + 30)
        assert (end["state"], end["errorKind"]) == ("error", "timeout"), end
        assert "Request timed out before a response was generated" in end["errorMessage"], end
        figures("a model that is silent, in a chat", f"{end['errorMessage']} {time.monotonic() - begin:.0f} s")
        begin = time.monotonic()
        turn = session.ask("nonsense", "told nonsense")
        session.call("chat.abort", sessionKey="told nonsense", runId=turn.run)
        assert turn.end(20)["state"] == "aborted"
        figures("a model that answers nonsense, stopped", f"{time.monotonic() - begin:.1f} s")
        # The next question is answered as ever.
        assert session.ask("say: well again", "told").answer() == "well again"


def test_a_command_runs_once_a_person_approved_it_and_not_before(
    world: World, home: Gateway, owner: Device, figures: Figures
) -> None:
    with connected(Client.named(world, owner, "approving-laptop"), home) as session:
        begin = time.monotonic()
        turn = session.ask("run: touch asked.txt", "approving")
        assert turn.approval()["command"] == "touch asked.txt"
        figures("a command is asked about after", f"{time.monotonic() - begin:.1f} s")
        assert _there(home, "asked.txt") is False
        turn.resolve("allow-once")
        turn.answer()
        assert _there(home, "asked.txt") is True

        turn = session.ask("run: touch denied.txt", "approving")
        turn.resolve("deny")
        assert "user-denied" in turn.answer()
        assert _there(home, "denied.txt") is False
    # Nobody is connected who could be asked.
    answer = ask_by_http(owner, home, "run: touch headless.txt", home.token())
    assert "cannot wait for interactive exec approval" in answer.text, answer
    assert _there(home, "headless.txt") is False
    # The ledger has all three, the newest first, and how they ended.
    ended = [entry["status"] for entry in audited(home, "tool_action") if entry["status"] != "started"]
    figures("openclaw audit", str(ended[:3]))
    assert ended[:3] == ["failed", "failed", "succeeded"], ended


def _there(home: Gateway, name: str) -> bool:
    return home.attempt("test", "-e", f"/home/node/.openclaw/workspace/{name}").returncode == 0


def test_sessions_and_answers_outlive_the_pod(
    world: World, home: Gateway, owner: Device, stack: Stack, figures: Figures
) -> None:
    """One new pod shows three things: what was said is there; read-only runs nothing; and the ledger explains a run."""
    client = Client.named(world, owner, "lasting-laptop")
    with connected(client, home) as session:
        session.ask("say: remember the tea", "lasting").answer()
    stack.up(with_(HOME, gateway={"permissions": "read-only", "auditIdentity": True}), LAB)
    home.wait_ready()
    wait_answer(owner, f"{home.url}/healthz")
    # Not paired again.
    with client.session(f"ws://{home.hostname}", home.token()) as session:
        assert "remember the tea" in json.dumps(session.call("chat.history", sessionKey="lasting", limit=20))
        assert session.ask("say: I remember", "lasting").answer() == "I remember"
        denied = session.ask("run: touch read-only.txt", "lasting").answer()
    assert "exec denied: host=gateway security=deny" in denied, denied
    assert _there(home, "read-only.txt") is False
    explained = home.openclaw("audit", "--run", audited(home, "agent_run")[0]["runId"], "--explain")
    figures("openclaw audit --explain", explained)
    # Without the setting all of it is "unsupported". A shared token names nobody: the person stays unknown.
    assert re.search(r"Trust domain \[present\]", explained), explained
    assert re.search(r"Invoker \[unknown\]", explained), explained
