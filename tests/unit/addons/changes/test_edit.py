"""One value of a stack file is changed, and nothing else of its text; what cannot be proved is refused."""

import copy
import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from addons.changes.edit import CannotEdit, at, changed, scalar, spelled
from addons.changes.yaml_tree import data
from addons.errors import AddonsError

ROOT = Path(__file__).resolve().parents[4]
INSTANCES = ("config", "openclaw-tailnet:instances")
ENABLED = (*INSTANCES, 0, "tailscale", "enabled")
KEY = (*INSTANCES, 0, "tailscale", "authKey", "value", "secure")
HEAD = "config:\n  openclaw-tailnet:instances:\n"


def lines(old: str, new: str) -> tuple[list[str], list[str]]:
    """The lines that went and those that came."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    start = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


# The text of a first instance, a path, a value; the lines that go and those that come.
CASES: dict[str, tuple[str, tuple[str | int, ...], str | bool, tuple[list[str], list[str]]]] = {
    "a value is there": (
        "    - id: home # mine\n      tailscale:\n        enabled:   true  # since May\n",
        *(ENABLED, False),
        (["        enabled:   true  # since May\n"], ["        enabled:   false  # since May\n"]),
    ),
    "quoted in double": (
        '    - id: home\n      tailscale: {hostname: "old"}\n',
        *((*ENABLED[:-1], "hostname"), "lab"),
        (['      tailscale: {hostname: "old"}\n'], ['      tailscale: {hostname: "lab"}\n']),
    ),
    "quoted in single": (
        "    - id: home\n      tailscale: {hostname: 'old'}\n",
        *((*ENABLED[:-1], "hostname"), "lab"),
        (["      tailscale: {hostname: 'old'}\n"], ["      tailscale: {hostname: 'lab'}\n"]),
    ),
    "a word that some take for a switch": (
        "    - id: home\n      tailscale: {hostname: old}\n",
        *((*ENABLED[:-1], "hostname"), "no"),
        (["      tailscale: {hostname: old}\n"], ['      tailscale: {hostname: "no"}\n']),
    ),
    "one key is missing": (
        "    - id: home\n      tailscale:\n        reach: http # why\n        # more to come\n      people: [a@b]\n",
        *(ENABLED, False),
        ([], ["        enabled: false\n"]),
    ),
    "all keys are missing": (
        "    - id: home\n      people: [a@b]\n    - id: lab\n",
        *((*ENABLED[:-1], "authKey", "rotation"), "2026-11-27"),
        ([], ["      tailscale:\n", "        authKey:\n", '          rotation: "2026-11-27"\n']),
    ),
    "an instance in one line": (
        "    - {id: home, people: [a@b]}  # short\n",
        *(ENABLED, False),
        (
            ["    - {id: home, people: [a@b]}  # short\n"],
            ["    - {id: home, people: [a@b], tailscale: {enabled: false}}  # short\n"],
        ),
    ),
    "a comma at the end": (
        "    - {id: home, people: [a@b],}\n",
        *(ENABLED, False),
        (["    - {id: home, people: [a@b],}\n"], ["    - {id: home, people: [a@b], tailscale: {enabled: false},}\n"]),
    ),
    "an instance in braces over several lines": (
        "    - {\n        id: home,   # mine\n        people: [a@b]   # hers\n      }\n",
        *(ENABLED, False),
        (
            ["        people: [a@b]   # hers\n"],
            ["        people: [a@b], tailscale: {enabled: false}   # hers\n"],
        ),
    ),
    "braces with nothing in them": (
        "    - id: home\n      tailscale: {}\n",
        *(ENABLED, True),
        (["      tailscale: {}\n"], ["      tailscale: {enabled: true}\n"]),
    ),
    "nothing behind the key": (
        "    - id: home\n      tailscale:   # all of it commented out\n        # enabled: true\n      people: [a@b]\n",
        *(ENABLED, False),
        (
            ["      tailscale:   # all of it commented out\n"],
            ["      tailscale: {enabled: false}   # all of it commented out\n"],
        ),
    ),
    "null behind the key": (
        "    - id: home\n      tailscale: ~\n",
        *(ENABLED, False),
        (["      tailscale: ~\n"], ["      tailscale: {enabled: false}\n"]),
    ),
    "behind a block of text": (
        "    - id: home\n      note: |+\n        two\n        lines\n\n  other: 1\n",
        *(ENABLED, False),
        ([], ["      tailscale:\n", "        enabled: false\n"]),
    ),
    "behind an alias": (
        "    - id: home\n      gateway: *agent\n  other: 1\n",
        *(ENABLED, False),
        ([], ["      tailscale:\n", "        enabled: false\n"]),
    ),
    "an encrypted key in the place of another": (
        "    - id: home\n      tailscale:\n        authKey:\n          value:\n            secure: v1:old:x+/=\n",
        *(KEY, "v1:new:y+/="),
        (["            secure: v1:old:x+/=\n"], ['            secure: "v1:new:y+/="\n']),
    ),
    "an encrypted key where none was": (
        "    - id: home\n      tailscale: {enabled: true}\n",
        *(KEY, "v1:new:y+/="),
        (
            ["      tailscale: {enabled: true}\n"],
            ['      tailscale: {enabled: true, authKey: {value: {secure: "v1:new:y+/="}}}\n'],
        ),
    ),
    "an anchor of its own, not used elsewhere": (
        "    - id: home\n      tailscale: {enabled: &on true}\n",
        *(ENABLED, False),
        (["      tailscale: {enabled: &on true}\n"], ["      tailscale: {enabled: &on false}\n"]),
    ),
    "a merged key that is laid over": (
        "    - id: home\n      tailscale:\n        <<: *base\n        reach: http\n",
        *(ENABLED, False),
        ([], ["        enabled: false\n"]),
    ),
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("name", CASES)
def test_only_the_line_of_the_value_changes(name: str, ends: str) -> None:
    body, path, value, (gone, come) = CASES[name]
    text = "x: {agent: &agent {a: 1}, base: &base {enabled: true}}\n" + HEAD + body
    new = changed(text.replace("\n", ends), path, value)
    assert new.replace(ends, "\n").count("\r") == 0
    assert lines(text, new.replace(ends, "\n")) == (gone, come)


def test_a_file_that_ends_without_a_line_break_still_does() -> None:
    text = HEAD + "    - id: home\n      people: [a@b]"
    assert changed(text, ENABLED, False) == text + "\n      tailscale:\n        enabled: false"


def test_a_mark_at_the_beginning_of_the_file_stays() -> None:
    text = "\ufeff" + HEAD + "    - id: home\n      tailscale: {enabled: true}\n"
    assert changed(text, ENABLED, False) == text.replace("true", "false")


# Texts that are not edited, and why.
REFUSED = {
    "an alias in the way": ("    - id: home\n      tailscale: *base\n", "is an alias of another place"),
    "used elsewhere by an alias": (
        "    - id: home\n      tailscale: &t {enabled: true}\n    - id: lab\n      tailscale: *t\n",
        "something else would change with it",
    ),
    "merged from elsewhere as a whole": (
        "    - id: home\n      <<: {tailscale: {reach: http}}\n",
        "something else would change with it",
    ),
    "a value over several lines": (
        "    - id: home\n      tailscale:\n        enabled:\n          one\n          two\n",
        "the value goes over several lines",
    ),
    "a tag": ("    - id: home\n      tailscale: {enabled: !!bool true}\n", "has a tag of its own"),
    "an object where the value belongs": (
        "    - id: home\n      tailscale: {enabled: {a: 1}}\n",
        "instances[0].tailscale.enabled is an object or a list",
    ),
    "a value where an object belongs": (
        "    - id: home\n      tailscale: yes\n",
        "instances[0] holds a single value where an object belongs",
    ),
    "no such instance": ("    []\n", "instances[0] is not there"),
    "behind an empty entry of a list": ("    - id: home\n      people:\n      - a\n      -\n", "behind an empty entry"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_proved_is_refused_with_the_edit_by_hand(name: str) -> None:
    body, reason = REFUSED[name]
    with pytest.raises(CannotEdit) as refused:
        changed("x: {base: &base {enabled: true}}\n" + HEAD + body, ENABLED, False)
    assert reason in refused.value.problem
    assert "Set `instances[0].tailscale.enabled` to `false` in the stack file by hand" in refused.value.hint


def test_a_refusal_does_not_show_an_encrypted_value() -> None:
    with pytest.raises(CannotEdit) as refused:
        changed(HEAD + "    - id: home\n      tailscale: *a\nx: &a {}\n".replace("*a", "[]"), KEY, "v1:secret")
    assert "v1:secret" not in str(refused.value)
    assert "`instances[0].tailscale.authKey.value`" in refused.value.hint


@pytest.mark.parametrize("text", ["a: [", "a: 1\n---\nb: 2\n", "a: *none\n", "a: &x [*x]\n", "\t- a\n", "a: 1\na: 2\n"])
def test_a_text_that_is_not_one_document_is_an_error_without_its_words(text: str) -> None:
    with pytest.raises(AddonsError) as raised:
        changed(text, ("b",), True)
    assert "none" not in str(raised.value)


@pytest.mark.parametrize("path", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_every_instance_of_our_own_files_can_be_switched_off(path: Path) -> None:
    text = path.read_text()
    for number, _ in enumerate(at(data(text), INSTANCES)):
        new = changed(text, (*INSTANCES, number, "tailscale", "enabled"), False)
        gone, come = lines(text, new)
        assert len(gone) <= 1
        assert len(come) - len(gone) in (0, 1, 2)
        assert yaml.safe_load(new)["config"][INSTANCES[1]][number]["tailscale"]["enabled"] is False


def test_paths_are_spelled_as_the_engine_takes_them() -> None:
    assert spelled(ENABLED) == "instances[0].tailscale.enabled"


WORDS = st.text("abcxyz-.019", min_size=1, max_size=8)
LEAVES = st.one_of(
    st.booleans(), st.integers(-99, 99), st.none(), WORDS, st.sampled_from(["no", "~", "1e3", "a: b", "#x", "é"])
)


def trees(depth: int) -> st.SearchStrategy[Any]:
    if depth == 0:
        return LEAVES
    inner = trees(depth - 1)
    return st.one_of(LEAVES, st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3))


@st.composite
def stack_files(draw: st.DrawFn) -> str:
    """Stack files in many hands: flow and block, indents, comments, blank lines, CRLF, keys that lack, null and empty."""
    sidecar: Any = draw(
        st.one_of(
            st.none(),
            st.fixed_dictionaries({}, optional={"enabled": st.booleans(), "hostname": WORDS, "more": trees(2)}),
        )
    )
    instances: list[Any] = [
        {"id": f"i{number}", **draw(st.dictionaries(WORDS.map("x{}".format), trees(2), max_size=3))}
        for number in range(draw(st.integers(1, 4)))
    ]
    if draw(st.booleans()):
        instances[0]["tailscale"] = sidecar
    document = {"config": {INSTANCES[1]: instances, "other:key": draw(trees(2))}, "encryptionsalt": "v1:x"}
    written: Any = YAML()
    written.indent(*draw(st.sampled_from([(2, 2, 0), (2, 4, 2), (4, 6, 4)])))
    written.width = draw(st.sampled_from([40, 4096]))
    written.default_flow_style = draw(st.sampled_from([False, False, None]))
    stream = io.StringIO()
    written.dump(copy.deepcopy(document), stream)
    text = "".join(
        line + draw(st.sampled_from(["", "", "", "# said by hand\n", "\n"]))
        for line in stream.getvalue().splitlines(keepends=True)
    )
    # A comment within a text of several lines is part of it; then it is another document, and as good.
    try:
        assume(isinstance(at(data(text), INSTANCES), list))
    except AddonsError:
        assume(False)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


EDITS = st.sampled_from(
    [
        (("enabled",), True),
        (("enabled",), False),
        (("hostname",), "lab-2"),
        (("hostname",), "no"),
        (("authKey", "rotation"), "2026-11-27"),
        (("authKey", "value", "secure"), "v1:abc+/=:def=="),
    ]
)


@given(text=stack_files(), edit=EDITS)
def test_an_edit_of_any_stack_file_is_exact_or_refused(text: str, edit: tuple[tuple[str, ...], str | bool]) -> None:
    path, value = (*INSTANCES, 0, "tailscale", *edit[0]), edit[1]
    before = data(text)
    try:
        new = changed(text, path, value)
    except CannotEdit:
        return
    # By another reader than the one that proved it.
    assert at(yaml.safe_load(new), path) == value
    # The rest is the same text: one piece of it went, without a line break, and one came.
    start = next((n for n, (a, b) in enumerate(zip(text, new, strict=False)) if a != b), min(len(text), len(new)))
    end = 0
    while end < min(len(text), len(new)) - start and text[-1 - end] == new[-1 - end]:
        end += 1
    assert "\n" not in text[start : len(text) - end]
    after = data(new)
    assert after["encryptionsalt"] == before["encryptionsalt"]
    assert after["config"]["other:key"] == before["config"]["other:key"]
    assert at(after, INSTANCES)[1:] == at(before, INSTANCES)[1:]
    # Back again is the same document, whatever was there.
    if at(before, path) is not None and isinstance(at(before, path), str | bool):
        assert data(changed(new, path, at(before, path))) == before


@given(
    value=st.one_of(st.booleans(), st.text(st.characters(max_codepoint=0x7F), max_size=12)),
    style=st.sampled_from(["", "'", '"']),
)
def test_a_scalar_reads_back_as_itself(value: str | bool, style: str) -> None:
    for text in (f"k: {scalar(value, style)}\n", f"{{k: {scalar(value, style)}, j: 1}}\n"):
        assert data(text)["k"] == value
        assert yaml.safe_load(text)["k"] == value
