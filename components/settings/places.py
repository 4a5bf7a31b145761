"""The places of the configuration by the models: the type that belongs there, and the path as far as it may be shown."""

import functools
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from components.settings.types import Harmless

# Stands for a key that may be anything.
HIDDEN: Final = "<key>"


@dataclass(frozen=True)
class Place:
    """A place: its path, and the type of what belongs there (None where nothing does)."""

    path: str
    type: Any

    @property
    def keys(self) -> list[str]:
        """The keys of the object that belongs here."""
        return list(_fields(self.type)) if _is_model(self.type) else []

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that may stand here."""
        return typing.get_args(self.type) if typing.get_origin(self.type) is Literal else ()

    @property
    def number(self) -> bool:
        """Says whether a whole number belongs here."""
        return self.type is int


def place_of(root: str, model: type[BaseModel], location: Sequence[str | int]) -> Place:
    """The place that pydantic names by a location below the model, whose own path is `root`."""
    path: str = root
    here: Any = model
    for part in location:
        if part == "[key]":
            continue
        if _is_model(here) and part in _fields(here):
            path, here = f"{path}.{part}", _bare(_fields(here)[str(part)])
        elif typing.get_origin(here) is dict:
            key, value = typing.get_args(here)
            path, here = f"{path}.{part if is_harmless(part, key) else HIDDEN}", _bare(value)
        elif typing.get_origin(here) is tuple and isinstance(part, int):
            path, here = f"{path}[{part}]", _bare(typing.get_args(here)[0])
        else:
            path, here = f"{path}.{HIDDEN}", None
    return Place(path, here)


@functools.cache
def known_words(model: type[BaseModel]) -> frozenset[str]:
    """All keys that the model and those within it have."""
    fields = _fields(model)
    inner = [_innermost(annotation) for annotation in fields.values()]
    return frozenset(fields).union(*(known_words(one) for one in inner if _is_model(one)))


def is_harmless(key: object, annotation: Any) -> bool:
    """Says whether a key is one of a type whose every value may be shown."""
    if not any(isinstance(mark, Harmless) for mark in typing.get_args(annotation)):
        return False
    try:
        TypeAdapter(annotation).validate_python(key)
    except ValidationError:
        return False
    return True


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _bare(annotation: Any) -> Any:
    """The type without its checks, and without `None` beside it."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _bare(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return _bare(next(one for one in typing.get_args(annotation) if one is not type(None)))
    return annotation


def _innermost(annotation: Any) -> Any:
    bare = _bare(annotation)
    return _innermost(typing.get_args(bare)[0]) if typing.get_origin(bare) is tuple else bare
