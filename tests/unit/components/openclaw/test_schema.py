"""The types of OpenClaw's configuration: of the default image, and what they say of a configuration."""

from typing import Any

import pytest

from components.openclaw.schema import Mistake, Schema, Text
from components.settings import Images
from components.settings.images import openclaw_version


@pytest.fixture
def schema() -> Schema:
    known = Schema.of("2026.9.6")
    assert known
    return known


def test_the_default_image_has_its_types() -> None:
    assert Schema.of(openclaw_version(Images().gateway))
    assert Schema.of("2030.1.1") is None
    assert Schema.of(None) is None


@pytest.mark.parametrize(
    ("config", "mistake"),
    [
        ({"x": 1}, "unknown"),
        ({"channels": 1}, "must be an object."),
        ({"models": {"mode": "all"}}, 'must be one of "merge", "replace".'),
        ({"secrets": {"providers": {"a": {"source": "env", "path": 1}}}}, "none of the forms"),
    ],
)
def test_a_mistake_is_in_our_words(schema: Schema, config: Any, mistake: str) -> None:
    (told,) = schema.mistakes(config)
    assert mistake in told.message or (mistake == "unknown" and told.unknown)


def test_an_unknown_key_comes_with_those_that_are_known(schema: Schema) -> None:
    (mistake,) = schema.mistakes({"agents": {"defaults": {"model": {"first": "a/b"}}}})
    assert mistake == Mistake(("agents", "defaults", "model"), "", ("first",), mistake.known)
    assert {"primary", "fallbacks"} <= {*mistake.known}


def test_texts_know_whether_their_place_is_a_secret_s(schema: Schema) -> None:
    config = {
        "channels": {"telegram": {"botToken": "a", "dmPolicy": "open", "accounts": {"x": {"botToken": "b"}}}},
        "agents": {"defaults": {"model": {"fallbacks": ["c"]}}},
    }
    assert {*schema.texts(config)} == {
        Text(("channels", "telegram", "botToken"), "a", secret=True),
        Text(("channels", "telegram", "dmPolicy"), "open", choice=True),
        Text(("channels", "telegram", "accounts", "x", "botToken"), "b", secret=True),
        Text(("agents", "defaults", "model", "fallbacks", 0), "c"),
    }
    assert {text.value for text in Schema.untyped(config)} == {"a", "open", "b", "c"}
