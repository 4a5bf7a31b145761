"""Judges a configuration against the types of one version of OpenClaw, offline."""

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

# A place in a configuration: keys, and places in lists.
Location = tuple[str | int, ...]
_FILE: Final = "schema-{}.json"
_KINDS: Final = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


@dataclass(frozen=True)
class Mistake:
    """A value that OpenClaw would not take. `unknown`: the keys that are none; `known`: those that it takes there."""

    location: Location
    message: str
    unknown: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """A text in a configuration. `secret`: OpenClaw takes a SecretRef there, too. `choice`: it is one of a few words."""

    location: Location
    value: str
    secret: bool = False
    choice: bool = False


class Schema:
    """The types of one version's configuration."""

    def __init__(self, types: dict[str, Any]) -> None:
        # Only here: most stacks configure nothing.
        import jsonschema_rs

        self._types = types
        self._validator = jsonschema_rs.Draft7Validator(types)

    @staticmethod
    @functools.cache
    def of(version: str | None) -> "Schema | None":
        """The types of a version such as `2026.9.6`; None for one whose types are not here."""
        path = Path(__file__).with_name(_FILE.format(version))
        return Schema(json.loads(path.read_text())) if version and path.is_file() else None

    @staticmethod
    @functools.cache
    def newest() -> "Schema":
        """The types of the newest version that is here."""
        files = Path(__file__).parent.glob(_FILE.format("*"))
        versions = [path.name.removeprefix("schema-").removesuffix(".json") for path in files]
        newest = Schema.of(max(versions, key=lambda version: [int(part) for part in re.findall(r"[0-9]+", version)]))
        assert newest
        return newest

    @functools.cached_property
    def words(self) -> frozenset[str]:
        """All keys that a configuration may have."""
        return frozenset(_words(self._types))

    def mistakes(self, config: Mapping[str, Any]) -> Iterator[Mistake]:
        """Everything in a configuration that has the wrong type, or no meaning."""
        for error in self._validator.iter_errors(config):
            yield from self._told(error)

    def texts(self, config: Mapping[str, Any]) -> Iterator[Text]:
        """Every text of a configuration."""
        yield from self._texts((), config, [self._types])

    @staticmethod
    def untyped(config: Mapping[str, Any]) -> Iterator[Text]:
        """Every text of a configuration whose version is not known."""
        yield from _untyped((), config)

    def _texts(self, location: Location, value: object, schemas: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
        options = [option for schema in schemas for option in self._options(schema)]
        match value:
            case str():
                secret = any("secret" in option for option in options)
                yield Text(location, value, secret, any("enum" in option or "const" in option for option in options))
            case dict():
                for key, item in cast(dict[str, Any], value).items():
                    inner = [_property(option, key) for option in options]
                    yield from self._texts((*location, key), item, [each for each in inner if each is not None])
            case list():
                inner = [option["items"] for option in options if isinstance(option.get("items"), dict)]
                for index, item in enumerate(cast(list[Any], value)):
                    yield from self._texts((*location, index), item, inner)
            case _:
                pass

    def _options(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The schema and its alternatives, references followed."""
        while reference := schema.get("$ref"):
            schema = self._types["$defs"][str(reference).rpartition("/")[2]]
        yield schema
        for word in ("anyOf", "oneOf", "allOf"):
            for option in schema.get(word, ()):
                yield from self._options(option)

    def _told(self, error: Any) -> Iterator[Mistake]:
        """An error of the validator in our words: its own quote what was written."""
        location, kind = tuple(error.instance_path), error.kind
        match kind.name:
            case "additionalProperties":
                known = tuple(self._keys(location))
                yield Mistake(location, "", tuple(kind.unexpected), known)
            case "type":
                yield Mistake(location, f"must be {' or '.join(_KINDS[one] for one in kind.types)}.")
            case "enum":
                yield Mistake(location, f"must be one of {', '.join(map(str, kind.options))}.")
            case "const":
                yield Mistake(location, f"must be {json.dumps(kind.expected_value)}.")
            case "anyOf" | "oneOf":
                yield from self._closest(location, [list(branch) for branch in kind.context])
            case "pattern":
                yield Mistake(location, "does not have the form that OpenClaw wants here.")
            case "minimum" | "exclusiveMinimum" | "minLength" | "minItems":
                yield Mistake(location, f"is too small or too short: the limit is {kind.limit}.")
            case "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems":
                yield Mistake(location, f"is too large or too long: the limit is {kind.limit}.")
            case _:
                yield Mistake(location, "is not usable here.")

    def _closest(self, location: Location, branches: list[list[Any]]) -> Iterator[Mistake]:
        """The mistakes of the alternative that was meant: the only one of the right type, or all of them as one choice."""
        right_type = [branch for branch in branches if not _is_other_type(location, branch)]
        if len(right_type) == 1:
            for error in right_type[0]:
                yield from self._told(error)
            return
        firsts = [branch[0].kind for branch in branches if branch and tuple(branch[0].instance_path) == location]
        constants = [json.dumps(kind.expected_value) for kind in firsts if kind.name == "const"]
        if constants and len(constants) == len(branches):
            yield Mistake(location, f"must be one of {', '.join(constants)}.")
            return
        kinds = sorted({_KINDS[one] for kind in firsts if kind.name == "type" for one in kind.types})
        yield Mistake(
            location, f"must be {' or '.join(kinds)}." if kinds else "is none of the forms that OpenClaw takes."
        )

    def _keys(self, location: Location) -> Iterator[str]:
        """The keys that an object at a place may have."""
        schemas: list[Mapping[str, Any]] = [self._types]
        for part in location:
            options = [option for schema in schemas for option in self._options(schema)]
            inner = [_property(option, part) if isinstance(part, str) else option.get("items") for option in options]
            schemas = [each for each in inner if isinstance(each, Mapping)]
        keys = [key for schema in schemas for option in self._options(schema) for key in option.get("properties", {})]
        yield from dict.fromkeys(keys)


def _is_other_type(location: Location, branch: Sequence[Any]) -> bool:
    """Says whether a value is not at all what an alternative takes."""
    for error in branch:
        if tuple(error.instance_path) != location:
            continue
        if error.kind.name in ("type", "const"):
            return True
        if error.kind.name in ("anyOf", "oneOf") and all(_is_other_type(location, each) for each in error.kind.context):
            return True
    return False


def _property(schema: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """The schema of what stands under a key; None where nothing is known of it."""
    named = schema.get("properties", {})
    other = named.get(key, schema.get("additionalProperties"))
    return cast(Mapping[str, Any], other) if isinstance(other, dict) else None


def children(location: Location, value: object) -> Iterator[tuple[Location, Any]]:
    """The items of an object or a list, each with its place; none of any other value."""
    match value:
        case dict():
            yield from (((*location, key), item) for key, item in cast(dict[str, Any], value).items())
        case list():
            yield from (((*location, index), item) for index, item in enumerate(cast(list[Any], value)))
        case _:
            pass


def _untyped(location: Location, value: object) -> Iterator[Text]:
    if isinstance(value, str):
        yield Text(location, value)
    for place, item in children(location, value):
        yield from _untyped(place, item)


def _words(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in cast(dict[str, Any], value).items():
            if key == "properties":
                yield from item
            yield from _words(item)
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            yield from _words(item)
