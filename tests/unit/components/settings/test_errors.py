"""Errors of any configuration: never a traceback, never a secret (I4), never a library's words."""

import contextlib
import json
import random
import re
import string
from typing import Any

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.settings import SettingsError
from components.settings.load import load, parse
from tests.support.configs import Raw, smallest, with_tailnet
from tests.support.every_place import FULL, OBJECTS, PLACES, with_key, with_more, with_value
from tests.support.harness import run_program
from tests.support.processor import measured


def refused(config: Any) -> str | None:
    """The error of a configuration, or None when it is valid."""
    try:
        parse(config)
    except SettingsError as error:
        return f"{error}\n{error.problems!r}"
    return None


def test_the_full_configuration_is_valid() -> None:
    assert refused(FULL) is None


LETTERS = string.ascii_letters + string.digits
ALPHABETS = [
    LETTERS,
    LETTERS + "-_",
    string.ascii_lowercase + string.digits,
    "0123456789abcdef",
    LETTERS + "+/=",
    LETTERS + " !%&",
]
PREFIXES = [
    "",
    "sk-proj-",
    "sk_live_",
    "tskey-auth-",
    "tskey-client-",
    "hskey-auth-",
    "ghp_",
    "AIza",
    "https://u:",
]


def random_secrets(seed: str, count: int) -> list[str]:
    """Secrets of many forms; most have nothing by which a program could tell that they are some."""
    chosen = random.Random(seed)
    return [
        chosen.choice(PREFIXES) + "".join(chosen.choices(chosen.choice(ALPHABETS), k=chosen.randint(12, 48)))
        for _ in range(count)
    ]


def leaked(secret: str, message: str) -> bool:
    """Says whether a message has the secret, or any half of it, without the prefix of its kind."""
    secret_part = next((secret.removeprefix(prefix) for prefix in PREFIXES[1:] if secret.startswith(prefix)), secret)
    half = len(secret_part) // 2
    return any(secret_part[start : start + half] in message for start in range(len(secret_part) - half + 1))


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_i4_a_secret_in_any_place_is_not_in_the_error(path: tuple[str | int, ...]) -> None:
    for secret in random_secrets(repr(path), 1):
        instead: list[Any] = [
            *(secret, [secret], {secret: secret}, {secret: 1}, {"value": secret}, [[secret]], [{secret: None}]),
            *(f"ghcr.io/user:{secret}@host/image:1.2.3", f"https://user:{secret}@example.com/?token={secret}"),
            *(f"ghcr.io/a/b:{secret}", f"https://example.com/#{secret}", f"{secret}@example.com@", f"tag:{secret}:"),
            *(f"group:{secret}/", f" {secret}", f"{secret}\n", f"{secret}\u200b", f"{secret}Gi", {"secure": secret}),
        ]
        for value in instead:
            message = refused(with_value(path, value))
            assert message is None or not leaked(secret, message), (value, message)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: ".".join(map(str, path)) or "top")
def test_i4_a_secret_as_a_key_is_not_in_the_error(path: tuple[str | int, ...]) -> None:
    for secret in random_secrets(repr(path), 3):
        for value in (1, None, secret, {secret: secret}, [secret]):
            message = refused(with_more(path, secret, value))
            assert message is None or not leaked(secret, message), message


@pytest.mark.parametrize(
    "path", [path for path in PLACES if isinstance(path[-1], str)], ids=lambda path: ".".join(map(str, path))
)
def test_i4_a_secret_instead_of_a_key_is_not_in_the_error(path: tuple[str | int, ...]) -> None:
    for secret in random_secrets(repr(path), 3):
        message = refused(with_key(path, secret))
        assert message is None or not leaked(secret, message), message


@given(number=st.integers(10**5, 10**19), path=st.sampled_from(PLACES))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_i4_a_secret_read_as_a_number_is_not_in_the_error(number: int, path: tuple[str | int, ...]) -> None:
    """YAML reads a secret of digits as one."""
    for value in (number, -number, float(number), [number], {str(number): number}, {number: 1}):
        message = refused(with_value(path, value))
        assert message is None or str(number) not in message, message


@pytest.mark.parametrize("secret", ["sk-hunter2-hunter2", "hunter2", "{'a': \"hunter2\"", "instances[0].hunter2"])
def test_i4_a_secret_that_the_engine_passes_is_not_in_the_error(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in ((secret, "x"), (secret, "[1]"), ("tailnet", secret), ("cluster", secret), ("nodes", secret)):
        configured = {**{f"openclaw-tailnet:{part}": json.dumps(item) for part, item in smallest().items()}}
        configured[f"openclaw-tailnet:{key}"] = value
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps(configured))
        with pytest.raises(SettingsError) as raised:
            load()
        assert "hunter2" not in str(raised.value)
        assert len(raised.value.problems) == 1


# Words that only pydantic says, of all of its kinds of errors.
LIBRARY = re.compile(
    r"Input|input|should|valid \w+|instance of|parsing|unable|Unable|[Ee]xtra |Field|assertion|expected|greater|less than|"
    r"at least \d+ (item|character)|type=|pydantic"
)
WRONG_TYPES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 65536, 10**30, 1.5, 2.0, float("nan"), float("inf"), "", "x", "0", "true", "1.5"),
    *(
        "é",
        "٣",
        "x" * 3000,
        [],
        [None],
        [1],
        ["x"],
        [[]],
        {},
        {"a": 1},
        {1: 2},
        {None: None},
        {"": ""},
        [{}],
        b"x",
        "\ud800",
    ),
]


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_another_type_is_refused_in_words_of_ours(path: tuple[str | int, ...]) -> None:
    for value in WRONG_TYPES:
        message = refused(with_value(path, value))
        if message is not None:
            assert not LIBRARY.search(message), message
            assert "cannot be used here" not in message, (value, message)


