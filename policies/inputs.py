"""Reads what people have without an engine: manifests (YAML or JSON, several in a file), and an exported state."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from policies.rules.yaml_text import documents

Described: TypeAlias = tuple[str, str, Mapping[str, Any]]
"""Type token, name, properties: what `policies.pack.analyze` takes."""


class InputError(ValueError):
    """A file cannot be read. The message says which, why, and what to do."""


def manifests(path: Path) -> Iterator[Described]:
    """Each object of a file of manifests. Raises InputError."""
    for number, document in enumerate(_documents(_text(path), str(path)), 1):
        if document is None:
            continue
        if not isinstance(document, dict):
            raise InputError(f"{path}: document {number} is not an object. Give files with Kubernetes manifests.")
        fields = cast(dict[str, Any], document)
        version, kind = fields.get("apiVersion"), fields.get("kind")
        if not isinstance(version, str) or not isinstance(kind, str):
            hint = " For an exported state, use --state." if "deployment" in fields else ""
            raise InputError(f"{path}: document {number} has no apiVersion and kind, so it is no manifest.{hint}")
        metadata = fields.get("metadata")
        name = cast(dict[str, Any], metadata).get("name") if isinstance(metadata, dict) else None
        yield token(version, kind), str(name or f"{path.name} {number}"), fields


def token(version: str, kind: str) -> str:
    """The type by which Pulumi calls a Kubernetes kind."""
    return f"kubernetes:{'core/v1' if version == 'v1' else version}:{kind}"


def state(path: Path) -> Iterator[Described]:
    """Each resource of an exported state (`pulumi stack export`), with its inputs. Raises InputError."""
    try:
        exported: Any = json.loads(_text(path))
        resources: Any = exported["deployment"].get("resources") or []
        for one in resources:
            if one.get("delete"):
                continue
            yield str(one["type"]), str(one["urn"]).rpartition("::")[2], one.get("inputs") or {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path} is no exported state. Make one with: pulumi stack export --file {path}") from None


def _documents(text: str, path: str) -> list[Any]:
    try:
        return documents(text)
    except ValueError as error:
        raise InputError(
            f"{path} cannot be read: {error}. Give files with Kubernetes manifests in YAML or JSON."
        ) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(
            f"{path} is not text in UTF-8. Give files with Kubernetes manifests in YAML or JSON."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or 'unknown error').lower()}.") from None
