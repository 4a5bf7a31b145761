"""Drift: what the cluster and the tailnet have become by other hands, against what the program says."""

from typing import Final

from addons.changes.events import called
from engine.directory import StackDirectory
from gitops.model import Outcome, Summary, Thing
from gitops.preview import Files, preview

_HEALED: Final = (
    "The next apply brings back what the program says. Who wants to keep the change writes it into the stack file."
)


def drift(stack: StackDirectory, files: Files) -> Summary:
    """A preview that is to find nothing. What it finds differs from the program: somebody changed it by hand, or a commit was
    never applied. The plan is not kept: nobody reviewed it."""
    summary = preview(stack, files)
    files.plan.unlink(missing_ok=True)
    if summary.outcome is Outcome.CHANGE:
        told = summary.changes
        found = [
            *(f"{_called(one)} is another than the program says: {_keys(one)}." for one in told.updated),
            *(
                f"{_called(one)} is another than the program says, and would be made anew: {_keys(one)}."
                for one in told.replaced
            ),
            *(f"{_called(one)} is not there." for one in told.created),
            *(f"{_called(one)} is there, and the program does not declare it." for one in told.deleted),
        ]
        update = {"outcome": Outcome.DRIFT, "warnings": (*found, _HEALED, *summary.warnings)}
        summary = summary.model_copy(update=update)
    files.keep(summary)
    return summary


def _called(thing: Thing) -> str:
    words = called(thing.type, thing.name)
    return f"{words[0].upper()}{words[1:]}"


def _keys(thing: Thing) -> str:
    return ", ".join(f"`{key.replace('`', '')}`" for key in thing.keys) or "its content"
