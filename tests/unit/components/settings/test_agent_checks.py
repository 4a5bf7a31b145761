"""OpenClaw's own configuration in the stack: each mistake is one line with its path, and no secret is in any of them."""

import random
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.settings import SettingsError
from components.settings.load import parse
from tests.support.configs import smallest
from tests.support.settings import lines

CONFIG = "instances[0].gateway.config"
SECRETS = {"TELEGRAM_BOT_TOKEN": "made-up", "OPENAI_API_KEY": "made-up"}


def configured(config: Any, **gateway: Any) -> Any:
    return smallest(gateway={"config": config, **gateway})


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            {"channels": {"telegram": {"botTokn": "x"}}},
            ".channels.telegram.botTokn is not a known key. Did you mean botToken?",
        ),
        (
            {"channels": {"telegram": {"dmPolicy": "opn"}}},
            ".dmPolicy must be one of pairing, allowlist, open, disabled.",
        ),
        ({"channels": {"slack": []}}, ".channels.slack must be an object."),
        ({"tools": {"exec": {"timeoutSeconds": "soon"}}}, ".tools.exec.timeoutSeconds must be a whole number."),
        ({"agents": {"defaults": {"model": 7}}}, ".agents.defaults.model must be an object or text."),
        (
            {"agents": {"defaults": {"model": {"primry": "a/b"}}}},
            ".model.primry is not a known key. Did you mean primary?",
        ),
        ({"models": {"providers": {"openai": {"apiKey": 3}}}}, ".models.providers.openai.apiKey must be text."),
        ({"chanels": {}}, ".chanels is not a known key. Did you mean channels?"),
        ({"messages": {"queue": {"cap": -1}}}, ".messages.queue.cap is too small or too short: the limit is 0."),
    ],
)
def test_a_mistake_is_named_with_its_path(config: Any, line: str) -> None:
    assert lines(configured(config)) == [_ending(line, lines(configured(config)))]


def _ending(line: str, told: list[str]) -> str:
    (only,) = told
    assert only.startswith(CONFIG)
    assert only.endswith(line)
    return only


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"gateway": {"bind": "lan"}}, ".gateway.bind"),
        ({"gateway": {"bind": "auto", "port": 18790}}, ".gateway.bind"),
        ({"gateway": {"auth": {"mode": "none"}}}, ".gateway.auth"),
        ({"gateway": {"trustedProxies": ["0.0.0.0/0"]}}, ".gateway.trustedProxies"),
        ({"gateway": {"customBindHost": "10.0.0.1"}}, ".gateway.customBindHost"),
        (
            {"gateway": {"controlUi": {"dangerouslyDisableDeviceAuth": True}}},
            ".gateway.controlUi.dangerouslyDisableDeviceAuth",
        ),
        ({"gateway": {"controlUi": {"allowedOrigins": ["*"]}}}, ".gateway.controlUi.allowedOrigins"),
        ({"gateway": {"nodes": {"pairing": {"autoApproveCidrs": ["0.0.0.0/0"]}}}}, ".gateway.nodes.pairing"),
        ({"gateway": {"tailscale": {"mode": "funnel"}}}, ".gateway.tailscale"),
        ({"gateway": {"terminal": {"enabled": True}}}, ".gateway.terminal"),
        ({"gateway": {"remote": {"url": "wss://example.com"}}}, ".gateway.remote"),
        ({"gateway": "lan"}, ".gateway"),
        ({"update": {"auto": {"enabled": True}}}, ".update"),
        ({"discovery": {"wideArea": {"enabled": True}}}, ".discovery"),
        ({"env": {"vars": {"A_KEY": "b"}}}, ".env"),
        ({"tools": {"exec": {"mode": "full"}}}, ".tools.exec.mode"),
        ({"tools": {"exec": {"security": "full", "host": "node"}}}, ".tools.exec.security"),
        (
            {"agents": {"entries": {"main": {"tools": {"exec": {"mode": "full"}}}}}},
            ".agents.entries.main.tools.exec.mode",
        ),
        ({"hooks": {"gmail": {"tailscale": {"mode": "funnel"}}}}, ".hooks.gmail.tailscale"),
        ({"plugins": {"load": {"paths": ["/tmp"]}}}, ".plugins.load"),
        ({"channels": {"telegram": {"webhookHost": "0.0.0.0"}}}, ".channels.telegram.webhookHost"),
        ({"agents": {"$include": "./other.json5"}}, ".agents.$include"),
        ({"$include": "./other.json5"}, ".$include"),
    ],
)
def test_a_key_of_ours_with_another_value_is_an_error(config: Any, path: str) -> None:
    told = lines(configured(config))
    assert any(line.startswith(f"{CONFIG}{path} ") for line in told), told
    assert all("Remove it." in line or "must be" in line for line in told)


@pytest.mark.parametrize(
    "config",
    [
        {"gateway": {"bind": "loopback", "port": 18789, "mode": "local"}},
        {"gateway": {"tailscale": {"mode": "off"}, "reload": {"mode": "off"}, "terminal": {"enabled": False}}},
        {"gateway": {"http": {"endpoints": {"chatCompletions": {"enabled": True}}}}},
        {"gateway": {"controlUi": {"environment": {"label": "home", "color": "teal"}}}},
        {"update": {"checkOnStart": False}, "logging": {"audit": {"enabled": True}}},
        {"tools": {"exec": {"host": "node", "timeoutSeconds": 60}}},
        # Filled in by OpenClaw: a person leaves them out.
        {"channels": {"telegram": {"enabled": True}}},
    ],
)
def test_our_own_values_and_what_is_open_may_be_written(config: Any) -> None:
    (instance,) = parse(configured(config)).instances
    assert instance.gateway.config == config


