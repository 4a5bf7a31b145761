"""The invariants as Pulumi policies, and `analyze` for those who have the resources and no engine."""

import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    proxy,
)

from policies.rules import ADVICE, INVARIANTS
from policies.rules.kinds import Resource
from policies.rules.rule import Invariant
from policies.rules.values import UNKNOWN, Value, obj

NAME: Final = "openclaw-tailnet"
DESCRIPTION: Final = "Refuses what would expose a gateway: public bindings, privileges, tokens, Tailscale's secrets."

_UNKNOWNS: Final = frozenset(
    {
        proxy.UNKNOWN_ARCHIVE_VALUE,
        proxy.UNKNOWN_ARRAY_VALUE,
        proxy.UNKNOWN_ASSET_VALUE,
        proxy.UNKNOWN_BOOLEAN_VALUE,
        proxy.UNKNOWN_NUMBER_VALUE,
        proxy.UNKNOWN_OBJECT_VALUE,
        proxy.UNKNOWN_STRING_VALUE,
    }
)
# How Pulumi marks special objects on the wire; the pack gets secrets unmarked, recorded requests have them marked.
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


def plain(value: Any) -> Value:
    """A property as the rules read it: out of the SDK's proxies, unknown leaves as UNKNOWN, secrets as their value."""
    if isinstance(value, str):
        return UNKNOWN if value in _UNKNOWNS else value
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        # One by one: a proxy raises at each unknown leaf, and the other leaves are still to be judged.
        values = {key: _plain_at(fields, key) for key in fields}
        if values.get(_SIGNATURE) in (_SECRET, _OUTPUT):
            return values.get("value", UNKNOWN)
        return values
    if isinstance(value, Sequence):
        elements = cast(Sequence[Any], value)
        return [_plain_at(elements, index) for index in range(len(elements))]
    return value


def _plain_at(container: Any, key: str | int) -> Value:
    try:
        return plain(container[key])
    except proxy.UnknownValueError:
        return UNKNOWN


def policy(invariant: Invariant) -> ResourceValidationPolicy:
    """An invariant for the engine. Without a level of its own: the pack's counts (mandatory, see __main__.py)."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        try:
            for message in invariant.messages(Resource(args.resource_type, args.name, obj(plain(args.props)))):
                report(message, None)
        # A rule that fails must not let the resource pass, and no traceback reaches a person.
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
            refused = "" if invariant.advisory else ", so it is refused"
            report(f"{invariant.id}: this resource cannot be judged{refused}. Report this: {where}", None)

    level = EnforcementLevel.ADVISORY if invariant.advisory else None
    return ResourceValidationPolicy(invariant.name, invariant.description, validate, level)


def policies() -> list[Policy]:
    return [policy(invariant) for invariant in (*INVARIANTS, *ADVICE)]


@dataclass(frozen=True)
class Violation:
    invariant: str
    type: str
    name: str
    message: str
    advisory: bool = False


def analyze(resources: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[Violation]:
    """Judges resources without an engine, each (type token, name, inputs: recorded or plain)."""
    return list(_violations(resources))


def _violations(resources: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Iterator[Violation]:
    for kind, name, props in resources:
        resource = Resource(kind, name, obj(plain(props)))
        for invariant in (*INVARIANTS, *ADVICE):
            for message in invariant.messages(resource):
                yield Violation(invariant.id, kind, name, message, invariant.advisory)
