"""What a person may do, checked once for the API and the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import SecretStr

from addons.changes.model import Change, Job, Kind
from addons.console import Console, LedgerRow, LeftOver
from addons.server.problems import Problem
from addons.server.reports import Reports
from addons.server.session import Visitor
from addons.status.model import InstanceStatus
from components.outputs import AccessOutput


@dataclass(frozen=True)
class Actions:
    """Raises Problem or AddonsError. Read-only, everything may be looked at, previews too, and nothing changed."""

    console: Console
    reports: Reports

    def instance(self, id: str) -> InstanceStatus:
        for status in self.reports.newest().instances:
            if status.id == id:
                return status
        raise Problem(HTTPStatus.NOT_FOUND, "The stack has no such instance.", "See the list of gateways.")

    def job(self, id: str) -> Job:
        for job in self.console.jobs():
            if job.id == id:
                return job
        raise Problem(HTTPStatus.NOT_FOUND, "There is no such change.", "Only the last 50 are kept.")

    def refresh(self, instance: str) -> None:
        self.console.refresh(self.instance(instance).id)

    def access(self, instance: str) -> Sequence[AccessOutput]:
        return self.console.access(self.instance(instance).id)

    def ledger(self, instance: str, limit: int) -> Sequence[LedgerRow]:
        return self.console.ledger(self.instance(instance).id, limit)

    def left_over(self) -> Sequence[LeftOver]:
        return self.console.left_over()

    def decide(self, instance: str, request: str, approve: bool) -> str:
        self._writable()
        return self.console.decide(self.instance(instance).id, request, approve)

    def remove(self, device: str) -> LeftOver:
        """The device that was removed. Only one that is left over: the list is read anew."""
        self._writable()
        for left in self.console.left_over():
            if left.id == device:
                self.console.remove_device(device)
                return left
        raise Problem(HTTPStatus.NOT_FOUND, "No such device is left over.", "Read the list again.")

    def propose(self, change: Change, visitor: Visitor, key: SecretStr | None = None) -> Job:
        """Begins the preview, which changes nothing."""
        self.instance(change.instance)
        if key is not None and change.kind is not Kind.AUTH_KEY:
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"A key belongs to a change of kind {Kind.AUTH_KEY.value}, and to no other."
            )
        return self.console.propose(change, visitor.name, key)

    def confirm(self, job: str) -> Job:
        self._writable()
        return self.console.confirm(self.job(job).id)

    def cancel(self, job: str) -> Job:
        return self.console.cancel(self.job(job).id)

    def _writable(self) -> None:
        if reason := self.console.read_only:
            raise Problem(HTTPStatus.FORBIDDEN, f"Nothing can be changed here: {reason}")
