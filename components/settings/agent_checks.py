"""Checks of OpenClaw's own configuration, as far as they can be made offline: keys of ours, secrets, types, variables."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from components.openclaw.reserved import INCLUDE, reserved
from components.openclaw.schema import Location, Schema, Text, children
from components.openclaw.secrets import is_plain_secret, variables
from components.settings.errors import Problem, counted, unknown_key
from components.settings.gateway import Gateway
from components.settings.images import openclaw_version
from components.settings.places import HIDDEN, is_harmless
from components.settings.types import ProviderKey
from components.settings.vocabulary import is_usual

# A ConfigMap holds 1 MiB; the rest is room for what is ours.
_MAXIMUM: Final = 512 * 1024
_DEEPEST: Final = 40
# Keys that are in no schema, and nobody's secret.
_SHOWN: Final = frozenset({INCLUDE, "main"})


def config(path: str, gateway: Gateway, image: str) -> Iterator[Problem]:
    """Problems of `gateway.config` at `path`, for the OpenClaw in this image."""
    given = gateway.config
    if not given:
        return
    if reason := _unusable(given):
        yield Problem(path, reason)
        return
    schema = Schema.of(openclaw_version(image))
    words = schema.words if schema else Schema.newest().words
    places = list(reserved(given))
    for where, row in places:
        yield Problem(_path(path, where, words), f"cannot be set here: {row.why}. Remove it.")
    ours = {where for where, _ in places}
    secrets = [text for text in _texts(given, schema) if is_plain_secret(text) and not _within(text.location, ours)]
    for text in secrets:
        yield Problem(_path(path, text.location, words), _secret_hint(path))
    known = ours | {text.location for text in secrets}
    if schema:
        yield from _mistakes(path, given, schema, known)
    yield from _variables(path, gateway, words)


def is_checked(gateway: Gateway, image: str) -> bool:
    """Says whether the types of this image's configuration are known, or there is nothing to check."""
    return not gateway.config or Schema.of(openclaw_version(image)) is not None


def _unusable(given: Mapping[str, Any]) -> str | None:
    if _depth(given) > _DEEPEST:
        return f"is nested too deeply. Use at most {_DEEPEST} levels."
    try:
        size = len(json.dumps(given, allow_nan=False))
    except ValueError:
        return "has a number that JSON does not have, such as .inf. Write another."
    return f"is too large: {size} bytes, of at most {_MAXIMUM}. Shorten it." if size > _MAXIMUM else None


def _depth(value: object, above: int = 0) -> int:
    if above > _DEEPEST:
        return above
    return max((_depth(item, above + 1) for _, item in children((), value)), default=above)


def _texts(given: Mapping[str, Any], schema: Schema | None) -> Iterator[Text]:
    return schema.texts(given) if schema else Schema.untyped(given)


def _mistakes(path: str, given: Mapping[str, Any], schema: Schema, known: Collection[Location]) -> Iterator[Problem]:
    """Values of the wrong type and keys that are none, but for those that another problem already names."""
    hidden: Counter[Problem] = Counter()
    for mistake in schema.mistakes(given):
        if _within(mistake.location, known):
            continue
        where = _path(path, mistake.location, schema.words)
        if not mistake.unknown:
            hidden[Problem(where, mistake.message)] += 1
        for key in mistake.unknown:
            if not _within((*mistake.location, key), known):
                hidden[Problem(*unknown_key(where, key, mistake.known, schema.words))] += 1
    for problem, count in hidden.items():
        yield counted(problem, count) if HIDDEN in problem.path else problem


def _variables(path: str, gateway: Gateway, words: Collection[str]) -> Iterator[Problem]:
    if gateway.secrets_from:
        # Only the cluster knows what they hold.
        return
    for where, name in variables(gateway.config):
        if name not in gateway.secrets and not name.startswith("OPENCLAW_"):
            shown = name if is_harmless(name, ProviderKey) else "<NAME>"
            yield Problem(
                _path(path, where, words),
                f"takes ${{{shown}}}, which gateway.secrets does not have. Add it there: pulumi config set --secret --path "
                f"'{path.removesuffix('.config')}.secrets.{shown}'.",
            )


def _secret_hint(path: str) -> str:
    return (
        "is a secret in plain text, and would be in a ConfigMap (I4). Write ${NAME} here, and set it: pulumi config set "
        f"--secret --path '{path.removesuffix('.config')}.secrets.<NAME>'."
    )


def _within(location: Location, places: Collection[Location]) -> bool:
    return any(location[: len(place)] == place for place in places)


def _path(path: str, location: Location, words: Collection[str]) -> str:
    """The path of a place, with the keys that are words of configurations: others may be anything."""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part if part in words or part in _SHOWN or is_usual(part) else HIDDEN}"
    return path
