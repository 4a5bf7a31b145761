"""What can be judged of a change without any credentials, as for a merge request from a fork: settings, program, policy pack."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components import names
from components.settings import SettingsError
from components.settings.load import parse
from engine.directory import StackDirectory
from gitops.errors import GitopsError
from gitops.events import access_said
from gitops.model import Access, Changes, Outcome, Ruling, Summary
from gitops.preview import Files
from gitops.stack_config import stack_config

if TYPE_CHECKING:  # 0.3 s to import, so only where the program is run
    from gitops.dry import Declared

_HINT: Final = "Change what is named, then push again"
_REFUSES: Final = 1


def offline(stack: StackDirectory, files: Files) -> Summary:
    """The summary of a stack of which only the files are known. There is no plan: nobody applies this."""
    from pulumi import RunError

    from gitops.dry import declared

    files.prepare()
    config = stack_config(stack)
    try:
        settings = parse(config.values, config.plain)
        program = stack.directory / "__main__.py"
        result = declared(program, config, settings, names.stack(stack.stack.rpartition("/")[2]))
    except (SettingsError, RunError) as error:
        problem = "; ".join(str(error).split("\n")) if isinstance(error, RunError) else _problems(error)
        summary = Summary(stack=stack.stack, outcome=Outcome.REFUSED, offline=True, problem=problem, hint=_HINT)
    else:
        summary = _told(stack, result)
    files.keep(summary)
    return summary


def _problems(error: SettingsError) -> str:
    return "; ".join(str(one) for one in error.problems)


def _told(stack: StackDirectory, result: "Declared") -> Summary:
    rulings = _judged(stack.directory, result)
    refused = any(one.mandatory for one in rulings)
    _, matrix = access_said(result.said)
    warned = [" ".join(text.split()) for severity, text in result.said if severity == "warning"]
    return Summary(
        stack=stack.stack,
        outcome=Outcome.REFUSED if refused else Outcome.PASSED,
        offline=True,
        changes=Changes(access=Access(matrix=matrix)),
        pack=tuple(rulings),
        # That there is no cluster is known here.
        warnings=tuple(text for text in warned if not text.startswith("The cluster cannot be read")),
        problem="the policy pack refuses this change" if refused else "",
        hint=_HINT if refused else "",
    )


def _judged(directory: Path, result: "Declared") -> list[Ruling]:
    """The pack's words, by `python -m policies`: as a program of its own, it has no module of this one."""
    with tempfile.TemporaryDirectory() as scratch:
        state = Path(scratch) / "state.json"
        state.write_text(json.dumps({"deployment": {"resources": [*_as_state(result)]}}, default=str))
        command = [sys.executable, "-m", "policies", "--json", "--state", str(state)]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode not in (0, _REFUSES):
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise GitopsError(f"the policy pack cannot judge this: {said}", "Install the packages of requirements.txt")
    said_of = [json.loads(line) for line in done.stdout.splitlines()]
    found = [Ruling(rule=one["policy"], mandatory=not one["advisory"], says=one["message"]) for one in said_of]
    return sorted(dict.fromkeys(found), key=lambda one: (not one.mandatory, one.rule, one.says))


def _as_state(result: "Declared") -> Iterable[Mapping[str, Any]]:
    return ({"type": kind, "urn": f"::{name}", "inputs": inputs} for kind, name, inputs in result.resources)
