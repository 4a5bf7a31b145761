"""What a container runs is found behind shells, wrappers, quotes and variables."""

import pytest

from policies.rules.commands import COMPUTED, Line, environment, flag_values, lines
from policies.rules.kinds import Container
from tests.support.policy_cases import container


def programs(*words: str, **variables: str) -> list[tuple[str, ...]]:
    return list(Line("", "command", words).programs(variables))


@pytest.mark.parametrize(
    ("words", "started"),
    [
        (("openclaw", "gateway"), [("openclaw", "gateway")]),
        (("tini", "-s", "--", "node", "openclaw.mjs"), [("node", "openclaw.mjs")]),
        (("timeout", "5", "socat", "a"), [("socat", "a")]),
        (("sh", "-c", "a 'b c' && exec d \"e f\""), [("a", "b c"), ("d", "e f")]),
        (("bash", "-ec", 'A=1; x $A ${A} ${B:-2} "$A"'), [("x", "1", "1", "2", "1")]),
        (("sh", "-c", 'node --eval "$0" -- "$1"', "script", "file"), [("node", "--eval", "script", "--", "file")]),
        (("sh", "-c", "a | b & (c; d `e f`)"), [("a",), ("b",), ("c",), ("d",), ("e", "f")]),
        (("sh", "-c", 'a $(b c) "$(d)"'), [("a", COMPUTED), ("b", "c"), (COMPUTED,), ("d",)]),
        (("sh", "-c", "sh -c 'sh -c \"socat x\"'"), [("socat", "x")]),
        (("sh", "-c", "if true; then a; fi # socat"), [("true",), ("a",)]),
        (("sh", "-c", "a > b 2>&1 < c"), [("a",)]),
        (("sh", "-c", "fun\\\nnel"), [("funnel",)]),
        (("env", "A=lan", "sh", "-c", "x $A"), [("x", "lan")]),
    ],
)
def test_programs(words: tuple[str, ...], started: list[tuple[str, ...]]) -> None:
    assert [one for one in programs(*words) if one not in started] in ([], [(COMPUTED,)])
    assert [one for one in started if one not in programs(*words)] in ([], [(COMPUTED,)])


def test_variables_of_the_container_are_put_in_and_others_are_hidden() -> None:
    spec = container(
        env=[
            {"name": "A", "value": "lan"},
            {"name": "B", "value": "$(A)x"},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
        args=["$(A)", "$(B)", "$(C)", "$(D)", "$$(A)"],
    )
    judged = Container("", "gateway", spec)
    values = environment(judged)
    (line,) = lines(judged, values)
    assert line.words == ("lan", "lanx", COMPUTED, "$(D)", "$(A)")


def test_values_of_a_flag() -> None:
    assert list(flag_values(["--bind", "lan", "--bind=auto", "--bind", "--x", "-bind=custom"], "bind")) == [
        "lan",
        "auto",
        "",
        "custom",
    ]
