"""What the cluster has of each instance: one list and one watch for each kind, for all instances and all who look."""

import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from addons.status import objects
from addons.status.facts import ClusterFacts, Declared
from addons.status.kubernetes_api import Edge, Gone, Happened, Kind, Listed, Unreachable
from addons.status.lenient import Json, mapping, shortened, text
from addons.status.readings import STALE_AFTER, Reading, Source, read, utc_now
from components import names
from components.constants import LABEL_STACK

# A watch ends after so long, and is taken up where it ended: that it can be is the proof that its silence meant "no news".
WATCH_SECONDS: Final = int(STALE_AFTER[Source.CLUSTER] / 4)
PAUSE_FIRST, PAUSE_LAST = 0.5, 15.0


def kinds(stack: str) -> tuple[Kind, ...]:
    """The four kinds. Events carry no labels: they are told apart by their namespace."""
    ours = ("labelSelector", f"{LABEL_STACK}={names.stack(stack)}")
    return (
        Kind("deployments", "/apis/apps/v1/deployments", ours),
        Kind("pods", "/api/v1/pods", ours),
        Kind("persistentvolumeclaims", "/api/v1/persistentvolumeclaims", ours),
        Kind("events", "/api/v1/events", ("fieldSelector", "type=Warning")),
    )


@dataclass
class _Known:
    """What is known of one kind: its objects by namespace and name. `reason` is set after a read that failed."""

    objects: dict[str, dict[str, Json]] = field(default_factory=dict[str, dict[str, Json]])
    read_at: datetime | None = None
    reason: str = "The cluster was not read yet"

    def replace(self, listed: Iterable[Json]) -> None:
        self.objects = {}
        for one in listed:
            self.put(one)
        self.seen()

    def put(self, one: Json) -> None:
        namespace, name = _key(one)
        self.objects.setdefault(namespace, {})[name] = one

    def drop(self, one: Json) -> None:
        namespace, name = _key(one)
        self.objects.get(namespace, {}).pop(name, None)

    def seen(self) -> None:
        self.read_at, self.reason = utc_now(), ""


class Cluster:
    """The cluster of one stack. `follow` keeps it up to date until `stop`; `read` reads it once, for who only asks once."""

    def __init__(self, edge: Edge, stack: str) -> None:
        self._edge = edge
        self._kinds = kinds(stack)
        self._known = {kind.name: _Known() for kind in self._kinds}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._changed: Callable[[str], None] = lambda _: None
        self.following = False

    def reading(self, declared: Declared) -> Reading[ClusterFacts]:
        """One instance, as old as the oldest of what it is made of. Warnings that may not be read only give a reason."""
        with self._lock:
            known = dict(self._known)
            reason = next((one.reason for one in known.values() if one.reason), "")
            needed = [one.read_at for name, one in known.items() if name != "events"]
            oldest = min((at for at in needed if at), default=None)
            if oldest is None or None in needed:
                return Reading(source=Source.CLUSTER, reason=reason)
            here = {name: list(one.objects.get(declared.namespace, {}).values()) for name, one in known.items()}
        facts = objects.facts(
            declared, here["deployments"], here["pods"], here["persistentvolumeclaims"], here["events"]
        )
        return read(Source.CLUSTER, facts, oldest).failed(reason)

    def read(self) -> None:
        """Lists each kind once, all at the same time; what fails is in the readings."""
        with ThreadPoolExecutor(len(self._kinds)) as pool:
            for _ in pool.map(self._try, self._kinds):
                pass

    def follow(self, changed: Callable[[str], None]) -> None:
        """Begins to list and watch. `changed` is called with the namespace in which something changed; with an empty one
        after each list, and when the connection was lost: then it may be anywhere.
        """
        self._changed, self.following = changed, True
        for kind in self._kinds:
            threading.Thread(target=self._follow, args=(kind,), name=f"watch-{kind.name}", daemon=True).start()

    def stop(self) -> None:
        """No watch is taken up again; one that is open ends by itself within WATCH_SECONDS."""
        self._stopped.set()

    def _follow(self, kind: Kind) -> None:
        pause = PAUSE_FIRST
        while not self._stopped.is_set():
            try:
                version = self._list(kind)
                while not self._stopped.is_set():
                    began = time.monotonic()
                    version = self._watch(kind, version)
                    # Only now: a cluster that lists, and then breaks each watch, is not to be asked twice a second.
                    pause = PAUSE_FIRST
                    # Nor one whose watches end at once.
                    self._stopped.wait(max(0.0, 1.0 - (time.monotonic() - began)))
            except Gone:
                pass
            except Unreachable as error:
                self._lost(kind, error)
            except Exception as error:  # a thread that ended would leave its kind as it was, without a word
                self._lost(kind, Unreachable(f"The cluster's {kind.name} cannot be read: {shortened(repr(error))}"))
            self._stopped.wait(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, PAUSE_LAST)

    def _try(self, kind: Kind) -> None:
        try:
            self._list(kind)
        except Unreachable as error:
            self._lost(kind, error)

    def _list(self, kind: Kind) -> str:
        listed: Listed = self._edge.list(kind)
        with self._lock:
            self._known[kind.name].replace(listed.objects)
        self._changed("")
        return listed.version

    def _watch(self, kind: Kind, version: str) -> str:
        """The version from which to go on, when it has ended as it should."""
        for happened in self._edge.watch(kind, version, WATCH_SECONDS):
            version = text(mapping(happened.object.get("metadata")).get("resourceVersion")) or version
            self._take(kind, happened)
            if self._stopped.is_set():
                break
        with self._lock:
            self._known[kind.name].seen()
        return version

    def _take(self, kind: Kind, happened: Happened) -> None:
        with self._lock:
            known = self._known[kind.name]
            known.seen()
            if happened.type in ("ADDED", "MODIFIED"):
                known.put(happened.object)
            elif happened.type == "DELETED":
                known.drop(happened.object)
        if happened.type != "BOOKMARK":
            self._changed(_key(happened.object)[0])

    def _lost(self, kind: Kind, error: Unreachable) -> None:
        with self._lock:
            known = self._known[kind.name]
            news = known.reason != str(error)
            known.reason = str(error)
        if news:
            self._changed("")


def _key(item: Json) -> tuple[str, str]:
    meta = mapping(item.get("metadata"))
    return text(meta.get("namespace")), text(meta.get("name"))
