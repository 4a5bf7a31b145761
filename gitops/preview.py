"""The preview of a stack: what an update would do, with everything that a reviewer and a pipeline need of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from addons.changes.preview import said, write_private
from components.constants import PIPELINE_NAMESPACE
from engine.directory import StackDirectory
from engine.errors import EngineError, StackLocked, UserError
from engine.operation import plain
from gitops.binding import binding
from gitops.errors import GitopsError
from gitops.events import rulings, warnings
from gitops.explain import changes
from gitops.markdown import markdown
from gitops.model import Outcome, Summary

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from pulumi.automation.events import EngineEvent

_STACK_TYPE: Final = "pulumi:pulumi:Stack"
# Said at the stack, too: that something else failed, and that the program is broken.
_NO_REASON: Final = ("preview failed", "The program failed unexpectedly")
# The API server's words to an account of gitops/rbac.py, for instance in the namespace of a new instance.
_NOT_GRANTED: Final = f'is forbidden: User "system:serviceaccount:{PIPELINE_NAMESPACE}:'
_GRANT: Final = "An administrator runs `python -m gitops rbac` of this commit first; then preview again"
_AGAIN: Final = "Change what is named, then preview again"


@dataclass(frozen=True)
class Files:
    """What a preview leaves in `directory`: only its user may read the plan, which holds the stack's secrets encrypted."""

    directory: Path

    @property
    def plan(self) -> Path:
        """The engine's plan."""
        return self.directory / "plan.json"

    @property
    def summary(self) -> Path:
        """The summary for programs."""
        return self.directory / "summary.json"

    @property
    def markdown(self) -> Path:
        """The summary for people."""
        return self.directory / "summary.md"

    def prepare(self) -> None:
        """Makes the directory, without what an earlier preview left there: a plan is never of another summary."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for path in (self.plan, self.summary, self.markdown):
            path.unlink(missing_ok=True)

    def keep(self, summary: Summary) -> None:
        """Writes the summary in both forms."""
        self.summary.write_text(summary.model_dump_json(indent=2) + "\n")
        self.markdown.write_text(markdown(summary))

    def read(self) -> Summary:
        """The summary that is kept there. Raises GitopsError."""
        try:
            return Summary.model_validate_json(self.summary.read_bytes())
        except OSError:
            hint = "Give --plan the directory that `preview --out` wrote"
            raise GitopsError(f"there is no {self.summary.name} in {self.directory}", hint) from None
        except ValueError:
            hint = "Preview again with the version that is here"
            raise GitopsError(f"{self.summary} is not the summary of a preview", hint) from None


def preview(stack: StackDirectory, files: Files) -> Summary:
    """What `up` would do, after a comparison with the world. A refusal, or a failure, is part of the answer; so is what the
    cluster has drifted from. What cannot even begin raises UserError."""
    files.prepare()
    # Made before the engine does: it would be readable by everybody.
    write_private(files.plan, b"")
    events: list[EngineEvent] = []
    # Asked for first: whoever updates the stack meanwhile makes the plan stale, and not true.
    before = stack.updated_at()
    try:
        stack.preview(stack.file, files.plan, events.append, refresh=True)
    except UserError as error:
        files.plan.unlink(missing_ok=True)
        summary = _failed(stack, error, events)
    else:
        told = changes(events)
        summary = Summary(
            stack=stack.stack,
            outcome=Outcome.UNCHANGED if told.nothing else Outcome.CHANGE,
            binding=binding(stack, files.plan).model_copy(update={"updated_at": before}),
            changes=told,
            pack=tuple(rulings(events)),
            warnings=(*_running(stack), *warnings(events)),
        )
    files.keep(summary)
    return summary


def _failed(stack: StackDirectory, error: UserError, events: "list[EngineEvent]") -> Summary:
    """A preview that came to no plan. What the pack refused is said by rule, everything else as the engine says it."""
    ruled = rulings(events)
    refused = any(one.mandatory for one in ruled)
    outcome = Outcome.REFUSED if refused or _by_the_program(events) else Outcome.ERROR
    if isinstance(error, StackLocked):
        outcome = Outcome.LOCKED
    return Summary(
        stack=stack.stack,
        outcome=outcome,
        pack=tuple(ruled),
        warnings=tuple(warnings(events)),
        problem="the policy pack refuses this change" if refused else said(error),
        hint=_hint(error),
    )


def _hint(error: UserError) -> str:
    if not isinstance(error, EngineError):
        return error.hint
    return _GRANT if _NOT_GRANTED in error.problem else _AGAIN


def _by_the_program(events: "list[EngineEvent]") -> bool:
    """True when the program itself said no: its settings, who owns a namespace, the tailnet's policy."""
    said = [one.diagnostic_event for one in events if one.diagnostic_event and one.diagnostic_event.severity == "error"]
    # Of a resource, it is its provider's.
    texts = [plain([one.message]).strip() for one in said if not one.urn or _STACK_TYPE in one.urn.split("::")]
    return any(text and not text.startswith(_NO_REASON) for text in texts)


def _running(stack: StackDirectory) -> tuple[str, ...]:
    held = [lock.words for lock in stack.holders() if lock.live]
    return tuple(
        f"Another update of the stack is running ({words}): what it does is not in this preview." for words in held
    )
