"""Secrets and references to secrets in a configuration: `${NAME}`, and SecretRefs of the environment."""

import re
import urllib.parse
from collections.abc import Iterator
from typing import Final

from components.openclaw.schema import Location, Text, children

# `$${NAME}` is the text `${NAME}`.
_REFERENCE: Final = re.compile(r"(?<!\$)\$\{([A-Z_][A-Z0-9_]*)\}")
# Last words of keys that hold a secret, in any spelling. Not `tokens`: those are counted.
_NAMES: Final = (
    *("token", "password", "passphrase", "secret", "apikey", "encryptkey", "privatekey", "serviceaccount"),
    *("authorization", "cookie", "credential", "credentials"),
)
_PREFIXES: Final = (
    *(
        "sk-",
        "sk_live_",
        "sk_test_",
        "rk_live_",
        "ghp_",
        "gho_",
        "ghs_",
        "ghu_",
        "github_pat_",
        "glpat-",
        "xoxa-",
        "xoxb-",
    ),
    *(
        "xoxp-",
        "xoxs-",
        "xapp-",
        "AIza",
        "AKIA",
        "ASIA",
        "ya29.",
        "gsk_",
        "hf_",
        "r8_",
        "npm_",
        "pypi-",
        "dop_v1_",
        "tvly-",
    ),
    *("tskey-", "hskey-", "nodekey:", "privkey:", "-----BEGIN"),
)
_SHAPES: Final = (
    # Telegram's bots, Discord's bots, JSON web tokens.
    re.compile(r"[0-9]{8,10}:[A-Za-z0-9_-]{35}"),
    re.compile(r"[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}"),
    re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
)


def is_plain_secret(text: Text) -> bool:
    """Says whether a text is a secret by its place, its key or its look, and no reference to one."""
    value = text.value
    if not value or _REFERENCE.search(value):
        return False
    key = next((part for part in reversed(text.location) if isinstance(part, str)), "")
    plain = re.sub(r"[^a-z]", "", key.lower())
    named = plain.endswith(_NAMES) and not text.choice
    return text.secret or named or _looks_secret(value)


def _looks_secret(value: str) -> bool:
    # In the middle, too: "Bearer sk-..." or an argument of a command.
    words = re.split(r"[\s,;=\"']+", value)
    return any(word.startswith(_PREFIXES) and len(word) > 8 for word in words) or (
        any(shape.fullmatch(word) for word in words for shape in _SHAPES) or any(map(_has_password, words))
    )


def _has_password(word: str) -> bool:
    if "://" not in word or "@" not in word:
        return False
    try:
        return urllib.parse.urlsplit(word).password is not None
    except ValueError:
        return True


def variables(config: object) -> Iterator[tuple[Location, str]]:
    """Each variable that a configuration takes from the environment, and where."""
    yield from _variables((), config)


def _variables(location: Location, value: object) -> Iterator[tuple[Location, str]]:
    match value:
        case str():
            for name in dict.fromkeys(_REFERENCE.findall(value)):
                yield location, name
        case {"source": "env", "id": str() as name}:
            yield location, name
        case _:
            for place, item in children(location, value):
                yield from _variables(place, item)
