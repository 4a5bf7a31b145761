"""Secrets that stand in the stack's configuration without encryption: where they are, and how to encrypt them."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel, SecretStr

from components.settings.errors import Problem


def plain_secrets(path: str, value: object) -> Iterator[Problem]:
    """A problem for each secret within a part of the configuration in which nothing is encrypted.

    The engine tells the program which of the top keys (`tailnet`, `instances`...) hold something encrypted, and no more: a
    plain secret beside an encrypted one is not seen.
    """
    match value:
        case SecretStr():
            yield Problem(
                path,
                "stands in the stack's configuration in plain text. Encrypt it: pulumi config set --secret --path "
                f"'{path}'. Whoever read the file has it, so make a new one first.",
            )
        case BaseModel():
            for name, field in type(value).model_fields.items():
                yield from plain_secrets(f"{path}.{field.alias or name}", getattr(value, name))
        case tuple():
            for index, item in enumerate(cast(tuple[Any, ...], value)):
                yield from plain_secrets(f"{path}[{index}]", item)
        case Mapping():
            for key, item in cast(Mapping[str, Any], value).items():
                yield from plain_secrets(f"{path}.{key}", item)
        case _:
            pass
