"""What the Addons say while a fault lasts: to somebody who has the page open, and asks the doctor now and then."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from addons.stack import StackConsole
from addons.status.doctor import diagnose
from addons.status.faults import FAULTS
from addons.status.model import Finding, Health, InstanceStatus
from tests.support.faults.fault import Fault
from tests.support.faults.report import ToldRow
from tests.support.faults.scene import Scene

# Seconds between two looks of a page, and between two questions to the doctor, who measures the network anew.
_LOOK: Final = 1.0
_ASK: Final = 8.0


@dataclass
class Told:
    """The first status of an instance that named the fault, by one of its rules, and the first in which the doctor took it
    for the cause: of two things that are wrong it is told the one that comes first, such as a pod that still starts.
    """

    fault: str
    found: InstanceStatus | None = None
    after: float = 0.0
    cause: Finding | None = None
    said: list[str] = field(default_factory=list[str])
    """Everything that was said first, for who wonders why it was not named."""
    _before: tuple[Finding, ...] = ()

    @property
    def rules(self) -> set[str]:
        return set(FAULTS[self.fault])

    def heard(self, status: InstanceStatus, after: float | None) -> None:
        """A status so many seconds after the fault began; None before that. What was there before is an earlier fault's."""
        if after is None:
            self._before = status.findings
            return
        if not self.said or self.said[-1] != status.headline:
            self.said.append(status.headline)
        if not self._naming(status):
            return
        if self.found is None:
            self.found, self.after = status, after
        cause = diagnose(status).cause
        if self.cause is None and cause is not None and cause.rule in self.rules:
            self.cause = cause

    def _naming(self, status: InstanceStatus) -> list[Finding]:
        """Findings by a rule of the fault. The same rule may have found the like before, such as an earlier restart."""
        earlier = {(one.rule, one.since) for one in self._before}
        return [one for one in status.findings if one.rule in self.rules and (one.rule, one.since) not in earlier]

    def row(self) -> ToldRow:
        """As docs/addons.md shows it. AssertionError for a fault that nobody was told of, or that the doctor took for another."""
        assert self.found is not None, f"no status named {self.fault} by {self.rules}: it said {self.said}"
        finding = self._naming(self.found)[0]
        # What degrades nothing is no cause: the doctor says it among what else is worth knowing.
        if finding.health is Health.HEALTHY:
            doctor = f"worth knowing, at step {finding.step}"
        else:
            taken = diagnose(self.found).cause
            assert self.cause is not None, f"the doctor took {self.fault} for {taken}"
            doctor = f"step {self.cause.step}: {self.cause.says}"
        return ToldRow(self.fault, f"{finding.health}: {finding.says}", f"{self.after:.0f} s", doctor)


@contextmanager
def listening(console: StackConsole, fault: Fault, scene: Scene) -> Generator[Told]:
    """While the block runs somebody looks at the instance that the fault breaks."""
    told, over = Told(fault.name), threading.Event()

    def look() -> None:
        asked = time.monotonic()
        while not over.wait(_LOOK):
            now = time.monotonic()
            if told.cause is None and now - asked > _ASK:
                console.refresh(fault.breaks)
                asked = now
            status = next(one for one in console.report().instances if one.id == fault.breaks)
            told.heard(status, time.monotonic() - scene.broken_at if scene.broken_at else None)

    looking = threading.Thread(target=look, name="somebody who looks", daemon=True)
    looking.start()
    try:
        yield told
    finally:
        over.set()
        looking.join(60)
