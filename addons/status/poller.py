"""Reads every source at its own pace while somebody looks, once for all who look; the newest snapshots, and their changes."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from math import inf
from typing import Any, Final, TypeVar

from addons.errors import AddonsError
from addons.status import gateway, netcheck, sidecar
from addons.status.cluster import Cluster
from addons.status.control import Control
from addons.status.execution import Execute, Place
from addons.status.facts import BytesSample, ControlFacts, Declared, Snapshot
from addons.status.readings import STALE_AFTER, Reading, Source
from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER

# Most of the time of a read is waiting, so there are more than processors.
READS_AT_ONCE: Final = 48
HISTORY: Final = timedelta(minutes=15)
# Seconds for which somebody who looked is taken to look still.
LOOK_LASTS: Final = 30.0
CADENCE: Final = {source: after / 4 for source, after in STALE_AFTER.items()}
# Read by a run in a container: in which, and how.
RUNS: Final[dict[Source, tuple[str, Callable[[Execute, Place], Reading[Any]]]]] = {
    Source.SIDECAR: (SIDECAR_CONTAINER, sidecar.reading),
    Source.NETCHECK: (SIDECAR_CONTAINER, netcheck.reading),
    Source.GATEWAY: (GATEWAY_CONTAINER, gateway.reading),
}
_NOT_YET: Final = "It was not read yet"
# Who looks at everything; no instance is called so.
_ALL: Final = ""
# A source of one instance; of none, where one read is for all of them.
_Key = tuple[Source, str]
T = TypeVar("T")


@dataclass
class Known:
    """The newest readings of one instance. `pod` is the uid of the pod that they are of, `runs` what ran in it last."""

    pod: str = ""
    runs: tuple[str, ...] = ()
    readings: dict[Source, Reading[Any]] = field(
        default_factory=lambda: {source: Reading[Any](source=source, reason=_NOT_YET) for source in RUNS}
    )
    history: deque[BytesSample] = field(default_factory=deque[BytesSample])

    def take(self, reading: Reading[Any], pod: str) -> None:
        """The newer one; a failed one only says so beside what was known of the same pod before."""
        if pod and pod != self.pod:
            self.pod = pod
            self.readings = {source: _forgotten(known) for source, known in self.readings.items()}
            self.history.clear()
        self.readings[reading.source] = _newer(self.readings[reading.source], reading)
        if reading.source is Source.SIDECAR and reading.value is not None and reading.value.bytes and reading.read_at:
            self._count(BytesSample(at=reading.read_at, bytes=reading.value.bytes))

    def of(self, pod: str | None) -> dict[Source, Reading[Any]]:
        """The readings, as far as they are of this pod. None: nobody knows which pod there is."""
        if pod is None or pod == self.pod:
            return self.readings
        return {source: _forgotten(known) for source, known in self.readings.items()}

    def _count(self, sample: BytesSample) -> None:
        # A counter that went down belongs to another tailscaled.
        if self.history and not _grew(self.history[-1], sample):
            self.history.clear()
        self.history.append(sample)
        while self.history[0].at < sample.at - HISTORY:
            self.history.popleft()


def _newer(known: Reading[T], reading: Reading[T]) -> Reading[T]:
    return reading if reading.value is not None else known.failed(reading.reason)


def _forgotten(known: Reading[Any]) -> Reading[Any]:
    """What was read of a pod that is gone says nothing of its successor."""
    return Reading[Any](source=known.source, reason=known.reason or _NOT_YET)


def _grew(before: BytesSample, after: BytesSample) -> bool:
    ways = ((before.bytes.direct, after.bytes.direct), (before.bytes.peer_relay, after.bytes.peer_relay))
    return all(old <= new for old, new in (*ways, (before.bytes.relay, after.bytes.relay)))


class Poller:
    """One for all who look. `start` reads by itself until `stop`; `once` and `refresh` read when they are called.

    Every method may be called from any thread.
    """

    def __init__(self, declared: Iterable[Declared], cluster: Cluster, control: Control, execute: Execute) -> None:
        self._cluster, self._control, self._execute = cluster, control, execute
        self._pool = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="status")
        # Guards everything below, and is told of each change.
        self._news = threading.Condition(threading.RLock())
        self._version = 0
        self._stopped = False
        self._declared = {one.id: one for one in declared}
        self._instances: dict[str, Known] = {}
        self._tailnet: Reading[ControlFacts] = Reading(source=Source.CONTROL, reason=_NOT_YET)
        self._looks_end: dict[str, float] = {}
        self._running: dict[_Key, Future[None]] = {}
        self._begun: dict[_Key, float] = {}

    def start(self) -> None:
        self._cluster.follow(self._cluster_changed)
        threading.Thread(target=self._keep_reading, name="status-poller", daemon=True).start()

    def stop(self) -> None:
        self._cluster.stop()
        with self._news:
            self._stopped = True
            self._news.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def declare(self, declared: Iterable[Declared]) -> None:
        """The instances as the stack has them now: after a change."""
        with self._news:
            self._declared = {one.id: one for one in declared}
            self._instances = {name: one for name, one in self._instances.items() if name in self._declared}
            self.tell()

    def snapshots(self) -> tuple[Snapshot, ...]:
        """All instances in the stack's order, as they are known; reads nothing."""
        with self._news:
            declared = tuple(self._declared.values())
        return tuple(map(self._snapshot, declared))

    def snapshot(self, instance: str) -> Snapshot:
        """One instance as it is known; reads nothing. Raises AddonsError for one that the stack does not have."""
        return self._snapshot(self._of(instance))

    def wait(self, after: int, seconds: float) -> int:
        """Blocks until there is a newer version than `after`, at most so long; the version now."""
        with self._news:
            self._news.wait_for(lambda: self._version > after or self._stopped, seconds)
            return self._version

    def tell(self) -> None:
        """Something is new: whoever waits is woken."""
        with self._news:
            self._version += 1
            self._news.notify_all()

    def look(self, *instances: str) -> None:
        """Somebody looks at these instances now, or at all: they are read at their pace for as long as a look lasts."""
        end = time.monotonic() + LOOK_LASTS
        with self._news:
            self._looks_end.update(dict.fromkeys(instances or (_ALL,), end))
            self._news.notify_all()

    def refresh(self, instance: str) -> None:
        """Reads everything of one instance, netcheck too, and returns when that is done; joins reads that are under way."""
        self._read_now([self._of(instance)], tuple(RUNS))

    def once(self, *instances: str, measure: bool = False) -> tuple[Snapshot, ...]:
        """Reads these instances, or all, at the same time; with `measure` netcheck too, which takes up to 5 s."""
        with self._news:
            chosen = [self._of(name) for name in instances or self._declared]
        self._read_now(chosen, tuple(RUNS) if measure else (Source.SIDECAR, Source.GATEWAY))
        return tuple(map(self._snapshot, chosen))

    def place(self, instance: str, container: str) -> Place:
        """The running container of an instance. Raises AddonsError when there is none, with the reason."""
        place, _, reason = self._place(self._of(instance), container)
        if place is None:
            raise AddonsError(reason, "See the status of the instance")
        return place

    def _of(self, instance: str) -> Declared:
        with self._news:
            declared, known = self._declared.get(instance), ", ".join(self._declared)
        if declared is None:
            raise AddonsError(f"The stack has no instance {instance}", f"It has {known}" if known else "It has none")
        return declared

    def _snapshot(self, declared: Declared) -> Snapshot:
        cluster = self._cluster.reading(declared)
        with self._news:
            known = self._instances.setdefault(declared.id, Known())
            readings = known.of(cluster.value.pod_uid if cluster.value else None)
            return Snapshot(
                declared=declared,
                cluster=cluster,
                sidecar=readings[Source.SIDECAR],
                netcheck=readings[Source.NETCHECK],
                gateway=readings[Source.GATEWAY],
                control=self._tailnet,
                history=tuple(known.history) if readings is known.readings else (),
            )

    def _cluster_changed(self, namespace: str) -> None:
        """Reads an instance at once whose pod is another, or runs something else: nobody waits for its next turn."""
        with self._news:
            concerned = [one for one in self._declared.values() if namespace in ("", one.namespace)]
        for declared in concerned:
            facts = self._cluster.reading(declared).value
            runs = (facts.pod_uid, *(one.name for one in facts.containers if one.state == "running")) if facts else ()
            with self._news:
                known = self._instances.setdefault(declared.id, Known())
                if known.runs != runs:
                    known.runs = runs
                    for source in RUNS:
                        self._begun.pop((source, declared.id), None)
        self.tell()

    def _keep_reading(self) -> None:
        while True:
            with self._news:
                if self._stopped:
                    return
                looked_at = [one for one in self._declared.values() if self._is_looked_at(one.id)]
                wanted = [(source, one) for one in looked_at for source in RUNS]
                pauses = [self._read_when_due(Source.CONTROL, None)] if looked_at else []
                pauses += [self._read_when_due(source, one) for source, one in wanted]
                self._news.wait(min(pauses, default=None))

    def _is_looked_at(self, instance: str) -> bool:
        return max(self._looks_end.get(_ALL, 0.0), self._looks_end.get(instance, 0.0)) > time.monotonic()

    def _read_when_due(self, source: Source, declared: Declared | None) -> float:
        """Seconds until this is to be read again; begins to read it when that is now."""
        left = self._begun.get(_key(source, declared), -inf) + CADENCE[source] - time.monotonic()
        if left > 0:
            return left
        self._submit(source, declared)
        return CADENCE[source]

    def _read_now(self, chosen: Sequence[Declared], sources: Sequence[Source]) -> None:
        tailnet = self._submit(Source.CONTROL, None)
        if not self._cluster.following:
            self._cluster.read()
        wait([tailnet, *(self._submit(source, one) for source in sources for one in chosen)])

    def _submit(self, source: Source, declared: Declared | None) -> Future[None]:
        """The read of this source that is under way, or a new one."""
        key = _key(source, declared)
        with self._news:
            running = self._running.get(key)
            if running is None or running.done():
                self._begun[key] = time.monotonic()
                work = self._read_tailnet if declared is None else partial(self._read, source, declared)
                running = self._running[key] = self._pool.submit(work)
            return running

    def _read_tailnet(self) -> None:
        tailnet = self._control.reading()
        with self._news:
            self._tailnet = _newer(self._tailnet, tailnet)
            self.tell()

    def _read(self, source: Source, declared: Declared) -> None:
        container, reading = RUNS[source]
        place, pod, reason = self._place(declared, container)
        try:
            answer = Reading[Any](source=source, reason=reason) if place is None else reading(self._execute, place)
        except Exception as error:  # a mistake of ours must not look like a value that nobody read again
            answer = Reading[Any](source=source, reason=f"The Addons failed to read it: {type(error).__name__}")
        with self._news:
            self._instances.setdefault(declared.id, Known()).take(answer, pod)
            self.tell()

    def _place(self, declared: Declared, container: str) -> tuple[Place | None, str, str]:
        """The container while it runs, and the uid of its pod; else the reason why it does not."""
        if container == SIDECAR_CONTAINER and not declared.wanted:
            return None, "", "Tailscale is off"
        cluster = self._cluster.reading(declared)
        if cluster.value is None:
            return None, "", cluster.reason
        facts = cluster.value
        found = facts.container(container)
        if not facts.pod:
            return None, "", f"There is no pod of {declared.id}"
        if found is None or found.state != "running":
            why = found.reason if found else facts.phase
            return None, facts.pod_uid, f"The container {container} does not run{why and f': {why}'}"
        return Place(declared.namespace, facts.pod, container), facts.pod_uid, ""


def _key(source: Source, declared: Declared | None) -> _Key:
    return source, declared.id if declared else ""
