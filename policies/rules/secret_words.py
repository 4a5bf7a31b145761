"""Which texts are secrets: by their own form, or by the name of what holds them. Linear in the text."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

# Forms of keys and tokens that services give out. Each starts at a word's start, and has a bounded length: a text of
# nothing but beginnings costs no more than another one.
_FORMS: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"hskey-(?:auth|api|reg)-[A-Za-z0-9]{4}|tskey-(?:auth|client|api|scim|webhook|oauth)-[A-Za-z0-9]{4}"
    r"|sk-(?:ant|proj|svcacct|or|live|test|admin)[-_][A-Za-z0-9_-]{8}|sk-[A-Za-z0-9]{20}|sk_(?:live|test)_[A-Za-z0-9]{8}|rk_live_"
    r"|gh[pousr]_[A-Za-z0-9]{16}|github_pat_[A-Za-z0-9_]{16}|glpat-[A-Za-z0-9_-]{12}|xox[abeprs]-[A-Za-z0-9-]{10}|xapp-\d-[A-Z0-9]{6}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12}|AIza[A-Za-z0-9_-]{30}|ya29\.[A-Za-z0-9_-]{10}|hf_[A-Za-z0-9]{20}|gsk_[A-Za-z0-9]{20}"
    r"|npm_[A-Za-z0-9]{30}|pypi-[A-Za-z0-9_-]{20}|dop_v1_[a-f0-9]{20}|SG\.[A-Za-z0-9_-]{16}|AGE-SECRET-KEY-1[A-Z0-9]{8}"
    r"|pul-[a-f0-9]{20}|hvs\.[A-Za-z0-9_-]{16}|dckr_pat_[A-Za-z0-9_-]{12}|r8_[A-Za-z0-9]{20}|xai-[A-Za-z0-9]{20}|nvapi-[A-Za-z0-9_-]{16}"
    r"|\d{8,10}:AA[A-Za-z0-9_-]{25}|eyJ[A-Za-z0-9_-]{8,400}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{4}"
    r"|[MN][A-Za-z\d]{23}\.[\w-]{6}\.[\w-]{27}"
    r")|-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY"
    r"|://[^\s/:@\"'$<{]{0,80}:[^\s/@\"'$<{]{3,120}@"
)
_BEARER: Final = re.compile(r"\b(?:bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{12}", re.IGNORECASE)
_TAILSCALE: Final = re.compile(r"tskey-(?:auth|client|api|scim|oauth)-[A-Za-z0-9]{4}")
_NAME_ENDS: Final = re.compile(
    r"(?:^|_)(?:token|password|passwd|passphrase|passcode|pass|pwd|secret|apikey|api_?key|auth_?key|private_?key|access_?key|secret_?key"
    r"|encryption_?key|signing_?key|session_?key|master_?key|credentials?|credentials_json|kek|authorization|service_account_json|totp_seed)"
    r"(?:_(?:value|hash|plain|text|prod|dev|\d+))?$"
)
# Names of objects and settings, not secrets.
_HARMLESS_NAMES: Final = frozenset(
    {"ts_kube_secret", "pull_secret", "image_pull_secret", "secret_name", "tls_secret", "csrf_token"}
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_REFERENCES: Final = (
    "$",
    "file:",
    "/",
    "<",
    "{{",
    "env:",
    "vault:",
    "ref+",
    "arn:",
    "secretref:",
    "op://",
    "ssm:",
    "keychain:",
    "./",
    "~/",
)
_WORDS: Final = frozenset(
    {
        "",
        "true",
        "false",
        "none",
        "null",
        "yes",
        "no",
        "on",
        "off",
        "required",
        "optional",
        "token",
        "password",
        "secret",
        "basic",
    }
    | {
        "oauth",
        "auto",
        "default",
        "disabled",
        "enabled",
        "unset",
        "file",
        "env",
        "jwt",
        "bearer",
        "bot",
        "user",
        "__openclaw_redacted__",
    }
)
_LINE: Final = re.compile(
    r"^[ \t]*+(?:- |export |set |ENV )?[ \t]*+[\"']?([A-Za-z_][\w.-]{1,80})[\"']?[ \t]*+[:=][ \t]*+(\S[^\n]{0,4000})$",
    re.MULTILINE,
)


def has_secret(text: str) -> bool:
    """Says whether a text has the form of a key or token somewhere in it."""
    return len(text) >= 12 and bool(_FORMS.search(text))


def has_tailscale_key(text: str) -> bool:
    return "tskey-" in text and bool(_TAILSCALE.search(text))


def has_bearer(text: str) -> bool:
    """Says whether a text is, or holds, a header's value with a token."""
    return len(text) < 100_000 and bool(_BEARER.search(text))


@lru_cache(maxsize=4096)
def _is_name(name: str) -> bool:
    snake = _CAMEL.sub("_", name).lower().replace("-", "_").replace(".", "_")
    return snake not in _HARMLESS_NAMES and bool(_NAME_ENDS.search(snake))


def is_secret_name(name: str) -> bool:
    """Says whether what has this name is a secret: `API_KEY`, `botToken`, `team/password`."""
    return len(name) <= 120 and _is_name(name.rpartition("/")[2])


def is_value(text: str) -> bool:
    """Says whether a text is a value of its own: not a reference to another place, not a word of a configuration."""
    bare = text.strip().strip("\"'").strip()
    return len(bare) >= 4 and not bare.startswith(_REFERENCES) and bare.lower() not in _WORDS


def is_checksum_name(name: str) -> bool:
    """Says whether what has this name is a digest of something, which is no secret."""
    return any(word in name.lower() for word in ("checksum", "hash", "digest", "sha256", "fingerprint"))


def is_random(text: str) -> bool:
    """Says whether a text looks made by chance: long, without blanks, with letters and digits."""
    return (
        len(text) >= 16
        and not any(character.isspace() for character in text)
        and any(character.isdigit() for character in text)
        and any(character.isalpha() for character in text)
        and is_value(text)
    )


def named_values(text: str) -> Iterator[tuple[str, str]]:
    """(name, value) of each line of a text like `NAME=value` or `name: value`."""
    for match in _LINE.finditer(text):
        yield match[1], match[2].rstrip()
