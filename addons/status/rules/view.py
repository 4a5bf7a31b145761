"""What a rule may look at: the readings of one instance that say something of the present, and since when things last."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, TypeVar

from addons.status.facts import (
    ClusterFacts,
    ContainerFacts,
    ControlFacts,
    Declared,
    GatewayFacts,
    NetcheckFacts,
    SidecarFacts,
    Snapshot,
)
from addons.status.readings import Reading, Source
from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER

T = TypeVar("T")

# Sources that are a process of a container: what it said before that was started anew is no longer so.
INSIDE: Final = {
    Source.SIDECAR: SIDECAR_CONTAINER,
    Source.NETCHECK: SIDECAR_CONTAINER,
    Source.GATEWAY: GATEWAY_CONTAINER,
}


class Unread(LookupError):
    """A source was asked for that is not known now: a rule names all the sources that it needs."""


@dataclass(frozen=True)
class View:
    """A snapshot as it is at `now`."""

    snapshot: Snapshot
    now: datetime

    @property
    def declared(self) -> Declared:
        return self.snapshot.declared

    @property
    def cluster(self) -> ClusterFacts:
        return self._current(self.snapshot.cluster)

    @property
    def sidecar(self) -> SidecarFacts:
        return self._current(self.snapshot.sidecar)

    @property
    def netcheck(self) -> NetcheckFacts:
        return self._current(self.snapshot.netcheck)

    @property
    def gateway(self) -> GatewayFacts:
        return self._current(self.snapshot.gateway)

    @property
    def control(self) -> ControlFacts:
        return self._current(self.snapshot.control)

    def reading(self, source: Source) -> Reading[Any] | None:
        """None for the stack's configuration, which is always at hand."""
        readings: dict[Source, Reading[Any]] = {
            Source.CLUSTER: self.snapshot.cluster,
            Source.SIDECAR: self.snapshot.sidecar,
            Source.NETCHECK: self.snapshot.netcheck,
            Source.GATEWAY: self.snapshot.gateway,
            Source.CONTROL: self.snapshot.control,
        }
        return readings.get(source)

    def knows(self, source: Source) -> bool:
        """True while what the source said is of the present."""
        return not self.why_unknown(source)

    def why_unknown(self, source: Source) -> str:
        """Why nothing of it is known now; empty when it is."""
        return self._unknown[source]

    @cached_property
    def _unknown(self) -> dict[Source, str]:
        """Asked for by every rule, so looked at once."""
        return {source: self._why_unknown(source) for source in Source}

    def _why_unknown(self, source: Source) -> str:
        reading = self.reading(source)
        if reading is None:
            return ""
        if reading.current(self.now) is None:
            return reading.reason or ("it was not read yet" if reading.read_at is None else "it was not read since")
        container = INSIDE.get(source, "")
        began = self.began(container) if container else None
        if began is not None and reading.read_at is not None and reading.read_at < began:
            return "its container was started since"
        if container and self.snapshot.cluster.current(self.now) is not None and not self.running(container):
            return "its container does not run"
        return ""

    def began(self, container: str) -> datetime | None:
        """When the container was last started, as far as the cluster tells. A time in the future is another clock's."""
        cluster = self.snapshot.cluster.current(self.now)
        if cluster is None:
            return None
        one = cluster.container(container)
        times = [cluster.started_at, one.last_ended_at if one is not None else None]
        return max((time for time in times if time is not None and time <= self.now), default=None)

    def running(self, container: str) -> bool:
        """True when the cluster is known, and says so."""
        cluster = self.snapshot.cluster.current(self.now)
        one = cluster.container(container) if cluster is not None else None
        return one is not None and one.state == "running"

    def container(self, name: str) -> ContainerFacts | None:
        return self.cluster.container(name)

    def seconds(self, since: datetime | None) -> float | None:
        """How long something lasts; None when that is not known."""
        return None if since is None else (self.now - since).total_seconds()

    def young(self, container: str, seconds: float) -> bool:
        """True when the container is known to have been started less than so many seconds ago."""
        lasted = self.seconds(self.began(container))
        return lasted is not None and lasted < seconds

    def _current(self, reading: Reading[T]) -> T:
        value = reading.value
        if value is None or not self.knows(reading.source):
            raise Unread(reading.source)
        return value
