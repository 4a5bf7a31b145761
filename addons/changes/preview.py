"""The engine's preview of a candidate, bound to a plan, and what it means in words."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from addons.changes.candidate import Candidate
from addons.changes.consequences import Facts, access_of, consequences
from addons.changes.events import Operation, planned
from addons.changes.model import Preview
from addons.changes.stack_file import StackFile
from engine.directory import StackDirectory
from engine.errors import EngineError, UserError

_VIOLATED: Final = ("violates plan", "not allowed by the plan")
_NOT_REACHED: Final = "expected resource operations for "
_FAILED: Final = ("update failed", "preview failed")
HIDDEN: Final = "[secret]"


@dataclass(frozen=True)
class Files:
    """What a job keeps on disk until it ends, in a directory that only its user may read: a plan holds encrypted secrets."""

    directory: Path

    @property
    def candidate(self) -> Path:
        """The stack file as the change would leave it."""
        return self.directory / "candidate.yaml"

    @property
    def before(self) -> Path:
        """The stack file as it was."""
        return self.directory / "before.yaml"

    @property
    def plan(self) -> Path:
        return self.directory / "plan.json"

    def keep(self, candidate: Candidate) -> None:
        """Writes the two texts."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, text in ((self.candidate, candidate.text), (self.before, candidate.old.text)):
            write_private(path, text.encode())

    def remove(self) -> None:
        """Removes all of it."""
        for path in (self.candidate, self.before, self.plan):
            path.unlink(missing_ok=True)
        if self.directory.is_dir():
            self.directory.rmdir()


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only this user may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def preview(
    stack: StackDirectory, candidate: Candidate, files: Files, key: SecretStr | None = None
) -> tuple[Preview, frozenset[Operation]]:
    """What applying the candidate would do, and the operations that its plan has. A refusal of the engine or of the policy
    pack is part of the answer. `key` is blotted out wherever the engine might repeat it."""
    diff = StackFile(stack.file).patch(candidate.old.text, candidate.text)
    files.keep(candidate)
    # Made before the engine does: it would be readable by everybody.
    write_private(files.plan, b"")
    try:
        result = stack.preview(files.candidate, files.plan)
    except UserError as error:
        refused = said(error, key)
        hint = "Nothing was changed. Change what is named there, then try again"
        return Preview(
            change=candidate.change, consequences=(), steps=(), file_diff=diff, refused=refused, hint=hint
        ), frozenset()
    plan = planned(result.events)
    facts = Facts(candidate, plan.steps, access_of(plan.before), access_of(plan.after), plan.templates)
    shown = Preview(change=candidate.change, consequences=consequences(facts), steps=plan.steps, file_diff=diff)
    return shown, plan.operations


def said(error: UserError, key: SecretStr | None = None) -> str:
    """The engine's words, with nothing in them that is not for everybody: the message of a violated plan quotes values."""
    if violates_plan(error):
        return "the stack is not any more what it was at the preview: somebody changed it meanwhile"
    given = error.diagnostics if isinstance(error, EngineError) else []
    # What an update that failed has not come to any more says nothing of the reason, nor does that it failed.
    told = [line for line in given if not line.startswith(_NOT_REACHED) and line not in _FAILED]
    text = "\n".join(told) or error.problem
    return text.replace(key.get_secret_value(), HIDDEN) if key else text


def violates_plan(error: UserError) -> bool:
    """True when the engine refused to do anything but what was previewed."""
    texts = [error.problem, *(error.diagnostics if isinstance(error, EngineError) else [])]
    return any(words in text for words in _VIOLATED for text in texts)
