"""Text files inside ConfigMaps, Secrets and other properties, read as those read them for whom they are."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

import pyjson5

from components.tailnet import hujson
from policies.rules.kinds import Resource, leaves
from policies.rules.values import Value, fields, items, text

# Below it, nothing is a file with a configuration in it.
_SHORTEST: Final = 12


class UnreadableError(ValueError):
    """The text is no JSON of any kind, so the pack cannot see what it says."""


@dataclass(frozen=True)
class File:
    name: str
    path: str
    text: str


def parse(document: str) -> Value:
    """The document's value, as Go's decoders read it, with comments and trailing commas.

    Raises UnreadableError, for a key given twice too: readers differ in which one counts.
    """
    return _readable(_hujson(document))


def parse_json5(document: str) -> Value:
    """The document's value as OpenClaw reads its configuration: JSON5, and of a key given twice the last. Or UnreadableError."""
    return _readable(_json5(document))


# What several rules ask for is read once, also when it cannot be read.
_UNREADABLE: Final = object()


def _readable(value: Value) -> Value:
    if value is _UNREADABLE:
        raise UnreadableError
    return value


@lru_cache(maxsize=256)
def _hujson(document: str) -> Value:
    try:
        return hujson.loads(document)
    except ValueError:
        return _UNREADABLE


@lru_cache(maxsize=256)
def _json5(document: str) -> Value:
    try:
        return cast(Value, pyjson5.decode(document, maxdepth=hujson.DEEPEST))
    except (ValueError, pyjson5.Json5Exception):
        return _UNREADABLE


def files(resource: Resource) -> Iterator[File]:
    """Each known entry of a ConfigMap or Secret, and each longer text in an object of an operator."""
    if not resource.is_kubernetes:
        return
    if resource.kind in ("ConfigMap", "Secret"):
        for field in ("data", "stringData", "binaryData"):
            encoded = field == "binaryData" or (field == "data" and resource.kind == "Secret")
            for name, path, value in fields(resource.props.get(field), resource.at(field)):
                if (content := text(value)) is not None:
                    yield File(name, path, _decoded(content) if encoded else content)
    elif resource.is_custom:
        for path, name, content in leaves(resource.props.get("spec"), resource.at("spec")):
            if len(content) >= _SHORTEST:
                yield File(name, path, content)


def _decoded(content: str) -> str:
    try:
        return base64.b64decode(content).decode(errors="replace")
    # Of which binascii.Error is one; text that is not ASCII is another.
    except ValueError:
        return content


def find(value: Value, key: str) -> Iterator[Value]:
    """Every value under this key, at any depth, in any case: Go's decoder takes `allowfunnel` for `AllowFunnel`."""
    stack = [value]
    while stack:
        here = stack.pop()
        for name, _, element in fields(here, ""):
            if name.lower() == key.lower():
                yield element
            stack.append(element)
        stack += [element for _, element in items(here, "")]
