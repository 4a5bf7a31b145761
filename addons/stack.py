"""The console of an owner's stack, made of its parts: what is declared, what is read, and the changes."""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from addons.changes.came_true import missing
from addons.changes.jobs import Jobs
from addons.changes.journal import Journal
from addons.changes.model import Change, Job
from addons.changes.owners_stack import journal, owners_stack
from addons.changes.stack_file import StackFile
from addons.console import Console, LedgerRow, LeftOver
from addons.errors import AddonsError
from addons.status import gateway
from addons.status.cluster import Cluster
from addons.status.control import Control, Credential
from addons.status.declared import declared
from addons.status.kubernetes_api import KubernetesApi
from addons.status.left_over import left_over
from addons.status.model import Report
from addons.status.poller import Poller
from addons.status.readings import utc_now
from addons.status.rules import judge, report
from components.constants import GATEWAY_CONTAINER
from components.outputs import AccessOutput
from components.settings import Settings, SettingsError
from components.settings.load import parse
from engine.directory import StackDirectory
from engine.errors import UserError

# Seconds between two looks at what another process wrote of its changes.
_LOOK_AT_JOURNAL: Final = 1.0


def console(name: str = "", *, stays: bool = False) -> Console:
    """The console of the stack of that name in or above this directory; of the selected one without a name. Raises UserError.

    `stays`: reads by itself from now on, for a page and for `--watch`; else everything is read once, when it is first asked for.
    """
    directory = owners_stack(Path.cwd(), name)
    return StackConsole(directory, journal(directory, os.environ), stays=stays)


class StackConsole:
    """One stack, as `Console` says. With the credentials of whoever started it, and those in the stack's configuration."""

    def __init__(self, directory: StackDirectory, jobs: Journal, *, stays: bool) -> None:
        self._directory = directory
        self._stays = stays
        self._lock = threading.Lock()
        self._file = StackFile(directory.file)
        self._digest = self._file.read().digest
        self._settings = _settings(directory)
        api = KubernetesApi(self._settings.cluster)
        self._execute = api.execute
        self._control = Control(self._settings.tailnet, Credential.of(self._settings.tailnet))
        # The program itself knows nothing of a backend's organizations.
        cluster = Cluster(api, directory.stack.rpartition("/")[2])
        self._poller = Poller(declared(self._settings), cluster, self._control, api.execute)
        self._jobs = Jobs(directory, jobs, self._came_true, self._poller.tell)
        self._jobs_seen = self._jobs.version()
        self._was_read = False
        if stays:
            self._poller.start()

    def close(self) -> None:
        """Ends what reads by itself."""
        self._poller.stop()
        self._control.close()

    @property
    def stack(self) -> str:
        return self._directory.stack

    @property
    def read_only(self) -> str:
        return self._jobs.read_only

    def report(self) -> Report:
        self._follow_file()
        self._read_first()
        if self._stays:
            self._poller.look()
        return report(self.stack, self._poller.snapshots(), utc_now())

    def wait(self, after: int, seconds: float) -> int:
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, end - time.monotonic())
            version = self._poller.wait(after, min(left, _LOOK_AT_JOURNAL))
            if self._news_of_jobs():
                self._poller.tell()
            elif version > after or not left:
                return version

    def refresh(self, instance: str) -> None:
        self._poller.refresh(instance)

    def read(self, instance: str) -> None:
        """Reads an instance now, without netcheck, which takes seconds."""
        self._poller.once(instance)

    def access(self, instance: str) -> Sequence[AccessOutput]:
        rows: list[AccessOutput] = self._directory.outputs().get("access", [])
        return [row for row in rows if row["gateway"] == instance]

    def ledger(self, instance: str, limit: int) -> Sequence[LedgerRow]:
        return gateway.ledger(self._execute, self._poller.place(instance, GATEWAY_CONTAINER), limit)

    def decide(self, instance: str, request: str, approve: bool) -> str:
        self._may_write()
        done = gateway.decide(self._execute, self._poller.place(instance, GATEWAY_CONTAINER), request, approve)
        self.read(instance)
        return done

    def left_over(self) -> Sequence[LeftOver]:
        self._read_first()
        listed = self._control.reading()
        if listed.value is None:
            raise AddonsError("The tailnet's devices cannot be listed", listed.reason)
        return left_over(self._settings, self._poller.snapshots(), listed.value)

    def remove_device(self, device_id: str) -> None:
        self._may_write()
        if device_id not in {one.id for one in self.left_over()}:
            raise AddonsError(f"{device_id} is not a device that was left over", "List them again")
        self._control.remove(device_id)

    def propose(self, change: Change, by: str, key: SecretStr | None = None) -> Job:
        return self._jobs.propose(change, by, key)

    def confirm(self, job: str) -> Job:
        return self._jobs.confirm(job)

    def cancel(self, job: str) -> Job:
        return self._jobs.cancel(job)

    def jobs(self) -> Sequence[Job]:
        return self._jobs.all()

    def _read_first(self) -> None:
        """Reads everything, where nothing was read yet."""
        with self._lock:
            if not self._was_read:
                self._poller.once()
                self._was_read = True

    def _may_write(self) -> None:
        if reason := self.read_only:
            raise AddonsError(f"Nothing can be changed here: {reason}")

    def _came_true(self, change: Change) -> bool | str:
        self._follow_file()
        (snapshot,) = self._poller.once(change.instance)
        return missing(change, judge(snapshot, utc_now())) or True

    def _news_of_jobs(self) -> bool:
        with self._lock:
            before, self._jobs_seen = self._jobs_seen, self._jobs.version()
            return self._jobs_seen != before

    def _follow_file(self) -> None:
        """Takes what the stack wants out of its file anew, after anybody changed that; not while it cannot be read."""
        with self._lock:
            try:
                digest = self._file.read().digest
                if digest != self._digest:
                    self._settings = _settings(self._directory)
                    self._poller.declare(declared(self._settings))
                    self._digest = digest
            except UserError:
                return


def _settings(directory: StackDirectory) -> Settings:
    try:
        return parse(directory.config())
    except SettingsError as error:
        problem = "; ".join(str(one) for one in error.problems[:3])
        raise AddonsError(f"the configuration of {directory.stack} cannot be used: {problem}", "Mend it") from None