_KEYS = ["tailnet", "instances", "name", "id", "people", "tailscale", "gateway", "authKey", "secrets", "groups"]
_anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_KEYS) | st.text(), inner),
    max_leaves=12,
)


@given(_anything)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_whatever_is_written_there_is_no_traceback(value: Any) -> None:
    configs: list[Raw] = [{"tailnet": value, "instances": [value]}, smallest(gateway=value), {"instances": value}]
    for config in configs:
        with contextlib.suppress(SettingsError):
            parse(config)


@given(value=_anything, path=st.sampled_from(PLACES))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_whatever_is_written_in_any_place_is_no_traceback(value: Any, path: tuple[str | int, ...]) -> None:
    with contextlib.suppress(SettingsError):
        parse(with_value(path, value))


def broken(count: int) -> Raw:
    """Many instances with the same mistakes."""
    return {
        **smallest(),
        "instances": [{"id": f"Home-{number}", "people": ["*"], "oops": number} for number in range(count)],
    }


def test_many_mistakes_are_few_lines() -> None:
    def read() -> SettingsError:
        with pytest.raises(SettingsError) as raised:
            parse(broken(2000))
        return raised.value

    seconds, error = measured(read, 5)
    assert seconds < 5
    assert len(error.problems) == 6000
    head, *shown = str(error).splitlines()
    assert head.startswith("6000 problems")
    assert len(shown) <= 30
    assert "  ... and 1997 more of this kind" in shown
    assert any(line.startswith("  instances[2].people[0] ") for line in shown)


def test_a_few_mistakes_are_all_shown() -> None:
    with pytest.raises(SettingsError) as raised:
        parse(broken(6))
    assert len(str(raised.value).splitlines()) == 1 + 18


def test_many_kinds_of_mistakes_are_counted() -> None:
    config = with_tailnet(**{f"zz{letter}": 1 for letter in string.ascii_lowercase}, name="x", protect="maybe")
    config["instances"] = [
        {"id": f"Home-{number}", "people": ["*"] * (number % 23 + 1), "gateway": number, "storage": []}
        for number in range(50)
    ]
    with pytest.raises(SettingsError) as raised:
        parse(config)
    head, *shown = str(raised.value).splitlines()
    counted = sum(int(match[1]) for line in shown if (match := re.match(r"\s+(?:\.\.\. )?and (\d+) more", line)))
    plain = [line for line in shown if not re.match(r"\s+(\.\.\. )?and \d+ more", line)]
    assert len(plain) <= 20
    assert head.startswith(f"{counted + len(plain)} problems")


def test_several_unknown_keys_are_one_line_with_their_number() -> None:
    message = refused(with_tailnet(qqq=1, zzz=2, owneship="owned"))
    assert message
    assert message.startswith("2 problems")
    assert "tailnet.<key> (2 keys) is not a known key, and is not repeated here in case it is a secret." in message
    assert "tailnet.owneship is not a known key. Did you mean ownership?" in message


@pytest.mark.parametrize(
    "key", ["rotations", "Rotation", "rotaton", "rotation_days", "rotate-days", "reuseable", "expirydays"]
)
def test_a_slip_is_shown_with_the_key_that_was_meant(key: str) -> None:
    message = refused(smallest(tailscale={"authKey": {key: 1}}))
    assert message
    assert "instances[0].tailscale.authKey." in message
    assert "Did you mean " in message


@pytest.mark.parametrize("key", ["gateway", "tailscale", "secrets", "id", "replicas", "nodeSelector", "service", "env"])
def test_a_key_of_another_place_is_shown(key: str) -> None:
    for config, path in (({**smallest(), key: "hunter2"}, key), (with_tailnet(**{key: 1}), f"tailnet.{key}")):
        message = refused(config)
        assert message
        assert f"\n  {path} is not a known key. " in message


def test_several_keys_of_a_mapping_are_one_line_with_their_number() -> None:
    message = refused(smallest(gateway={"secrets": {"lower": "a", "LD_KEY": "a", "other": "a"}}))
    assert message
    assert "secrets.<key> (2 keys) is not the name of a provider's key." in message
    assert "secrets.<key> is not a provider's key: variables that begin with LD_" in message
    message = refused(with_tailnet(groups={"family": ["x"], "work": ["y"]}))
    assert message
    assert "tailnet.groups.<key> (2 keys) is not a group name." in message
    assert "tailnet.groups.<key>[0] (2 keys) is not a login." in message


def test_each_key_that_is_shown_has_a_line_of_its_own() -> None:
    message = refused(
        {**smallest(), "service": 1, "replicas": 1, "qqq": 1, "zzz": 2, "tailnet.name": "x", "tailnet.groups": 1}
    )
    assert message
    assert [line.split(" is ")[0].strip() for line in message.splitlines()[1:6]] == [
        *("service", "replicas", "<key> (2 keys)", "tailnet.name", "tailnet.groups"),
    ]


def test_a_key_that_was_set_without_path_says_so() -> None:
    for key, shown in (
        ("tailnet.name", "tailnet.name"),
        ("instances[0].tailscale.authKey.value", "instances[0].tailscale.authKey.value"),
        ("tailnet.hunter2", "<key>"),
        ("instances[12345678]", "<key>"),
    ):
        message = refused({**smallest(), key: "x"})
        assert message
        assert (
            f"  {shown} is a path, but was set as a single key. Set it again with `pulumi config set --path`."
            in message
        )


def test_the_program_says_it_in_the_same_words() -> None:
    with pytest.raises(pulumi.RunError, match=r"instances\[0\]\.gateway\.image is not the name of an image"):
        run_program(smallest(gateway={"image": "ghcr.io/user:hunter2@openclaw:1.2.3"}))
