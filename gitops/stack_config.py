"""A stack's configuration as its files say it, read without any credentials: encrypted values are stood in for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from addons.changes.candidate import own_config, without_secrets
from engine.directory import StackDirectory
from gitops.errors import GitopsError

_DEFAULTS: Final = ("value", "default")


@dataclass(frozen=True)
class FileConfig:
    """`values` by key without the project's prefix; `encrypted` are the keys in which something is, as the engine tells it."""

    values: dict[str, Any]
    encrypted: frozenset[str]

    @property
    def plain(self) -> set[str]:
        """The keys in which nothing is encrypted: a secret there is a mistake."""
        return self.values.keys() - self.encrypted


def stack_config(stack: StackDirectory) -> FileConfig:
    """The configuration; what the stack does not say, the project's file says. Raises GitopsError."""
    shared: dict[str, Any] = _read(stack.directory / "Pulumi.yaml").get("config") or {}
    own = own_config(_read(stack.file))
    # An encrypted value is an object with this key alone, wherever it stands.
    encrypted = frozenset(key for key, value in own.items() if '"secure":' in json.dumps(value, default=str))
    return FileConfig({**_shared(shared), **without_secrets(own)}, encrypted)


def _shared(declared: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, entry in declared.items():
        for word in _DEFAULTS:
            if isinstance(entry, dict) and word in entry:
                values[key.rpartition(":")[2]] = entry[word]
    return values


def _read(path: Path) -> dict[str, Any]:
    try:
        document: Any = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise GitopsError(f"there is no {path.name}", "Name another stack with --stack") from None
    except (OSError, ValueError, yaml.YAMLError):
        # Not the parser's words: they quote the text.
        raise GitopsError(f"{path.name} cannot be read as YAML", "`pulumi config` says more") from None
    if not isinstance(document, dict):
        raise GitopsError(f"{path.name} is not a mapping of keys", "See docs/configuration.md")
    return document  # pyright: ignore[reportUnknownVariableType]  # YAML's own
