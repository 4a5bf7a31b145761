"""Holds Kubernetes inputs against the SDK's types, which are the API's: misspelt keys and wrong scalars are found offline."""

import functools
import importlib
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pulumi
import pulumi_kubernetes
from pulumi import _types as sdk_types  # pyright: ignore[reportPrivateUsage]  # the only offline schema

from tests.support.graph import UNKNOWN

_SCALARS: dict[type, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}


def _class_of(token: str) -> type[pulumi.CustomResource]:
    group, version, kind = token.removeprefix("kubernetes:").replace("/", ":").split(":")
    package = group.removesuffix(".k8s.io").split(".")[0]
    module = importlib.import_module(f"{pulumi_kubernetes.__name__}.{package}.{version}")
    return getattr(module, kind)


def problems(token: str, inputs: Mapping[str, Any]) -> list[str]:
    """Mistakes in the inputs of a Kubernetes resource, with paths."""
    return list(_object("", _known(token), inputs))


@functools.cache
def _known(token: str) -> dict[str, Any]:
    return {
        name: kind for name, kind in sdk_types.resource_types(_class_of(token)).items() if name not in ("id", "urn")
    }


_fields = functools.cache(sdk_types.output_type_types)


def _object(path: str, known: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[str]:
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        if key not in known:
            yield f"{where}: unknown key"
        else:
            yield from _value(where, known[key], item)


def _value(path: str, expected: Any, value: Any) -> Iterator[str]:
    kind = sdk_types.unwrap_type(expected)
    kind = sdk_types.unwrap_type(kind)
    if value is None or value == UNKNOWN or kind is Any:
        return
    origin = typing.get_origin(kind)
    if sdk_types.is_output_type(kind):
        if isinstance(value, Mapping):
            yield from _object(path, _fields(kind), cast(Mapping[str, Any], value))
        else:
            yield f"{path}: {value!r} is not an object"
    elif origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            yield f"{path}: {value!r} is not a mapping"
            return
        for key, item in cast(Mapping[str, Any], value).items():
            yield from _value(f"{path}[{key}]", typing.get_args(kind)[1], item)
    elif origin is not None and isinstance(origin, type) and issubclass(origin, Sequence):
        if not isinstance(value, list):
            yield f"{path}: {value!r} is not a list"
            return
        for index, item in enumerate(cast(list[Any], value)):
            yield from _value(f"{path}[{index}]", typing.get_args(kind)[0], item)
    elif origin is typing.Literal:
        if value not in typing.get_args(kind):
            yield f"{path}: {value!r} is not one of {typing.get_args(kind)}"
    elif kind in _SCALARS:
        if not isinstance(value, _SCALARS[kind]) or (isinstance(value, bool) and kind is not bool):
            yield f"{path}: {value!r} is not a {kind.__name__}"
    elif origin is typing.Union:
        problems_by_kind = [list(_value(path, member, value)) for member in typing.get_args(kind)]
        if all(problems_by_kind):
            yield problems_by_kind[0][0]
    else:
        yield f"{path}: the check does not know the type {kind}"
