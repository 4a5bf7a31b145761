"""What the front ends ask for, and nothing else: the command line and the server stand on this, tests on a stand-in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from addons.changes.model import Change, Job
from addons.status.model import Report
from components.outputs import AccessOutput


@dataclass(frozen=True)
class LedgerRow:
    """Something that the agent of an instance did: from the gateway's audit ledger. `status` in OpenClaw's words."""

    at: datetime
    tool: str
    status: str
    took: float | None
    """Seconds."""
    run: str
    by: str = ""


@dataclass(frozen=True)
class LeftOver:
    """A device of the tailnet with a tag of ours that no instance and no node of the stack has."""

    id: str
    name: str
    tags: tuple[str, ...]
    last_seen: datetime | None
    doubt: str = ""
    """Why it may be somebody else's after all; empty where it is the stack's for certain."""


class Console(Protocol):
    """One stack. Every method may be called from any thread; errors are AddonsError with the mend."""

    @property
    def stack(self) -> str: ...

    @property
    def read_only(self) -> str:
        """Why nothing can be changed here; empty when it can."""
        ...

    def report(self) -> Report:
        """The newest judgement; reads nothing by itself while the poller runs."""
        ...

    def wait(self, after: int, seconds: float) -> int:
        """Blocks until something changed since version `after`, at most so long; the version now."""
        ...

    def refresh(self, instance: str) -> None:
        """Read this instance now, netcheck too; joins a read that is under way."""
        ...

    def access(self, instance: str) -> Sequence[AccessOutput]: ...

    def ledger(self, instance: str, limit: int) -> Sequence[LedgerRow]: ...

    def decide(self, instance: str, request: str, approve: bool) -> str:
        """Approves or rejects a pairing; what was done, in words."""
        ...

    def left_over(self) -> Sequence[LeftOver]: ...

    def remove_device(self, device_id: str) -> None:
        """Removes a device that `left_over` lists, and no other."""
        ...

    def propose(self, change: Change, by: str, key: SecretStr | None = None) -> Job:
        """Begins a job with its preview, and returns at once. AddonsError when another job of the stack is not ended."""
        ...

    def confirm(self, job: str) -> Job: ...

    def cancel(self, job: str) -> Job:
        """One interrupt to the engine: what is in flight is finished. A job that asks is dropped."""
        ...

    def jobs(self) -> Sequence[Job]:
        """The newest first; the last 50."""
        ...
