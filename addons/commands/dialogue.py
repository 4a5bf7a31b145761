"""A change at the command line: its preview in words, the question, its progress until it has ended."""

from collections.abc import Callable
from getpass import getuser
from typing import Final

import typer
from pydantic import SecretStr
from rich.console import Console as Screen
from rich.text import Text

from addons.changes.model import Change, Job, JobState, Preview
from addons.commands.invocation import INTERRUPTED
from addons.console import Console
from addons.errors import AddonsError

# What a line of a preview is about; the shape is there for those who see no colours.
_SORTS: Final = {
    "restarts": ("↻", "yellow"),
    "access gained": ("+", "green"),
    "access lost": ("-", "red"),
    "kept": ("=", "green"),
    "created": ("+", "green"),
    "changed": ("~", "yellow"),
    "deleted": ("-", "red"),
    "warning": ("!", "red"),
}


class Dialogue:
    """One change. `ask` is called with the question; it answers True for yes."""

    def __init__(self, console: Console, screen: Screen, ask: Callable[[str], bool]) -> None:
        self.console, self.screen, self.ask = console, screen, ask
        self._shown = 0

    def run(self, change: Change, key: SecretStr | None = None) -> None:
        """Proposes, shows, asks, applies and follows. Ends with typer.Exit where it did not come to what was wanted."""
        job = self.console.propose(change, getuser(), key)
        try:
            job = self._followed(job.id, until=JobState.ASKING)
            if job.preview is not None:
                self._preview(job.preview)
            if job.state is JobState.ASKING:
                job = self._answered(job)
        except KeyboardInterrupt:
            job = self._dropped(job.id)
        _end(self.screen, job)

    def _answered(self, job: Job) -> Job:
        if reason := self.console.read_only:
            self.console.cancel(job.id)
            raise AddonsError(
                f"Nothing was changed: {reason}", "Apply the patch above with `git apply`, and let it be reviewed"
            )
        if not self.ask("Apply this?"):
            return self.console.cancel(job.id)
        self.console.confirm(job.id)
        try:
            return self._followed(job.id)
        except KeyboardInterrupt:
            self._say("Asked the engine to stop: what is in flight is finished first. Ctrl-C again leaves it alone.")
            self.console.cancel(job.id)
            return self._followed(job.id)

    def _followed(self, job_id: str, until: JobState | None = None) -> Job:
        """Shows each event once, until the job has ended, or has come to that state."""
        version = 0
        while True:
            job = next((one for one in self.console.jobs() if one.id == job_id), None)
            if job is None:
                raise AddonsError(f"The change {job_id} is not known any more", "`status` shows what came of it")
            for event in job.events[self._shown :]:
                part = f" {event.done}/{event.total}" if event.done is not None and event.total else ""
                self._say(f"  {event.state}{part}: {event.says}")
            self._shown = max(self._shown, len(job.events))
            if job.state.ended or job.state is until:
                return job
            version = self.console.wait(version, 1.0)

    def _dropped(self, job_id: str) -> Job:
        """After Ctrl-C while nothing was applied, or a second one."""
        job = next(one for one in self.console.jobs() if one.id == job_id)
        if job.state in (JobState.QUEUED, JobState.PREVIEWING, JobState.ASKING):
            return self.console.cancel(job_id)
        self._say("Left: it goes on without being watched. `status` shows what comes of it.")
        raise typer.Exit(INTERRUPTED)

    def _preview(self, preview: Preview) -> None:
        for one in preview.consequences:
            shape, colour = _SORTS[one.sort]
            self.screen.print(Text.assemble("  ", (shape, colour), f" {one.sort:<13} ", one.says))
        for step in preview.steps:
            keys = f" ({', '.join(step.keys)})" if step.keys else ""
            self.screen.print(Text(f"    {step.operation} {step.type.rpartition(':')[2]} {step.name}{keys}", "dim"))
        if self.console.read_only and preview.file_diff:
            self.screen.print(Text(preview.file_diff), soft_wrap=True)

    def _say(self, line: str) -> None:
        self.screen.print(Text(line), soft_wrap=True)


def _end(screen: Screen, job: Job) -> None:
    """Says how it ended, where its last event did not."""
    if job.state is JobState.DONE:
        return
    if job.state is JobState.CANCELLED:
        screen.print(Text("Cancelled."))
        raise typer.Exit(1)
    raise AddonsError(job.problem or f"The change is {job.state}", job.hint)
