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
                "is in plain text in the stack's configuration, so anybody who has read the file knows it. Replace the secret, "
                f"and encrypt the new one: pulumi config set --secret --path '{path}'.",
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
