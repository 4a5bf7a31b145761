"""Server-sent events: which instances and changes are new, and a beat that pages can see. One look at the console for all."""

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from addons.console import Console
from addons.server.reports import Reports
from addons.status.model import InstanceStatus
from addons.status.readings import utc_now
from components.unexpected import record

# Seconds. A page that heard nothing for 15 says that it is not live.
BEAT: Final = 10.0
# Seconds that the console is waited for; what is new by the passing of time alone, as a source past its limit, is seen after it.
_WAIT: Final = 2.0
# Seconds between two looks: a console that reads a hundred gateways has news all the time. A look that takes long is rarer.
_PAUSE: Final = 0.3


class Changed(BaseModel):
    """What to fetch anew: instances and changes (by their ids) that differ from what they were at the event before."""

    version: int
    instances: list[str]
    jobs: list[str]


class Beat(BaseModel):
    """The stream lives, and this is the server's time."""

    now: datetime


class Changes:
    """Follows the console, however many streams follow it. Versions count from 1, anew with each server."""

    def __init__(self, console: Console, reports: Reports, beat: float = BEAT) -> None:
        self._console = console
        self._reports = reports
        self._beat = beat
        self._run: Final = secrets.token_hex(4)
        self._version = 0
        self._digests: dict[tuple[str, str], str] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._news = asyncio.Condition()
        self._ended = False
        self._followers = 0
        self._followed = asyncio.Event()

    async def follow(self) -> None:
        """Until it is cancelled; looks while somebody follows. A console that fails is asked again: pages see their values grow
        old meanwhile."""
        one = CapacityLimiter(1)
        seen = 0
        while True:
            await self._followed.wait()
            began = time.monotonic()
            try:
                await self._note(await to_thread.run_sync(self._look, limiter=one))
                await asyncio.sleep(max(_PAUSE, 2 * (time.monotonic() - began)))
                seen = await to_thread.run_sync(self._console.wait, seen, _WAIT, limiter=one, abandon_on_cancel=True)
            except Exception as error:
                record(error)
                await asyncio.sleep(_WAIT)

    def _look(self) -> dict[tuple[str, str], str]:
        digests = {("instance", status.id): _digest(status) for status in self._reports.newest().instances}
        return digests | {("job", job.id): f"{job.state}{len(job.events)}" for job in self._console.jobs()}

    async def _note(self, digests: dict[tuple[str, str], str]) -> None:
        """What went is new too: pages have to forget it."""
        new = {key for key in self._digests.keys() | digests if self._digests.get(key) != digests.get(key)}
        if not new:
            return
        async with self._news:
            self._version += 1
            self._digests = digests
            self._since |= dict.fromkeys(new, self._version)
            self._news.notify_all()

    async def end(self) -> None:
        """Ends every stream: a server that stops waits for nobody."""
        async with self._news:
            self._ended = True
            self._news.notify_all()

    def since(self, version: int) -> Changed:
        new = [key for key, at in self._since.items() if at > version]
        return Changed(
            version=self._version,
            instances=sorted(id for kind, id in new if kind == "instance"),
            jobs=sorted(id for kind, id in new if kind == "job"),
        )

    async def stream(self, last: str) -> AsyncIterator[ServerSentEvent]:
        """From the event with the id `last` on; from the start when it is another server's, or none."""
        self._followers += 1
        self._followed.set()
        try:
            async for event in self._events(last):
                yield event
        finally:
            self._followers -= 1
            if not self._followers:
                self._followed.clear()

    async def _events(self, last: str) -> AsyncIterator[ServerSentEvent]:
        run, _, number = last.partition("-")
        version = int(number) if run == self._run and number.isdecimal() else 0
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._ended:
            if self._version > version:
                changed = self.since(version)
                version = changed.version
                yield ServerSentEvent(event="changed", id=f"{self._run}-{version}", data=changed)
            if loop.time() >= due:
                due = loop.time() + self._beat
                yield ServerSentEvent(event="beat", data=Beat(now=utc_now()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due), self._news:
                    await self._news.wait_for(lambda seen=version: self._ended or self._version > seen)


def _digest(status: InstanceStatus) -> str:
    """Of all but the moment of judgement and the ages that follow from it: a new reading counts, a second that passed does not."""
    text = status.model_dump_json(exclude={"at": True, "sources": {"__all__": {"age"}}})
    return hashlib.sha256(text.encode()).hexdigest()


def router(changes: Changes) -> APIRouter:
    routes = APIRouter()

    @routes.get("/api/events", response_class=EventSourceResponse)
    async def events(
        last_event_id: Annotated[str, Header()] = "", after: Annotated[str, Query()] = ""
    ) -> AsyncIterator[ServerSentEvent]:
        """`changed` and `beat`. Resumes after the event that Last-Event-ID or `after` names."""
        async for event in changes.stream(last_event_id or after):
            yield event

    return routes
