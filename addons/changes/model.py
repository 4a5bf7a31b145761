"""A change, what it would do, and the job that carries it out: what is shown, stored and sent, so never a secret."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from addons.status.readings import Frozen


class Kind(StrEnum):
    """What an owner may change here; everything else is in the stack file."""

    ENABLE = "enable"
    DISABLE = "disable"
    HOSTNAME = "hostname"
    ROTATE_KEY = "rotate-key"
    """The auth key: minted anew where the stack mints it, else the one that is given."""
    AUTH_KEY = "auth-key"
    """A key that the person pasted: into the stack's encrypted configuration."""
    ADDRESS = "dns"
    """Whether the MagicDNS name or the raw address is printed, exported and opened."""


class Change(Frozen):
    """One change of one instance. A pasted key is not in here: it is handed over beside it, and never stored in a job."""

    instance: str
    kind: Kind
    value: str = ""
    """The hostname, or `name` or `address` for ADDRESS."""


class Consequence(Frozen):
    """One line of what a change does, for a person who decides: sort, and the sentence."""

    sort: Literal["restarts", "access gained", "access lost", "kept", "created", "changed", "deleted", "warning"]
    says: str


class Step(Frozen):
    """One operation of the engine's plan that is not `same`."""

    operation: str
    type: str
    name: str
    keys: tuple[str, ...] = ()
    """Properties that differ, or that force a replacement; never their values."""


class Preview(Frozen):
    """What applying the change would do. `patch` is a diff for `git apply`, for stack files that git owns."""

    change: Change
    consequences: tuple[Consequence, ...]
    steps: tuple[Step, ...]
    file_diff: str
    """Of the stack file; encrypted values only."""
    refused: str = ""
    """Why it cannot be applied: the engine's or the policy pack's words. Empty when it can."""
    hint: str = ""


class JobState(StrEnum):
    QUEUED = "queued"
    PREVIEWING = "previewing"
    ASKING = "asking"
    """The preview is there; somebody must say yes."""
    APPLYING = "applying"
    VERIFYING = "verifying"
    DONE = "done"
    UNCONFIRMED = "applied, not confirmed"
    """The stack was updated, and the status did not come to what was wanted in time."""
    REFUSED = "refused"
    FAILED = "failed"
    """The stack file is as it was before."""
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (self.DONE, self.UNCONFIRMED, self.REFUSED, self.FAILED, self.CANCELLED)


class JobEvent(Frozen):
    """One line of a job's progress, in words. `number` counts from 1 in each job."""

    number: int
    at: datetime
    state: JobState
    says: str
    done: int | None = None
    total: int | None = None
    """Operations that are done, of how many."""


class Job(Frozen):
    """A change under way, or over. At most one of a stack is not ended."""

    id: str
    change: Change
    by: str
    """Who asked: a Tailscale login, or the local user's name."""
    began_at: datetime
    state: JobState
    preview: Preview | None = None
    events: tuple[JobEvent, ...] = Field(default=())
    problem: str = ""
    hint: str = ""
