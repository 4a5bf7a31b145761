"""The types of OpenClaw's configuration, from the schema that OpenClaw prints:

openclaw config schema | python -m components.openclaw.extract > components/openclaw/schema-2026.9.6.json
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from components.unexpected import described, record

Schema = dict[str, Any]

# Keys of a schema whose values are schemas by name.
_BY_NAME: Final = ("properties", "definitions", "$defs", "patternProperties")
# Words for people; and `required`, which lists keys that have a default: OpenClaw prints the schema of the file that it has
# filled in, and not of the one that somebody wrote.
_LEFT_OUT: Final = frozenset({"title", "description", "default", "examples", "$schema", "required", "format"})
# Shorter, a reference saves nothing.
_SHARED: Final = 120


def types(schema: Mapping[str, Any]) -> Schema:
    """The schema with its types alone. `secret: true` marks what may be a SecretRef; equal parts stand in `$defs` once."""
    return _shared(cast(Schema, _slim(schema, {})))


def _slim(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_slim(item, definitions) for item in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    node = cast(Schema, value)
    if reference := node.get("$ref"):
        # A plugin's own schema stands within the whole, with references to its own root.
        return _slim(definitions[str(reference).rpartition("/")[2]], definitions)
    inside = node.get("$defs", definitions)
    slim: Schema = {}
    for key, item in node.items():
        if key in _LEFT_OUT or key == "$defs" or (key == "propertyNames" and item == {"type": "string"}):
            continue
        if key == "pattern" and not _is_portable(item):
            continue
        slim[key] = (
            {name: _slim(each, inside) for name, each in item.items()} if key in _BY_NAME else _slim(item, inside)
        )
    if any(_is_secret_ref(option) for option in slim.get("anyOf", [])):
        slim["secret"] = True
    return slim


def _is_portable(pattern: str) -> bool:
    """JavaScript's own classes and escapes mean something else, or nothing, elsewhere."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return r"\0" not in pattern


def _is_secret_ref(option: Schema) -> bool:
    options = [option, *option.get("oneOf", []), *option.get("anyOf", [])]
    return any({"source", "provider", "id"} == {*each.get("properties", {})} for each in options)


def _shared(schema: Schema) -> Schema:
    """Equal parts become one definition, the largest first: a fifth of the size."""
    counts = Counter(_canonical(part) for part in _parts(schema))
    names = {
        text: f"d{number}"
        for number, text in enumerate(
            sorted(text for text, count in counts.items() if count > 1 and len(text) > _SHARED)
        )
    }

    def referred(value: Any, top: bool = False) -> Any:
        if isinstance(value, list):
            return [referred(item) for item in cast(list[Any], value)]
        if not isinstance(value, dict):
            return value
        node = cast(Schema, value)
        if not top and (name := names.get(_canonical(node))):
            return {"$ref": f"#/$defs/{name}"}
        return {
            key: {name: referred(each) for name, each in item.items()} if key in _BY_NAME else referred(item)
            for key, item in node.items()
        }

    shared = referred(schema, top=True)
    shared["$defs"] = {name: referred(json.loads(text), top=True) for text, name in names.items()}
    # Of parts within parts only the outermost is referred to.
    used = re.findall(r'"#/\$defs/(d\d+)"', json.dumps(shared))
    shared["$defs"] = {name: part for name, part in shared["$defs"].items() if name in used}
    return shared


def _parts(value: Any) -> Iterator[Schema]:
    if isinstance(value, list):
        for item in cast(list[Any], value):
            yield from _parts(item)
    elif isinstance(value, dict):
        node = cast(Schema, value)
        yield node
        for key, item in node.items():
            for part in item.values() if key in _BY_NAME else [item]:
                yield from _parts(part)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def text(schema: Schema) -> str:
    """One line for each section and each shared part, so that a new version shows what it changed."""
    lines: list[str] = []
    for key in ("properties", "$defs"):
        parts = ",\n".join(f"  {json.dumps(name)}: {_canonical(part)}" for name, part in sorted(schema[key].items()))
        lines.append(f" {json.dumps(key)}: {{\n{parts}\n }}")
    rest = [f" {json.dumps(key)}: {_canonical(schema[key])}" for key in sorted({*schema} - {"properties", "$defs"})]
    return "{\n" + ",\n".join([*rest, *lines]) + "\n}\n"


if __name__ == "__main__":
    try:
        print(text(types(json.load(sys.stdin))), end="")
    except Exception as error:
        sys.exit(
            f"error: {described(error)}. Details: {record(error)}. Give it the output of `openclaw config schema`, alone."
        )
