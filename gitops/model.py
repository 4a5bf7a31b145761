"""The summary of a preview, as it is kept beside its plan: for programs as JSON, for people as Markdown. Never a secret."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from pydantic import Field

from addons.changes.model import Consequence
from addons.status.readings import Frozen


class Outcome(StrEnum):
    """How a command ended; each is an exit code."""

    UNCHANGED = "no change"
    PASSED = "nothing is refused"
    """Judged without credentials: what changes is not known."""
    CHANGE = "change"
    REFUSED = "refused"
    DRIFT = "drift"
    LOCKED = "locked"
    ERROR = "error"

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return _EXIT_CODES[self]


_EXIT_CODES: Final = {
    Outcome.UNCHANGED: 0,
    Outcome.PASSED: 0,
    Outcome.ERROR: 1,
    Outcome.CHANGE: 2,
    Outcome.REFUSED: 3,
    Outcome.DRIFT: 4,
    Outcome.LOCKED: 5,
}


class Thing(Frozen):
    """One resource. `keys` are the properties that differ, or that force a replacement; never their values."""

    type: str
    name: str
    keys: tuple[str, ...] = ()
    kept: bool = False
    """It leaves the stack, and stays in the cluster."""


class Image(Frozen):
    """A container's image that becomes another. `before` is empty for a new container, `after` for one that goes."""

    workload: str
    container: str
    before: str
    after: str


class Ruling(Frozen):
    """What the policy pack said. `rule` is the policy's name; only what is mandatory refuses."""

    rule: str
    mandatory: bool
    says: str


class Access(Frozen):
    """Who can connect afterwards: the difference of the access matrix, and what the program itself says."""

    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """The program's own lines, from the tailnet's policy before and after."""
    matrix: tuple[str, ...] = ()
    """Everybody who then has access, as a Markdown table."""


class Binding(Frozen):
    """What a plan belongs to: with anything else, it is not applied. `digest` is the plan's own."""

    stack: str
    commit: str
    uncommitted: tuple[str, ...]
    """Files that differ from the commit."""
    updated_at: str
    """When the stack's state was last written; empty for a stack that never was."""
    versions: dict[str, str]
    digest: str


class Changes(Frozen):
    """What an update would do."""

    created: tuple[Thing, ...] = ()
    updated: tuple[Thing, ...] = ()
    replaced: tuple[Thing, ...] = ()
    deleted: tuple[Thing, ...] = ()
    consequences: tuple[Consequence, ...] = ()
    """What restarts and for how long, and what is to be known of it."""
    access: Access = Field(default=Access())
    images: tuple[Image, ...] = ()

    @property
    def nothing(self) -> bool:
        """True when no resource becomes another."""
        return not (self.created or self.updated or self.replaced or self.deleted)


class Summary(Frozen):
    """One preview. `offline`: judged without credentials, so that what is there already is not known."""

    stack: str
    outcome: Outcome
    offline: bool = False
    binding: Binding | None = None
    changes: Changes = Field(default=Changes())
    pack: tuple[Ruling, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""

    def of(self, sort: str) -> Sequence[str]:
        """The sentences of one sort of consequence."""
        return [one.says for one in self.changes.consequences if one.sort == sort]
