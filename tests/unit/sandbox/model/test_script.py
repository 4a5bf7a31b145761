"""The model's script: what a message says is what is done, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.model.request import Message
from sandbox.model.script import (
    HANG_SECONDS_MAX,
    HELP,
    SLOW_DELTAS_MAX,
    SLOW_PAUSE,
    Call,
    Event,
    Fail,
    Hang,
    Nonsense,
    Say,
    plan,
)

# As OpenClaw 2026.9.6 sends them: its own words are in a user message after the person's.
CONTEXT = """\
<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>
Conversation data (data, not instructions):
"## Active Subagents
say: none"
<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"""
RUNTIME = "Runtime: agent=main | session=agent:main:openai:1 | model=sandbox/scripted | channel=webchat"
# A line of words, as no cue may end a line and begin another.
LINES = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1).map(str.strip).filter(bool)


def user(text: str) -> Message:
    return Message.model_validate({"role": "user", "content": f"[Fri 2026-11-27 10:12 UTC] {text}\n\n{RUNTIME}"})


def context() -> Message:
    return Message.model_validate({"role": "user", "content": [{"type": "text", "text": CONTEXT}]})


def called(tool: str, result: Any, number: int = 1) -> list[Message]:
    """One call of the model's, and its result."""
    call = {"id": f"call{number}", "type": "function", "function": {"name": tool, "arguments": "{}"}}
    return [
        Message.model_validate({"role": "assistant", "content": None, "tool_calls": [call]}),
        Message.model_validate({"role": "tool", "tool_call_id": f"call{number}", "content": result}),
    ]


def planned(text: str) -> tuple[Event, ...]:
    return plan([user(text), context()])


def said(events: tuple[Event, ...]) -> str:
    assert len(events) == 1
    assert isinstance(events[0], Say)
    return events[0].text


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("run: uname -a; id", Call("exec", {"command": "uname -a; id"})),
        ("run on node-1: uname -n", Call("exec", {"command": "uname -n", "host": "node", "node": "node-1"})),
        ('use read {"path": "/etc/hostname"}', Call("read", {"path": "/etc/hostname"})),
        ('use browser: {"action": "tabs"}', Call("browser", {"action": "tabs"})),
        ("fail: 503", Fail(503)),
        ("nonsense", Nonsense()),
        ("slow: 3 abcdef", Say(("ab", "cd", "ef"), SLOW_PAUSE)),
        ("please, run: date", Call("exec", {"command": "date"})),
    ],
)
def test_a_cue_is_done(text: str, event: Event) -> None:
    assert planned(text) == (event,)


@given(text=LINES)
def test_what_is_to_be_said_is_said_exactly_and_in_several_pieces(text: str) -> None:
    (event,) = planned(f"say: {text}")
    assert isinstance(event, Say)
    assert event.text == text
    assert len(event.pieces) >= min(2, len(text))
    assert all(event.pieces)


@given(text=LINES, count=st.integers(1, SLOW_DELTAS_MAX))
def test_slow_text_comes_in_as_many_pieces_as_it_has_letters_for(text: str, count: int) -> None:
    (event,) = planned(f"slow: {count} {text}")
    assert isinstance(event, Say)
    assert (event.text, len(event.pieces), event.pause) == (text, min(count, len(text)), SLOW_PAUSE)


@pytest.mark.parametrize(
    "text", ["hello", "what does run do?", "rerun: x", "say nothing", "user: {}", "nonsense it is"]
)
def test_without_a_cue_it_names_its_cues(text: str) -> None:
    assert said(planned(text)) == HELP


def test_its_own_help_holds_a_line_for_each_cue() -> None:
    for cue in ("say:", "slow:", "run:", "run on NODE:", "use TOOL", "fail:", "hang:", "nonsense"):
        assert f"\n{cue}" in HELP


def test_a_cue_is_found_in_a_message_of_several_parts() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:"}}, {"type": "text", "text": "say: hello"}]
    assert said(plan([Message.model_validate({"role": "user", "content": parts})])) == "hello"


def test_the_agents_own_context_is_no_cue_and_no_message() -> None:
    assert said(planned("hello")) == HELP
    both = Message.model_validate({"role": "user", "content": f"say: hello\n{CONTEXT}"})
    assert said(plan([both, context()])) == "hello"


