"""Property values of the protocol as plain Python; secrets are paths beside them, unknowns a marker."""

from collections.abc import Collection, Iterable
from typing import Any, TypeAlias, TypeGuard

from google.protobuf.struct_pb2 import NULL_VALUE, Struct
from google.protobuf.struct_pb2 import Value as ProtoValue

# JSON-like trees: their shape is known to the API server, not to us, so Any is the honest type of a leaf.
Props: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]

# Wire constants of the protocol (pulumi/runtime/rpc.py; importing them from there would load the whole SDK).
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Unknown:
    """A value that only the update will know. There is one, `UNKNOWN`; it equals nothing but itself."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __copy__(self) -> "Unknown":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "Unknown":
        return self


UNKNOWN = Unknown()


def is_map(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def children(value: object) -> Iterable[tuple[str | int, Any]]:
    """Keys (or indices) and values of a tree's node; nothing for a leaf."""
    if is_map(value):
        return value.items()
    if is_list(value):
        return enumerate(value)
    return ()


def has_unknown(value: object) -> bool:
    return value is UNKNOWN or any(has_unknown(child) for _, child in children(value))


def get(value: Any, *path: str | int) -> Any:
    """The value at a path, None where the path does not lead anywhere."""
    for key in path:
        if is_map(value) and isinstance(key, str):
            value = value.get(key)
        elif is_list(value) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def get_map(value: Any, *path: str | int) -> dict[str, Any]:
    """The mapping at a path, empty where there is none."""
    inner = get(value, *path)
    return inner if is_map(inner) else {}


def get_maps(value: Any, *path: str | int) -> list[dict[str, Any]]:
    """The mappings in the list at a path, none where there is no list."""
    inner = get(value, *path)
    return [item for item in inner if is_map(item)] if is_list(inner) else []


def unmarshal(struct: Struct) -> tuple[Props, set[Path]]:
    """Plain values, and the paths of those that came as secrets."""
    secrets: set[Path] = set()
    return {key: _unmarshal(value, (key,), secrets) for key, value in struct.fields.items()}, secrets


def _unmarshal(value: ProtoValue, path: Path, secrets: set[Path]) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == _UNKNOWN else value.string_value
    if kind == "number_value":
        # The wire has only floats; API servers refuse 1.0 where an integer belongs.
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_unmarshal(item, (*path, index), secrets) for index, item in enumerate(value.list_value.values)]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _SIGNATURE in fields:
            if fields[_SIGNATURE].string_value != _SECRET:
                raise ValueError(
                    f"{'.'.join(map(str, path))}: assets, archives and resource references are not supported"
                )
            secrets.add(path)
            return _unmarshal(fields["value"], path, secrets)
        return {key: _unmarshal(item, (*path, key), secrets) for key, item in fields.items()}
    return None


def marshal(props: Props, secrets: Collection[Path] = ()) -> Struct:
    """The wire form; values at `secrets` go out as secrets, paths that are not there are passed over."""
    struct = Struct()
    by_key = _group(secrets)
    for key, value in props.items():
        _marshal(value, by_key.get(key, ()), struct.fields[key])
    return struct


def _group(paths: Iterable[Path]) -> dict[str | int, list[Path]]:
    grouped: dict[str | int, list[Path]] = {}
    for path in paths:
        grouped.setdefault(path[0], []).append(path[1:])
    return grouped


def _marshal(value: Any, secrets: Collection[Path], into: ProtoValue) -> None:
    if () in secrets:
        into.struct_value.fields[_SIGNATURE].string_value = _SECRET
        into, secrets = into.struct_value.fields["value"], ()
    if value is None:
        into.null_value = NULL_VALUE
    elif value is UNKNOWN:
        into.string_value = _UNKNOWN
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, (int, float)):
        into.number_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif is_map(value):
        by_key = _group(secrets)
        into.struct_value.SetInParent()
        for key, item in value.items():
            _marshal(item, by_key.get(key, ()), into.struct_value.fields[key])
    elif is_list(value):
        by_key = _group(secrets)
        into.list_value.SetInParent()
        for index, item in enumerate(value):
            _marshal(item, by_key.get(index, ()), into.list_value.values.add())
    else:
        raise TypeError(f"a provider returned a {type(value).__name__}, which the protocol has no form for")
