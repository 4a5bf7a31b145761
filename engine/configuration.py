"""The stack file that the engine gets: a person's own, with other values laid over it."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Values = dict[str, Any]


@dataclass(frozen=True)
class StackConfig:
    """A stack file and what is laid over it. Objects are merged, everything else is replaced."""

    source: Path
    plain: Values = field(default_factory=dict[str, Any])
    secret: dict[str, str] = field(default_factory=dict[str, str])

    def document(self) -> Values:
        loaded: Values = yaml.safe_load(self.source.read_text()) or {}
        return {**loaded, "config": merged(loaded.get("config", {}), self.plain)}

    def signature(self) -> str:
        """Changes with any input: the written file is kept as long as this is the same, with its encrypted values."""
        parts = [self.document(), self.secret]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def merged(base: Values, over: Values) -> Values:
    """`over` laid on `base`, object by object."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]  # YAML's dict
    return result


def write(config: StackConfig, target: Path) -> bool:
    """Write the stack file; False when the one there already says the same. Keeps the salt of the secrets in it."""
    mark = target.with_suffix(".signature")
    signature = config.signature()
    if target.exists() and mark.exists() and mark.read_text() == signature:
        return False
    mark.unlink(missing_ok=True)
    document = config.document()
    if target.exists():
        old: Values = yaml.safe_load(target.read_text()) or {}
        document |= {key: old[key] for key in ("encryptionsalt",) if key in old}
    target.write_text(yaml.safe_dump(document, sort_keys=False))
    return True


def seal(config: StackConfig, target: Path) -> None:
    """Say that the file at `target` is complete, its secrets included."""
    target.with_suffix(".signature").write_text(config.signature())