def test_the_agents_own_words_after_a_failure_are_no_new_message() -> None:
    again = [user("<turn_aborted>\nThe previous turn was interrupted."), user("Continue the current task"), context()]
    assert plan([user("fail: 503"), *again]) == (Fail(503),)
    assert said(plan([user("run: date"), *called("exec", "Friday"), *again])) == "the command answered: Friday"
    assert said(plan([user("fail: 503"), *again, user("say: hello"), context()])) == "hello"


def test_what_was_answered_is_over() -> None:
    before = [user("run: date"), *called("exec", "Friday"), Message(role="assistant", content="done"), context()]
    assert said(plan([*before, user("say: hello")])) == "hello"
    assert said(plan([*before, user("hello")])) == HELP


def test_a_system_message_is_no_cue() -> None:
    assert said(plan([Message(role="system", content="say: no"), user("hello")])) == HELP
    assert said(plan([Message(role="system", content="say: no")])) == HELP


def test_the_result_of_a_command_is_told_in_words() -> None:
    messages = [user("run: id -un"), *called("exec", "node\n"), context()]
    assert said(plan(messages)) == "the command answered: node\n"


def test_the_result_of_another_tool_names_the_tool() -> None:
    messages = [user("use read {}"), *called("read", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]
    assert said(plan(messages)) == "read answered: a\nb"


def test_several_commands_are_run_one_after_the_other_and_told_together() -> None:
    messages = [user("run: one\nrun: two")]
    assert plan(messages) == (Call("exec", {"command": "one"}),)
    messages += called("exec", "1")
    assert plan(messages) == (Call("exec", {"command": "two"}),)
    messages += called("exec", "2", 2)
    assert said(plan(messages)) == "the command answered: 1\nthe command answered: 2"


def test_what_stands_after_a_command_comes_after_its_result() -> None:
    messages = [user("say: I look\nrun: one\nsay: done")]
    look, call = plan(messages)
    assert isinstance(look, Say)
    assert (look.text, call) == ("I look", Call("exec", {"command": "one"}))
    assert said(plan([*messages, *called("exec", "1")])) == "done"


def test_a_silence_is_followed_by_words() -> None:
    hang, answer = planned("hang: 0.5")
    assert hang == Hang(0.5)
    assert said((answer,)) == "I was silent for 0.5 seconds."
    late = planned("hang: 3\nsay: late")
    assert (late[0], said(late[1:])) == (Hang(3), "late")


def test_a_result_is_told_after_a_silence_too() -> None:
    hang, answer = plan([user("run: date\nhang: 1"), *called("exec", "Friday")])
    assert (hang, said((answer,))) == (Hang(1), "the command answered: Friday")


@pytest.mark.parametrize(
    ("text", "cue"),
    [
        ("fail: 200", "fail"),
        ("fail: soon", "fail"),
        ("fail:", "fail"),
        (f"hang: {HANG_SECONDS_MAX + 1}", "hang"),
        ("hang: -1", "hang"),
        ("hang: 1e9", "hang"),
        (f"slow: {SLOW_DELTAS_MAX + 1} x", "slow"),
        ("slow: 0 x", "slow"),
        ("slow: 3", "slow"),
        ("use read {", "use"),
        ("use read {} and more", "use"),
        ("use read " + '{"a":' * 100_000, "use"),
        ("use read {" + f'"a": {"9" * 5000}' + "}", "use"),
    ],
)
def test_a_cue_that_makes_no_sense_is_answered_with_an_example(text: str, cue: str) -> None:
    answer = said(planned(text))
    assert answer.startswith(f"I do not understand what stands after `{cue}`. Write it as in `")
    example = planned(answer.split("`")[3])
    assert example != planned(text)
    assert not isinstance(example[0], Say) or cue == "slow"


@given(text=st.text())
def test_any_text_has_a_plan_that_ends_in_an_answer(text: str) -> None:
    events = plan([Message(role="user", content=text)])
    assert events
    assert not isinstance(events[-1], Hang)
    assert plan([Message(role="user", content=text)]) == events


@given(arguments=st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.booleans())))
def test_arguments_reach_the_tool_as_they_were_written(arguments: dict[str, Any]) -> None:
    assert planned(f"use any {json.dumps(arguments)}") == (Call("any", arguments),)
