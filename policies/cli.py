"""The pack without an engine: `python -m policies FILE...` for manifests, `--state FILE` for an exported state.

Exit codes: 0 when nothing is refused, 1 when something is, 2 when a file cannot be read.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from policies.inputs import Described, InputError, manifests, state
from policies.pack import DEFAULT, POLICIES, Setup, Violation, analyze
from policies.rules.settings import SettingsError, settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge files and exit."""
    parser = argparse.ArgumentParser(
        "python -m policies",
        description="Says what in manifests, or in an exported state, would expose an OpenClaw gateway.",
        epilog="Exit codes: 0 nothing is refused, 1 something is, 2 a file cannot be read.",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="manifests: YAML or JSON, many in one too")
    parser.add_argument("--state", type=Path, metavar="FILE", help="a state: pulumi stack export --file FILE")
    parser.add_argument("--config", type=Path, metavar="FILE", help="as for pulumi preview --policy-pack-config")
    parser.add_argument("--json", action="store_true", help="one object for each line that would be said")
    options = parser.parse_args(arguments)
    if not options.files and not options.state:
        parser.error("give files with manifests, or --state FILE")
    try:
        setup, levels = _setup(options.config)
        resources: list[Described] = [one for file in options.files for one in manifests(file)]
        resources += state(options.state) if options.state else ()
    except (InputError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    violations = [_at_level(one, levels) for one in analyze(resources, setup)]
    refused = [one for one in violations if not one.advisory]
    for one in (*refused, *(one for one in violations if one.advisory)):
        print(
            json.dumps(dataclasses.asdict(one))
            if options.json
            else f"{'advice ' if one.advisory else 'refused'} {one.message}"
        )
    if not options.json:
        print(f"{len(resources)} resources: {len(refused)} refusals, {len(violations) - len(refused)} times advice.")
    sys.exit(1 if refused else 0)


def _at_level(violation: Violation, levels: Mapping[str, str]) -> Violation:
    level = levels.get(violation.policy)
    if level is None:
        return violation
    # An exception stays one.
    excepted = violation.advisory and not next(p for p in POLICIES if p.name == violation.policy).advisory
    return dataclasses.replace(violation, advisory=excepted or level == "advisory")


def _setup(path: Path | None) -> tuple[Setup, Mapping[str, str]]:
    """The setup and the levels by policy that a file of the engine's form asks for."""
    if path is None:
        return DEFAULT, {}
    names = {policy.name for policy in POLICIES}
    try:
        given = json.loads(path.read_text())
    except (OSError, ValueError):
        raise InputError(f"{path} is no JSON. Write an object with a level or parameters for each policy.") from None
    if not isinstance(given, dict):
        raise InputError(f"{path} is no object. Write one with a level or parameters for each policy.")
    levels: dict[str, str] = {}
    parameters: dict[str, Mapping[str, Any]] = {}
    excepted = set(DEFAULT.excepted)
    # What is said of all policies first: what is said of one wins.
    for name, value in sorted(cast(dict[str, Any], given).items(), key=lambda entry: entry[0] != "all"):
        if name not in (*names, "all"):
            raise InputError(f"{path}: there is no policy of this name. The policies are {', '.join(sorted(names))}.")
        fields: dict[str, Any] = {"enforcementLevel": value} if isinstance(value, str) else dict(value)
        level = fields.pop("enforcementLevel", None)
        if level not in (None, "advisory", "mandatory", "remediate", "disabled"):
            raise InputError(f"{path}: {name}: the level is one of advisory, mandatory and disabled.")
        for policy in names if name == "all" else {name}:
            if level:
                levels[policy] = level
        if (wanted := fields.pop("exceptions", None)) is not None:
            excepted = excepted | {name} if wanted else excepted - {name}
        parameters[name] = fields
    disabled = frozenset(name for name, level in levels.items() if level == "disabled")
    return Setup(settings(parameters), frozenset(excepted), disabled), levels
