"""One reader for all who look: each source at its pace, and nothing twice."""

import math
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from addons.errors import AddonsError
from addons.status import cluster as cluster_module
from addons.status import poller as poller_module
from addons.status.cluster import Cluster
from addons.status.control import Control, Credential
from addons.status.facts import Declared, PathBytes, SidecarFacts, Snapshot
from addons.status.poller import Poller
from addons.status.readings import Reading, Source, read, utc_now
from components.settings import Tailnet
from tests.support.processor import measured
from tests.support.status_cluster import STACK, CountedEdge, container, eventually, instances, pod

HOME, LAB = instances("home", "lab")


class CountedControl(Control):
    """A tailnet's API that has no devices, and counts the lists."""

    def __init__(self) -> None:
        self.lists = 0
        super().__init__(Tailnet(name="example.ts.net"), Credential("key"), httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.lists += request.url.path.endswith("/devices")
        return httpx.Response(200, json={"devices": [], "keys": []})


def polling(edge: CountedEdge, *declared: Declared) -> Poller:
    return Poller(declared, Cluster(edge, STACK), CountedControl(), edge.execute)


@pytest.fixture
def edge() -> CountedEdge:
    edge = CountedEdge()
    edge.with_instances(HOME, LAB)
    return edge


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of the real pace."""
    monkeypatch.setattr(cluster_module, "WATCH_SECONDS", 0.2)
    monkeypatch.setattr(poller_module, "CADENCE", {source: pace / 25 for source, pace in poller_module.CADENCE.items()})


@pytest.fixture
def running(edge: CountedEdge, fast: None) -> Generator[Poller]:
    poller = polling(edge, HOME, LAB)
    poller.start()
    yield poller
    poller.stop()


def known(snapshot: Snapshot) -> list[bool]:
    readings = (snapshot.cluster, snapshot.sidecar, snapshot.netcheck, snapshot.gateway, snapshot.control)
    return [reading.value is not None for reading in readings]


def test_asked_once_everything_is_read_but_netcheck(edge: CountedEdge) -> None:
    poller = polling(edge, HOME, LAB)
    home, lab = poller.once()
    assert known(home) == known(lab) == [True, True, False, True, True]
    assert (home.declared.id, lab.declared.id) == ("home", "lab")
    assert home.netcheck.reason == "It was not read yet"
    assert dict(edge.runs) == {
        f"{what} openclaw-{name}": 1 for what in ("sidecar", "gateway") for name in ("home", "lab")
    }
    assert set(edge.lists.values()) == {1}
    assert not edge.watches


def test_asked_once_with_netcheck_it_is_there_too(edge: CountedEdge) -> None:
    (home,) = polling(edge, HOME, LAB).once("home", measure=True)
    assert known(home) == [True] * 5
    assert edge.runs["netcheck openclaw-home"] == 1
    assert "sidecar openclaw-lab" not in edge.runs


def test_a_hundred_instances_are_read_within_two_seconds() -> None:
    """200 programs run at the same time as far as they may; what is left of the two seconds is for our own work."""
    many = instances(*(f"i{number}" for number in range(100)))
    # As long as a program takes in a container of a node that has time.
    edge = CountedEdge(slow=0.2)
    edge.with_instances(*many)
    waiting = math.ceil(200 / poller_module.READS_AT_ONCE) * edge.slow
    spent, snapshots = measured(lambda: polling(edge, *many).once(), 2 - waiting)
    assert [known(snapshot) for snapshot in snapshots] == [[True, True, False, True, True]] * 100
    assert edge.most_runs > 20
    assert waiting + spent < 2
    assert set(edge.lists.values()) == {edge.lists["pods"]}


def test_a_run_that_fails_leaves_the_other_sources(edge: CountedEdge) -> None:
    edge.put(
        "pods",
        pod(HOME, "openclaw-1", container("tailscale", waiting={"reason": "CrashLoopBackOff"}), container("gateway")),
    )
    (home,) = polling(edge, HOME, LAB).once("home")
    assert (home.sidecar.value, home.sidecar.reason) == (None, "The container tailscale does not run: CrashLoopBackOff")
    assert home.gateway.value is not None
    assert "sidecar openclaw-home" not in edge.runs


def test_without_a_pod_nothing_is_run(edge: CountedEdge) -> None:
    edge.objects["pods"].clear()
    (home,) = polling(edge, HOME, LAB).once("home")
    assert home.sidecar.reason == home.gateway.reason == "There is no pod of home"
    assert not edge.runs


def test_where_tailscale_is_off_its_sidecar_is_not_asked() -> None:
    (off,) = instances("home", enabled=False)
    edge = CountedEdge()
    edge.with_instances(off)
    (home,) = polling(edge, off).once(measure=True)
    assert home.sidecar.reason == home.netcheck.reason == "Tailscale is off"
    assert dict(edge.runs) == {"gateway openclaw-home": 1}


def test_without_a_cluster_each_reading_says_why() -> None:
    edge = CountedEdge(down="The cluster's API cannot be reached: refused")
    (home,) = polling(edge, HOME).once()
    assert [home.cluster.reason, home.sidecar.reason, home.gateway.reason] == [edge.down] * 3
    assert home.control.value is not None


def test_an_instance_that_the_stack_lacks_is_an_error(edge: CountedEdge) -> None:
    poller = polling(edge, HOME, LAB)
    for ask in (poller.snapshot, poller.refresh, poller.once):
        with pytest.raises(AddonsError, match=r"no instance other\. It has home, lab"):
            ask("other")


def test_nothing_is_run_while_nobody_looks(edge: CountedEdge, running: Poller) -> None:
    eventually(lambda: running.snapshot("home").cluster.value)
    time.sleep(0.5)
    assert not edge.runs
    assert running.snapshot("home").sidecar.reason == "It was not read yet"


def test_only_who_is_looked_at_is_read_and_until_nobody_looks(
    edge: CountedEdge, running: Poller, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.look("home")
    eventually(lambda: all(known(running.snapshot("home"))))
    eventually(lambda: edge.runs["sidecar openclaw-home"] >= 3)
    assert "sidecar openclaw-lab" not in edge.runs
    monkeypatch.setattr(poller_module, "LOOK_LASTS", 0.0)
    running.look("home")
    time.sleep(0.3)
    before = edge.runs["sidecar openclaw-home"]
    time.sleep(1)
    assert edge.runs["sidecar openclaw-home"] == before


def test_each_source_has_its_own_pace(edge: CountedEdge, running: Poller) -> None:
    """The sidecar's values live half as long as the gateway's, and an eighth of netcheck's."""
    running.look()
    eventually(lambda: edge.runs["sidecar openclaw-home"] >= 8)
    assert edge.runs["gateway openclaw-home"] <= 6
    assert edge.runs["netcheck openclaw-home"] <= 2


def test_fifty_who_look_cost_as_much_as_one(edge: CountedEdge, running: Poller) -> None:
    stop = threading.Event()

    def look() -> int:
        seen = 0
        while not stop.is_set():
            running.look("home")
            seen = running.wait(seen, 0.2)
            running.snapshots()
        return seen

    with ThreadPoolExecutor(50) as people:
        looking = [people.submit(look) for _ in range(50)]
        begin = time.monotonic()
        eventually(lambda: edge.runs["sidecar openclaw-home"] >= 4, 30)
        paces = (time.monotonic() - begin) / poller_module.CADENCE[Source.SIDECAR]
        stop.set()
    assert all(future.result() > 0 for future in looking)
    # Of the cluster: one list and one watch at a time of each kind, whoever looks.
    assert set(edge.lists.values()) == {1}
    assert edge.runs["sidecar openclaw-home"] <= paces + 2
    assert set(edge.most_at_once.values()) == {1}


def test_fifty_who_refresh_at_once_share_one_read(edge: CountedEdge, running: Poller) -> None:
    eventually(lambda: running.snapshot("home").cluster.value)
    edge.slow = 0.5
    with ThreadPoolExecutor(50) as people:
        list(people.map(running.refresh, ["home"] * 50))
    assert max(edge.runs.values()) <= 2
    assert set(edge.most_at_once.values()) == {1}
    assert all(known(running.snapshot("home")))


def test_refresh_reads_netcheck_too_and_returns_when_it_is_done(edge: CountedEdge, running: Poller) -> None:
    eventually(lambda: running.snapshot("home").cluster.value)
    begin = utc_now()
    running.refresh("home")
    fresh = running.snapshot("home")
    for reading in (fresh.sidecar, fresh.netcheck, fresh.gateway, fresh.control):
        assert reading.read_at is not None
        assert reading.read_at >= begin


def test_a_failed_read_keeps_what_was_known_and_its_age(edge: CountedEdge, running: Poller) -> None:
    eventually(lambda: running.snapshot("home").cluster.value)
    running.refresh("home")
    before = running.snapshot("home").sidecar
    edge.down = "No answer in time"
    running.refresh("home")
    after = running.snapshot("home").sidecar
    assert (after.value, after.read_at, after.reason) == (before.value, before.read_at, "No answer in time")


def test_a_waiting_reader_is_woken_by_a_change_of_the_cluster(edge: CountedEdge, running: Poller) -> None:
    eventually(lambda: running.snapshot("home").cluster.value)
    version = running.wait(0, 0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(running.wait, version, 10)
        begin = time.monotonic()
        edge.happen("pods", "DELETED", pod(HOME))
        assert waiting.result() > version
    assert time.monotonic() - begin < 2


def test_waiting_for_nothing_ends_in_time(edge: CountedEdge) -> None:
    poller = polling(edge, HOME)
    assert poller.wait(0, 0.05) == 0


def test_a_new_pod_is_read_at_once_and_the_old_one_forgotten(
    edge: CountedEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "WATCH_SECONDS", 1)
    poller = polling(edge, HOME)
    poller.start()
    poller.look("home")
    eventually(lambda: known(poller.snapshot("home"))[1])
    edge.happen("pods", "DELETED", pod(HOME))
    eventually(lambda: poller.snapshot("home").sidecar.value is None)
    assert poller.snapshot("home").history == ()
    runs = edge.runs["sidecar openclaw-home"]
    begin = time.monotonic()
    edge.happen("pods", "ADDED", pod(HOME, "openclaw-2"))
    eventually(lambda: poller.snapshot("home").sidecar.value is not None)
    # Long before its next turn.
    assert time.monotonic() - begin < poller_module.CADENCE[Source.SIDECAR] / 2
    assert edge.runs["sidecar openclaw-home"] == runs + 1
    poller.stop()


def test_traffic_is_remembered_for_a_quarter_of_an_hour() -> None:
    known_of_it = poller_module.Known()
    begin = utc_now() - timedelta(hours=1)
    for minute in range(60):
        known_of_it.take(traffic(minute, begin + timedelta(minutes=minute)), "pod")
    ages = [sample.at for sample in known_of_it.history]
    assert (len(ages), ages[-1] - ages[0]) == (16, timedelta(minutes=15))


def test_counters_that_went_down_begin_anew() -> None:
    known_of_it = poller_module.Known()
    for total in (100, 200, 5, 6):
        known_of_it.take(traffic(total), "pod")
    assert [sample.bytes.relay for sample in known_of_it.history] == [5, 6]


def test_another_pod_begins_anew() -> None:
    known_of_it = poller_module.Known()
    known_of_it.take(traffic(1), "one")
    known_of_it.take(traffic(2), "two")
    assert [sample.bytes.relay for sample in known_of_it.history] == [2]


def traffic(total: int, at: object = None) -> Reading[SidecarFacts]:
    facts = SidecarFacts(version="1", backend="Running", bytes=PathBytes(direct=0, peer_relay=0, relay=total))
    return read(Source.SIDECAR, facts, at)  # pyright: ignore[reportArgumentType] - a time or None


def test_after_a_change_the_stack_s_instances_are_the_new_ones(edge: CountedEdge) -> None:
    poller = polling(edge, HOME, LAB)
    poller.once()
    version = poller.wait(0, 0)
    renamed = HOME.model_copy(update={"hostname": "claw"})
    poller.declare([renamed])
    assert [one.declared.hostname for one in poller.snapshots()] == ["claw"]
    assert poller.wait(version, 0) > version
    # What was read of it is still known.
    assert poller.snapshot("home").sidecar.value is not None


def test_a_place_is_a_running_container_or_an_error(edge: CountedEdge) -> None:
    poller = polling(edge, HOME)
    poller.once()
    assert str(poller.place("home", "gateway")) == "gateway of openclaw-home/openclaw-1"
    with pytest.raises(AddonsError, match="The container other does not run"):
        poller.place("home", "other")


def test_a_mistake_of_ours_is_a_reason_and_not_an_old_value(edge: CountedEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Reading[SidecarFacts]:
        raise ZeroDivisionError

    monkeypatch.setitem(poller_module.RUNS, Source.SIDECAR, ("tailscale", broken))
    (home,) = polling(edge, HOME).once()
    assert home.sidecar.reason == "The Addons failed to read it: ZeroDivisionError"
