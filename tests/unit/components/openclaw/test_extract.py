"""The types in the repository are those of OpenClaw's schema, and nothing else of it."""

import json
from typing import Any

from components.openclaw.extract import text, types

REF = {
    "type": "object",
    "properties": {"source": {"const": "env"}, "provider": {"type": "string"}, "id": {"type": "string"}},
}
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Configuration",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string", "title": "A key that is called title", "default": "x"},
        "token": {"anyOf": [{"type": "string"}, REF]},
        "odd": {"type": "string", "pattern": r"^\p{L}$"},
        "plain": {"type": "string", "pattern": "^a$", "description": "words"},
        "plugin": {
            "$defs": {"name": {"type": "string"}},
            "properties": {"name": {"$ref": "#/$defs/name"}},
            "required": ["name"],
        },
    },
}


def test_only_types_are_left() -> None:
    slim = types(SCHEMA)
    assert {*slim} == {"type", "additionalProperties", "properties", "$defs"}
    assert slim["properties"] == {
        "title": {"type": "string"},
        "token": {"anyOf": [{"type": "string"}, REF], "secret": True},
        # JavaScript's own classes are not everybody's.
        "odd": {"type": "string"},
        "plain": {"type": "string", "pattern": "^a$"},
        # References are to the plugin's own root, and followed.
        "plugin": {"properties": {"name": {"type": "string"}}},
    }


def test_equal_parts_are_written_once() -> None:
    part = {"type": "object", "properties": {name: {"type": "string"} for name in "abcdefgh"}}
    slim = types({"type": "object", "properties": {"one": part, "two": {"items": part}}})
    ((name, shared),) = slim["$defs"].items()
    assert shared == part
    assert slim["properties"] == {"one": {"$ref": f"#/$defs/{name}"}, "two": {"items": {"$ref": f"#/$defs/{name}"}}}
    assert json.loads(text(slim)) == slim