@pytest.mark.parametrize(
    "config",
    [
        {"channels": {"telegram": {"botToken": "abc"}}},
        {"channels": {"slack": {"accounts": {"main": {"appToken": "abc"}}}}},
        {"models": {"providers": {"openai": {"apiKey": "abc"}}}},
        {"models": {"providers": {"openai": {"headers": {"X-Anything": "abc"}}}}},
        {"mcp": {"servers": {"docs": {"url": "https://example.com", "headers": {"Authorization": "abc"}}}}},
        {"mcp": {"servers": {"docs": {"command": "server", "env": {"DOCS_API_KEY": "abc"}}}}},
        {"mcp": {"servers": {"docs": {"command": "server", "args": ["--key", "sk-abcdefghijkl"]}}}},
        {"mcp": {"servers": {"docs": {"url": "https://you:abc@example.com"}}}},
        {"agents": {"defaults": {"userTimezone": "ghp_abcdefghijkl"}}},
        {"skills": {"entries": {"weather": {"apiKey": "abc"}}}},
        {"talk": {"providers": {"x": {"apiKey": "${OPENAI_API_KEY"}}}},
        {"talk": {"providers": {"x": {"apiKey": "$${OPENAI_API_KEY}"}}}},
        {"messages": {"responsePrefix": "123456789:AAbbccddeeffgghhiijjkkllmmnnooppqqr"}},
    ],
)
def test_a_secret_in_plain_text_is_refused_with_the_way_to_give_it(config: Any) -> None:
    (line,) = lines(configured(config))
    assert line.startswith(f"{CONFIG}.")
    assert "is a secret in plain text, and would be in a ConfigMap (I4). Write ${NAME} here" in line
    assert "pulumi config set --secret --path 'instances[0].gateway.secrets.<NAME>'" in line
    assert "abc" not in line


@pytest.mark.parametrize(
    "token", ["${TELEGRAM_BOT_TOKEN}", {"source": "env", "provider": "default", "id": "TELEGRAM_BOT_TOKEN"}]
)
def test_a_reference_to_a_secret_that_the_stack_has_is_taken(token: Any) -> None:
    parse(configured({"channels": {"telegram": {"botToken": token}}}, secrets=SECRETS))


@pytest.mark.parametrize("token", ["${OTHER_TOKEN}", {"source": "env", "provider": "default", "id": "OTHER_TOKEN"}])
def test_a_reference_to_a_secret_that_the_stack_lacks_is_named(token: Any) -> None:
    config = {"channels": {"telegram": {"botToken": token}}}
    assert lines(configured(config, secrets=SECRETS)) == [
        f"{CONFIG}.channels.telegram.botToken takes ${{OTHER_TOKEN}}, which gateway.secrets does not have. Add it there: "
        "pulumi config set --secret --path 'instances[0].gateway.secrets.OTHER_TOKEN'."
    ]
    # An existing Secret may have it: only the cluster knows.
    parse(configured(config, secretsFrom=[{"name": "more"}]))


def test_of_an_unknown_version_only_what_is_ours_and_secrets_are_judged() -> None:
    image = "ghcr.io/openclaw/openclaw:2030.1.1"
    parse(configured({"channels": {"telegram": {"botTokn": 1}}}, image=image))
    (bind,) = lines(configured({"gateway": {"bind": "lan"}}, image=image))
    assert bind.startswith(f"{CONFIG}.gateway.bind cannot be set here")
    (token,) = lines(configured({"channels": {"telegram": {"botToken": "abc"}}}, image=image))
    assert "is a secret in plain text" in token


def test_what_is_no_configuration_at_all_ends_in_one_line() -> None:
    deep: Any = 1
    for _ in range(2000):
        deep = {"a": deep}
    for config, message in [
        (deep, "is nested too deeply. Use at most 40 levels."),
        ({"a": float("inf")}, "has a number that JSON does not have, such as .inf. Write another."),
        ({"a": "x" * 600_000}, "is too large: "),
    ]:
        (line,) = lines(configured(config))
        assert line.startswith(f"{CONFIG} {message}")


def test_no_message_repeats_what_may_be_a_secret() -> None:
    words = random.Random(7)
    planted = "".join(words.choices(string.ascii_letters + string.digits, k=24))
    configs: list[Any] = [
        {planted: 1},
        {"channels": {planted: {"botToken": planted}}},
        {"channels": {"telegram": {planted: planted, "dmPolicy": planted}}},
        {"models": {"providers": {planted: {"api": planted, "apiKey": planted, planted: {}}}}},
        {"gateway": {planted: planted, "bind": planted, "auth": {planted: planted}}},
        {"agents": {"entries": {planted: {"tools": {"exec": {"mode": planted}}}}}},
        {"tools": {"exec": {"timeoutSeconds": planted}}, "logging": [planted]},
        {"x": f"${{{planted.upper()}}}"},
    ]
    for config in configs:
        assert planted.lower() not in "\n".join(lines(configured(config))).lower()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
TOP = st.sampled_from(
    ["agents", "channels", "gateway", "models", "tools", "plugins", "hooks", "mcp", "update", "other"]
)


@given(st.dictionaries(TOP, JSON, max_size=4))
def test_any_json_is_taken_or_refused_in_words(config: Any) -> None:
    try:
        parse(configured(config))
    except SettingsError as error:
        told = str(error).splitlines()[1:]
    else:
        told = []
    assert all(line.strip().startswith(CONFIG) or "more" in line for line in told)
