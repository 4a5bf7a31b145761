"""One error for all that is wrong with a configuration: path, value (never a secret's) and mend."""

import difflib
import re
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

# What looks like a credential is not repeated: people put one into the wrong field, or a line too high.
_CREDENTIAL = re.compile(r"\b(sk|tskey|hskey)[-_]|[A-Za-z0-9]{20}")


@dataclass(frozen=True)
class Problem:
    """What is wrong at one place: `path` as in `instances[2].tailscale.hostname`, `message` with the mend."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path} {self.message}"


class SettingsError(Exception):
    """The configuration cannot be used; `problems` has everything that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"{count} in the stack's configuration; nothing was changed:"]
        super().__init__("\n".join([*lines, *(f"  {problem}" for problem in self.problems)]))


def path_of(root: str, location: Iterable[str | int]) -> str:
    """The path of a value as a person writes it: `instances[2].tailscale.hostname`."""
    path = root
    for part in location:
        # Keys of plain mappings are anybody's words too.
        path += f"[{part}]" if isinstance(part, int) else "._" if _CREDENTIAL.search(part) else f".{part}"
    return path


def problems_of(root: str, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """The problems of one failed model, in words that name the mend."""
    found: dict[str, Problem] = {}
    details = error.errors(include_url=False)
    for detail in details:
        # A list whose items failed is also reported as too short.
        within = detail["loc"]
        if detail["type"] == "too_short" and any(
            other["loc"][: len(within)] == within and other["loc"] != within for other in details
        ):
            continue
        # A union reports each of its members at a path of its own (`...className.function-after[...]`): one line is enough.
        location = [part for part in detail["loc"] if not (isinstance(part, str) and "[" in part)]
        path = path_of(root, location)
        found.setdefault(path, Problem(path, _message(model, detail, location)))
    return list(found.values())


def _message(model: type[BaseModel], detail: ErrorDetails, location: list[str | int]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    owner = _model_at(model, location[:-1])
    shown = _shown(model, location, detail["input"])
    match kind:
        case "extra_forbidden":
            return _unknown_key(owner, str(location[-1]))
        case "missing":
            return "is missing. Add it."
        case "value_error":
            return f"{shown}{context['error']}."
        case "literal_error":
            return f"{shown}must be one of {context['expected']}."
        case "too_short":
            return "is empty. Add at least one entry."
        case "model_type" | "dict_type":
            return "must be an object with keys of its own."
        case "tuple_type":
            return "must be a list."
        case _:
            return f"{shown}is not usable: {detail['msg']}."


def _unknown_key(owner: type[BaseModel] | None, key: str) -> str:
    known = [field.alias or name for name, field in owner.model_fields.items()] if owner else []
    close = difflib.get_close_matches(key, known, n=1)
    return f"is not a known key. {f'Did you mean {close[0]}?' if close else 'Known here: ' + ', '.join(known) + '.'}"


def _model_at(model: type[BaseModel], location: Iterable[str | int]) -> type[BaseModel] | None:
    """The model that holds the value at `location`, or None inside a plain mapping or list."""
    current: type[BaseModel] | None = model
    for part in location:
        if current is None or isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in current.model_fields.items()}
        current = next(iter(_models_in(fields[part].annotation)), None) if part in fields else None
    return current


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in typing.get_args(annotation) for found in _models_in(argument)]


def _shown(model: type[BaseModel], location: list[str | int], value: object) -> str:
    """`"value" `, for plain values of fields that hold no secret; else nothing."""
    if not isinstance(value, str | int | float | bool) or _CREDENTIAL.search(str(value)):
        return ""
    # An item of a list is shown as its field allows.
    field_at = list(location)
    while field_at and isinstance(field_at[-1], int):
        field_at.pop()
    owner = _model_at(model, field_at[:-1])
    if owner is None or not field_at:
        return ""
    fields = {field.alias or name: field for name, field in owner.model_fields.items()}
    field = fields.get(str(field_at[-1]))
    if field is None or SecretStr in _leaves(field.annotation):
        return ""
    # A scalar where an object belongs may well be a secret that was put one level too high.
    if _models_in(field.annotation):
        return ""
    return f'"{value}" '


def _leaves(annotation: Any) -> list[Any]:
    arguments = typing.get_args(annotation)
    return [leaf for argument in arguments for leaf in _leaves(argument)] if arguments else [annotation]
