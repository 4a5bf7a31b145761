"""Text files inside ConfigMaps, Secrets and other properties, read as JSON with comments (HuJSON)."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Final, cast

from policies.rules.kinds import Resource
from policies.rules.values import Object, Value, fields, items, text

# A string, a comment, or a comma before a closing bracket. Strings come first, so that "//" inside one is no comment.
_TOKEN: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA: Final = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)


class UnreadableError(ValueError):
    """The text is no JSON, so the pack cannot see what it says."""


def parse(document: str) -> Value:
    """The document's value. Raises UnreadableError, for a key given twice too: readers differ in which one counts."""
    bare = _TOKEN.sub(lambda match: match[0] if match[0].startswith('"') else " ", document)
    bare = _LAST_COMMA.sub(lambda match: match[1] or "", bare)
    try:
        return cast(Value, json.loads(bare, object_pairs_hook=_without_twins))
    except (ValueError, RecursionError) as error:
        raise UnreadableError from error


def _without_twins(pairs: list[tuple[str, Value]]) -> Object:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnreadableError
    return members


def files(resource: Resource) -> Iterator[tuple[str, str, str]]:
    """(file name, path, text) of each known entry of a ConfigMap or Secret."""
    if not resource.is_kubernetes or resource.kind not in ("ConfigMap", "Secret"):
        return
    for field in ("data", "stringData", "binaryData"):
        encoded = field == "binaryData" or (field == "data" and resource.kind == "Secret")
        for name, path, value in fields(resource.props.get(field), resource.at(field)):
            if (content := text(value)) is not None:
                yield name, path, _decoded(content) if encoded else content


def _decoded(content: str) -> str:
    try:
        return base64.b64decode(content).decode(errors="replace")
    except binascii.Error:
        return content


def find(value: Value, key: str) -> Iterator[Value]:
    """Every value under this key, at any depth, in any case: Go's decoder takes `allowfunnel` for `AllowFunnel`."""
    for name, _, element in fields(value, ""):
        if name.lower() == key.lower():
            yield element
        yield from find(element, key)
    for _, element in items(value, ""):
        yield from find(element, key)
