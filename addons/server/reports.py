"""The newest report, judged once for all who look at the same time: a hundred gateways take half a second."""

import threading
import time
from typing import Final

from addons.console import Console
from addons.status.model import Report

# Seconds for which a report is shown again while nothing was read anew; its values' ages go on in each browser.
_AGAIN: Final = 1.0


class Reports:
    """May be asked from any thread."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._version = 0
        self._until = 0.0
        self._report: Report | None = None

    def newest(self) -> Report:
        with self._lock:
            version = self._console.wait(self._version, 0)
            if self._report is None or version != self._version or time.monotonic() > self._until:
                self._report = self._console.report()
                self._version, self._until = version, time.monotonic() + _AGAIN
            return self._report
