"""The script: from the messages of a request to a plan of what the model does. Pure, so the same messages give the same plan."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, cast

from sandbox.model.request import Message

HANG_SECONDS_MAX: Final = 600
SLOW_DELTAS_MAX: Final = 200
# Long enough to be seen as pieces, short enough for a test.
SLOW_PAUSE: Final = 0.2
# The agent's tool that runs commands, on the gateway or on an execution node.
EXEC: Final = "exec"
HELP: Final = """\
I am the sandbox's scripted model, and I do what a line of your message says:
say: TEXT
slow: N TEXT (in N pieces)
run: COMMAND
run on NODE: COMMAND
use TOOL {"argument": "value"}
fail: STATUS
hang: SECONDS
nonsense"""

# OpenClaw's own words to the model, behind the person's or in a user message of their own that comes after it.
_CONTEXT: Final = re.compile(
    r"<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>.*?(?:<<<END_OPENCLAW_INTERNAL_CONTEXT>>>|\Z)", re.DOTALL
)
# One cue in a line; the rest of the line is its argument. Before it may stand whatever a channel puts there.
_CUE: Final = re.compile(
    r"""(?:^|(?<=\s))(?:
      say:\s*(?P<say>\S.*)
    | slow:\s*(?P<slow>.*)
    | run\ on\ (?P<node>[^\s:]+):\s*(?P<there>\S.*)
    | run:\s*(?P<run>\S.*)
    | use\ (?P<tool>[\w.-]+):?\s+(?P<json>\{.*)
    | fail:\s*(?P<fail>.*)
    | hang:\s*(?P<hang>.*)
    | (?P<nonsense>nonsense):?\s*$
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Say:
    """Text, in the pieces in which it is streamed, with a pause (seconds) between them."""

    pieces: tuple[str, ...]
    pause: float = 0.0

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True)
class Call:
    """A call of one of the agent's tools."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Fail:
    """An HTTP status with an error as OpenAI words it; an error within the stream when that has begun."""

    status: int


@dataclass(frozen=True)
class Hang:
    """Silence, in seconds; nothing at all is sent when it comes first."""

    seconds: float


@dataclass(frozen=True)
class Nonsense:
    """Bytes that are neither JSON nor an event stream; nothing comes after them."""


Event = Say | Call | Fail | Hang | Nonsense


def plan(messages: Sequence[Message]) -> tuple[Event, ...]:
    """Does what the cues say that were not answered yet, up to the next tool call that has no result.

    When every call has one and nothing more is said, the answer tells the results. After a failure the agent asks in words
    of its own ("Continue the current task ..."), so it is not the last message that counts but the last one with a cue.
    """
    begin = max((place + 1 for place, message in enumerate(messages) if _answers(message)), default=0)
    cued = [(place, events) for place in range(begin, len(messages)) if (events := tuple(_cues(messages[place])))]
    place, events = cued[-1] if cued else (begin, ())
    after = messages[place + 1 :]
    results = [message for message in after if message.role == "tool"]
    turns = _turns(events)
    turn = turns[min(len(results), len(turns) - 1)]
    if all(isinstance(event, Hang) for event in turn):
        return (*turn, _said(_told(results, after) if results else _idle(turn)))
    return turn


def _answers(message: Message) -> bool:
    """True for words of the model that called no tool: whatever was asked before them is over."""
    return message.role == "assistant" and not message.tool_calls and bool(message.text)


def _turns(events: Sequence[Event]) -> list[tuple[Event, ...]]:
    """The events of each answer: a tool call ends one, and its result begins the next."""
    turns: list[tuple[Event, ...]] = [()]
    for event in events:
        turns[-1] += (event,)
        if isinstance(event, Call):
            turns.append(())
    return turns


def _cues(message: Message) -> Iterator[Event]:
    """The cues in a person's message; there are none in the agent's own words."""
    words = _CONTEXT.sub("", message.text) if message.role == "user" else ""
    for line in words.splitlines():
        if cue := _CUE.search(line):
            yield _event(cue)


def _event(cue: re.Match[str]) -> Event:
    name, argument = str(cue.lastgroup), str(cue[str(cue.lastgroup)]).strip()
    match name:
        case "say":
            return _said(argument)
        case "slow":
            return _slow(argument)
        case "run":
            return Call(EXEC, {"command": argument})
        case "there":
            return Call(EXEC, {"command": argument, "host": "node", "node": cue["node"]})
        case "json":
            return _use(cue["tool"], argument)
        case "fail":
            return Fail(int(argument)) if re.fullmatch("[45][0-9]{2}", argument) else _unclear("fail", "fail: 503")
        case "hang":
            seconds = float(argument) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", argument) else HANG_SECONDS_MAX + 1
            return Hang(seconds) if seconds <= HANG_SECONDS_MAX else _unclear("hang", "hang: 5")
        case _:
            return Nonsense()


def _slow(argument: str) -> Say:
    count, _, text = argument.partition(" ")
    if re.fullmatch("[0-9]{1,3}", count) and 0 < int(count) <= SLOW_DELTAS_MAX and text:
        return Say(_pieces(text, int(count)), SLOW_PAUSE)
    return _unclear("slow", "slow: 5 one two three")


def _use(tool: str, argument: str) -> Event:
    try:
        # Begins with a brace, so it is an object.
        return Call(tool, cast(dict[str, Any], json.loads(argument)))
    except (ValueError, RecursionError):
        return _unclear("use", 'use read {"path": "a.txt"}')


def _unclear(cue: str, example: str) -> Say:
    return _said(f"I do not understand what stands after `{cue}`. Write it as in `{example}`.")


def _idle(turn: Sequence[Event]) -> str:
    silent = sum(event.seconds for event in turn if isinstance(event, Hang))
    return f"I was silent for {silent:g} seconds." if turn else HELP


def _told(results: Sequence[Message], after: Sequence[Message]) -> str:
    """The results in words, each with the tool that gave it."""
    tools = {call.id: call.function.name for message in after for call in message.tool_calls or ()}
    said: list[str] = []
    for result in results:
        tool = tools.get(result.tool_call_id or "", "tool")
        said.append(f"{'the command' if tool == EXEC else tool} answered: {result.text}")
    return "\n".join(said)


def _said(text: str) -> Say:
    """In as many pieces as it has words, and at least two."""
    return Say(_pieces(text, max(2, len(text.split()))))


def _pieces(text: str, count: int) -> tuple[str, ...]:
    """The text in so many pieces of about one size; fewer where it is shorter than that."""
    count = max(1, min(count, len(text)))
    cuts = [len(text) * number // count for number in range(count + 1)]
    return tuple(text[begin:end] for begin, end in pairwise(cuts))
