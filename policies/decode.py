"""Properties as the rules read them: out of protobuf or plain Python, once for all rules."""

import json
from collections.abc import Mapping, Sequence, Sized
from typing import Any, Final, cast

from google.protobuf.struct_pb2 import ListValue, Struct

from policies.rules.values import UNKNOWN, Object, Value, obj

# How the engine writes a value that is not known yet, by its type (pulumi_policy.proxy has the same ones).
UNKNOWNS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
# How it marks secrets and outputs, on the wire and in an exported state.
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_MARKED: Final = ("1b47061264138c4ac30d75fd1eb44270", "d0e6a833031e9bbcd3f4e8bde6ca49a4")
# Far from what a resource has, and from what ends in a RecursionError here or in a rule.
_DEEPEST: Final = 100
_MOST_VALUES: Final = 100_000


class TooMuchError(ValueError):
    """The properties are nested deeper, or have more values, than any resource."""


def properties(value: Any) -> Object:
    """The properties of a resource: unknown leaves as UNKNOWN, secrets as their value (encrypted ones as UNKNOWN)."""
    return obj(_Decoder().plain(value, 0))


class _Decoder:
    def __init__(self) -> None:
        self._values = 0

    def plain(self, value: Any, depth: int) -> Value:
        if isinstance(value, str):
            return UNKNOWN if value in UNKNOWNS else value
        if value is None or isinstance(value, bool | int | float):
            return value
        self._values += 1 if isinstance(value, ListValue | Struct) else len(value) if isinstance(value, Sized) else 1
        if depth > _DEEPEST or self._values > _MOST_VALUES:
            raise TooMuchError
        # Struct and ListValue first: their own __getitem__ is several times as slow as a walk over their fields.
        if isinstance(value, Struct):
            return self._object({key: self._wire(item, depth + 1) for key, item in value.fields.items()}, depth)
        if isinstance(value, ListValue):
            return [self._wire(item, depth + 1) for item in value.values]
        if isinstance(value, Mapping):
            fields = cast(Mapping[Any, Any], value)
            return self._object({str(key): self.plain(item, depth + 1) for key, item in fields.items()}, depth)
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            return [self.plain(item, depth + 1) for item in cast(Sequence[Any], value)]
        return str(value)

    def _wire(self, value: Any, depth: int) -> Value:
        kind = value.WhichOneof("kind")
        if kind == "string_value":
            text: str = value.string_value
            return UNKNOWN if text in UNKNOWNS else text
        if kind == "struct_value":
            return self.plain(value.struct_value, depth)
        if kind == "list_value":
            return self.plain(value.list_value, depth)
        if kind == "number_value":
            return value.number_value
        return value.bool_value if kind == "bool_value" else None

    def _object(self, fields: dict[str, Value], depth: int) -> Value:
        if fields.get(_SIGNATURE) not in _MARKED:
            return fields
        if isinstance(shown := fields.get("plaintext"), str):
            # As `pulumi stack export --show-secrets` writes it.
            try:
                return self.plain(json.loads(shown), depth + 1)
            except ValueError:
                return UNKNOWN
        return fields.get("value", UNKNOWN)
