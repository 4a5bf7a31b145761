"""A stand-in for `addons.console.Console`: gateways in any situation of addons_snapshots, and jobs that progress by themselves.

    console = FakeConsole()                       # three gateways: well, relayed, removed from the tailnet
    console = FakeConsole(pace=0.0)               # jobs end at once
    console.put("home", "name taken")             # a name in SITUATIONS, or a function of id and time
    console.read_only = "the stack file is managed by git"

A change of the hostname to `refused` is refused at its preview, one to `broken` fails while it is applied, and one to
`unconfirmed` is applied and never seen. What a change that succeeds does is then in the report.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from addons.changes.model import Change, Consequence, Job, JobEvent, JobState, Kind, Preview, Step
from addons.console import LedgerRow, LeftOver
from addons.errors import AddonsError
from addons.status.facts import Snapshot
from addons.status.model import Report
from addons.status.readings import utc_now
from addons.status.rules import report
from components.outputs import AccessOutput
from tests.support import addons_snapshots as snapshots

THREE: Final = {"home": "a pairing waits", "lab": "relayed", "den": "removed"}
_DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
# What each change does, as a preview says it.
CONSEQUENCES: Final[dict[Kind, tuple[Consequence, ...]]] = {
    Kind.ENABLE: (
        Consequence(sort="restarts", says="The gateway restarts: about 20 s without an answer."),
        Consequence(sort="access gained", says="alice@example.com reaches it again, at the same name."),
        Consequence(sort="kept", says="Same device, same address, all data."),
    ),
    Kind.DISABLE: (
        Consequence(sort="restarts", says="The gateway restarts: about 20 s without an answer."),
        Consequence(sort="access lost", says="alice@example.com does not reach it any more."),
        Consequence(sort="kept", says="Both volumes, the token and the device are kept. Nothing is deleted."),
    ),
    Kind.HOSTNAME: (
        Consequence(sort="restarts", says="The gateway restarts: about 20 s without an answer."),
        Consequence(sort="changed", says="Its address changes: bookmarks and clients need the new one."),
        Consequence(sort="warning", says="The nodes of this gateway must be told the new name."),
        Consequence(sort="kept", says="Same device, all data."),
    ),
    Kind.ROTATE_KEY: (
        Consequence(sort="created", says="A new auth key is minted; the old one is revoked after that."),
        Consequence(sort="restarts", says="The gateway restarts: about 20 s without an answer."),
        Consequence(sort="kept", says="Same device, same name, same address."),
    ),
    Kind.AUTH_KEY: (
        Consequence(sort="changed", says="The key that you gave is stored, encrypted, in the stack's configuration."),
        Consequence(sort="restarts", says="The gateway restarts: about 20 s without an answer."),
    ),
    Kind.ADDRESS: (Consequence(sort="changed", says="What is printed and opened changes. Nothing restarts."),),
}


@dataclass(order=True)
class _Due:
    """Something that happens at a time, unless its job has ended before."""

    at: float
    number: int
    job: str = field(compare=False)
    act: Callable[[Job], Job] = field(compare=False)


class FakeConsole:
    """One stack called `dev`. `clock` gives the time of the report; `pace` stretches the jobs (1.0: about six seconds)."""

    def __init__(
        self,
        situations: dict[str, str | snapshots.Situation] | None = None,
        *,
        pace: float = 1.0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.stack = "dev"
        self.read_only = ""
        self.pace, self.clock = pace, clock
        self.decided: list[tuple[str, str, bool]] = []
        self.removed: list[str] = []
        self.refreshed: list[str] = []
        self.keys_given: list[SecretStr] = []
        """What was pasted; it must come out nowhere."""
        self._changed = threading.Condition()
        self._version, self._numbers = 1, 0
        self._situations: dict[str, snapshots.Situation] = {}
        self._declared: dict[str, dict[str, Any]] = {}
        self._answered: set[str] = set()
        self._jobs: list[Job] = []
        self._due: list[_Due] = []
        for name, situation in (situations or THREE).items():
            self.put(name, situation)

    # What a test does to it.

    def put(self, name: str, situation: str | snapshots.Situation) -> None:
        """From now on this gateway is in that situation."""
        with self._changed:
            self._situations[name] = snapshots.SITUATIONS[situation] if isinstance(situation, str) else situation
            self._touch()

    # What the front ends do with it.

    def report(self) -> Report:
        with self._changed:
            self._advance()
            now = self.clock()
            return report(self.stack, [self._snapshot(name, now) for name in self._situations], now)

    def wait(self, after: int, seconds: float) -> int:
        until = time.monotonic() + seconds
        with self._changed:
            self._advance()
            while self._version <= after and (left := until - time.monotonic()) > 0:
                due = min((one.at for one in self._due), default=until)
                self._changed.wait(max(0.001, min(left, due - time.monotonic())))
                self._advance()
            return self._version

    def refresh(self, instance: str) -> None:
        self._known(instance)
        self.refreshed.append(instance)

    def access(self, instance: str) -> Sequence[AccessOutput]:
        self._known(instance)
        connects: AccessOutput = {
            "subject": "alice@example.com",
            "device": f"openclaw-{instance}",
            "gateway": instance,
            "port": "tcp 443",
            "canConnect": True,
            "canExecute": True,
            "canDriveBrowserOf": "",
            "grant": "grants[0]",
        }
        node: AccessOutput = {**connects, "subject": "tag:openclaw-node-build", "canExecute": False}
        undecided: AccessOutput = {**connects, "subject": "group:guests", "canConnect": None, "canExecute": False}
        return connects, node, undecided

    def ledger(self, instance: str, limit: int) -> Sequence[LedgerRow]:
        self._known(instance)
        now = self.clock()
        rows = [
            LedgerRow(snapshots.ago(now, 300), "exec", "succeeded", 0.5, "run-3", "alice@example.com"),
            LedgerRow(snapshots.ago(now, 900), "web_fetch", "failed", 12.0, "run-2", "alice@example.com"),
            LedgerRow(snapshots.ago(now, 4000), "exec", "blocked", None, "run-1"),
        ]
        return rows[:limit]

    def decide(self, instance: str, request: str, approve: bool) -> str:
        self._known(instance)
        with self._changed:
            waiting = self._snapshot(instance, self.clock()).gateway.value
            asked = next((one for one in (waiting.pairings if waiting else None) or () if one.request == request), None)
            if asked is None:
                raise AddonsError("This request is over", "They end after five minutes: let the client ask again")
            self._answered.add(request)
            self.decided.append((instance, request, approve))
            self._touch()
        return f"{'Approved' if approve else 'Rejected'} {asked.name}"

    def left_over(self) -> Sequence[LeftOver]:
        old = LeftOver(
            "n12CNTRL", "openclaw-old.example.ts.net", ("tag:openclaw-old",), snapshots.ago(self.clock(), 604_800)
        )
        return () if old.id in self.removed else (old,)

    def remove_device(self, device_id: str) -> None:
        if device_id not in [one.id for one in self.left_over()]:
            raise AddonsError(f"The device {device_id} is not one that was left over", "`devices --stale` lists them")
        self.removed.append(device_id)

    def propose(self, change: Change, by: str, key: SecretStr | None = None) -> Job:
        self._known(change.instance)
        if key is not None:
            self.keys_given.append(key)
        with self._changed:
            self._advance()
            if running := next((one for one in self._jobs if not one.state.ended), None):
                raise AddonsError(
                    f"{running.by} is changing {running.change.instance} at this moment ({running.state})",
                    "Wait until that has ended, or cancel it",
                )
            self._numbers += 1
            job = Job(id=f"job-{self._numbers}", change=change, by=by, began_at=self.clock(), state=JobState.QUEUED)
            self._jobs.insert(0, job)
            self._later(
                0.2, job.id, lambda one: self._said(one, JobState.PREVIEWING, "Asking the engine for a preview")
            )
            self._later(1.2, job.id, lambda one: self._previewed(one))
            self._touch()
            self._advance()
            return self._job(job.id)

    def confirm(self, job: str) -> Job:
        with self._changed:
            self._advance()
            asked = self._job(job)
            if asked.state is not JobState.ASKING:
                raise AddonsError(
                    f"This change is {asked.state}, so it cannot be applied", "Look at its end, then ask anew"
                )
            if self.read_only:
                raise AddonsError(self.read_only, "Apply the patch instead")
            self._change(self._said(asked, JobState.APPLYING, "Applying", 0, 3))
            says = ("The configuration is written", "The old pod has ended", "The new pod is ready")
            for index, one in enumerate(says, 1):
                self._later(0.8 * index, job, lambda it, i=index, one=one: self._said(it, JobState.APPLYING, one, i, 3))
            if asked.change.value == "broken":
                self._later(
                    2.0,
                    job,
                    lambda it: self._ended(
                        it, JobState.FAILED, "pulumi up failed: quota exceeded", "Ask for more room"
                    ),
                )
            self._later(2.6, job, lambda it: self._said(it, JobState.VERIFYING, "Waiting until the status says so"))
            self._later(4.0, job, self._finished)
            self._advance()
            return self._job(job)

    def cancel(self, job: str) -> Job:
        with self._changed:
            self._advance()
            running = self._job(job)
            if running.state.ended:
                raise AddonsError(f"This change has ended already: {running.state}")
            if running.state in (JobState.APPLYING, JobState.VERIFYING):
                self._later(
                    0.5, job, lambda it: self._ended(it, JobState.CANCELLED, "Stopped: what was in flight is finished")
                )
            else:
                self._change(self._ended(running, JobState.CANCELLED, "Dropped. Nothing was changed"))
            self._advance()
            return self._job(job)

    def jobs(self) -> Sequence[Job]:
        with self._changed:
            self._advance()
            return tuple(self._jobs[:50])

    # How it does it.

    def _known(self, instance: str) -> None:
        if instance not in self._situations:
            raise AddonsError(f"There is no instance {instance}", f"There are {', '.join(self._situations)}")

    def _snapshot(self, name: str, now: datetime) -> Snapshot:
        snapshot = self._situations[name](name, now)
        waiting = snapshot.gateway.value
        if waiting is not None and waiting.pairings:
            left = tuple(one for one in waiting.pairings if one.request not in self._answered)
            snapshot = snapshots.altered(snapshot, gateway={"pairings": left})
        return snapshots.altered(snapshot, declared=self._declared.get(name, {}))

    def _job(self, job: str) -> Job:
        found = next((one for one in self._jobs if one.id == job), None)
        if found is None:
            raise AddonsError(f"There is no job {job}")
        return found

    def _touch(self) -> None:
        self._version += 1
        self._changed.notify_all()

    def _later(self, seconds: float, job: str, act: Callable[[Job], Job]) -> None:
        self._numbers += 1
        self._due.append(_Due(time.monotonic() + seconds * self.pace, self._numbers, job, act))

    def _advance(self) -> None:
        """What was due until now has happened."""
        while due := sorted(one for one in self._due if one.at <= time.monotonic())[:1]:
            self._due.remove(due[0])
            job = self._job(due[0].job)
            if not job.state.ended:
                self._change(due[0].act(job))

    def _change(self, job: Job) -> None:
        self._jobs = [job if one.id == job.id else one for one in self._jobs]
        self._touch()

    def _said(self, job: Job, state: JobState, says: str, done: int | None = None, total: int | None = None) -> Job:
        event = JobEvent(number=len(job.events) + 1, at=self.clock(), state=state, says=says, done=done, total=total)
        return job.model_copy(update={"state": state, "events": (*job.events, event)})

    def _ended(self, job: Job, state: JobState, problem: str, hint: str = "") -> Job:
        return self._said(job, state, problem).model_copy(update={"problem": problem, "hint": hint})

    def _previewed(self, job: Job) -> Job:
        change, refused = job.change, job.change.value == "refused"
        preview = Preview(
            change=change,
            consequences=CONSEQUENCES[change.kind],
            steps=(
                Step(operation="update", type=_DEPLOYMENT, name=f"{change.instance}-gateway", keys=("spec",)),
                Step(
                    operation="replace",
                    type="kubernetes:core/v1:ConfigMap",
                    name=f"{change.instance}-serve",
                    keys=("data",),
                ),
            ),
            file_diff=f"--- a/Pulumi.dev.yaml\n+++ b/Pulumi.dev.yaml\n@@ -7,3 +7,4 @@\n     - id: {change.instance}\n+      # changed\n",
            refused="The name refused is taken by another device of the tailnet" if refused else "",
            hint="Choose another name" if refused else "",
        )
        job = job.model_copy(update={"preview": preview})
        if refused:
            return self._ended(job, JobState.REFUSED, preview.refused, preview.hint)
        return self._said(job, JobState.ASKING, "The preview is there")

    def _finished(self, job: Job) -> Job:
        if job.change.value == "unconfirmed":
            return self._ended(job, JobState.UNCONFIRMED, "The status does not show the new name yet", "Run `doctor`")
        name, change = job.change.instance, job.change
        if change.kind is Kind.DISABLE:
            self._situations[name] = snapshots.off
        if change.kind is Kind.ENABLE:
            self._situations[name] = snapshots.well
        if change.kind is Kind.HOSTNAME:
            self._situations[name] = _renamed(change.value)
        if change.kind is Kind.ADDRESS:
            self._declared[name] = {"preferred": change.value}
        return self._said(job, JobState.DONE, "Done: the status shows what was wanted")


def _renamed(hostname: str) -> snapshots.Situation:
    """Well, under another name."""

    def situation(name: str, now: datetime) -> Snapshot:
        fqdn = f"{hostname}.example.ts.net"
        return snapshots.altered(
            snapshots.well(name, now),
            declared={"hostname": hostname, "fqdn": fqdn},
            sidecar={"dns_name": fqdn, "certificate_domains": (fqdn,)},
            control={"devices": (snapshots.device(name, now, name=fqdn, hostname=hostname),)},
        )

    return situation
