"""docs/configuration.md, generated from the models: `python -m components.settings.document > docs/configuration.md`."""

import sys
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from components.settings.model import Model
from components.settings.stack import Settings
from components.unexpected import described, record

INTRODUCTION = """# Configuration

Generated from `components/settings/models.py`. All keys stand in `Pulumi.<stack>.yaml` under `openclaw-tailnet:`; an unknown
key is an error. A key with nothing behind it (all of it commented out) has its default.

Values marked *secret* are set with `pulumi config set --secret --path '<path>' <value>`. One in plain text is an error that names
it. The engine only tells which of the keys at the top hold something encrypted, so a plain secret beside an encrypted one in the
same `tailnet`, `instances` or `nodes` is not seen: look for values without `secure:` in the file.

An error shows the path, and of what was written only small numbers, known words and values that are usable as what they are: a
secret in the wrong place is not repeated, and a key that may be one stands there as `<key>`.
"""


def document() -> str:
    """The whole page, as Markdown."""
    return INTRODUCTION + "".join(f"\n{section}" for section in _sections("", Settings))


def _sections(path: str, model: type[BaseModel]) -> Iterator[str]:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    nested: list[tuple[str, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        inner = next((leaf for leaf in _leaves(field.annotation) if _is_model(leaf)), None)
        meaning = field.description or (inner.__doc__ or "" if inner else "")
        secret = " *Secret.*" if SecretStr in _leaves(field.annotation) else ""
        rows.append(f"| `{key}` | {_default(field, inner)} | {meaning}{_choices(field)}{secret} |")
        if inner:
            many = "[]" if typing.get_origin(field.annotation) is tuple else ""
            nested.append((f"{path}.{key}{many}".lstrip("."), inner))
    yield f"## {path or 'Top level'}\n\n{_first_line(model)}\n\n" + "\n".join(rows) + "\n"
    for where, inner in nested:
        yield from _sections(where, inner)


def _is_model(leaf: Any) -> bool:
    return isinstance(leaf, type) and issubclass(leaf, Model)


def _leaves(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) is typing.Literal:
        return [annotation]
    arguments = typing.get_args(annotation)
    return [leaf for argument in arguments for leaf in _leaves(argument)] if arguments else [annotation]


def _choices(field: FieldInfo) -> str:
    for leaf in _leaves(field.annotation):
        if typing.get_origin(leaf) is typing.Literal:
            return " One of " + ", ".join(f"`{choice}`" for choice in typing.get_args(leaf)) + "."
    return ""


def _default(field: FieldInfo, inner: type[BaseModel] | None) -> str:
    if field.is_required():
        return "**required**"
    value: object = field.default
    if value is None or (inner and not isinstance(value, tuple)):
        return "see below" if inner and value is not None else ""
    if isinstance(value, tuple | dict):
        return f"`{list(value) if isinstance(value, tuple) else dict(value)}`"  # pyright: ignore[reportUnknownArgumentType]
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else ""


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    try:
        print(document(), end="")
    except Exception as error:
        sys.exit(f"error: {described(error)}. Details: {record(error)}. Fix the models, then run `make docs` again.")
