"""One list and one watch for each kind: kept up to date, and never called fresh when it is not."""

import time
from collections.abc import Generator
from datetime import timedelta

import pytest

from addons.status import cluster
from addons.status.cluster import Cluster
from addons.status.kubernetes_api import Gone, Happened, Kind, Unreachable
from addons.status.readings import utc_now
from tests.support.status_cluster import CountedEdge, deployment, eventually, instances, pod, warning

HOME, LAB = instances("home", "lab")
STACK = "dev"


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> CountedEdge:
    # A watch lasts 7 s otherwise, and a lost connection is tried again after 0.5 s.
    monkeypatch.setattr(cluster, "WATCH_SECONDS", 0.2)
    monkeypatch.setattr(cluster, "PAUSE_FIRST", 0.05)
    edge = CountedEdge()
    edge.with_instances(HOME, LAB)
    return edge


@pytest.fixture
def following(edge: CountedEdge) -> Generator[Cluster]:
    following = Cluster(edge, STACK)
    following.follow(lambda _: None)
    eventually(lambda: following.reading(LAB).value and not following.reading(LAB).reason)
    yield following
    following.stop()


def pod_of(followed: Cluster) -> str:
    value = followed.reading(HOME).value
    return value.pod if value else "unknown"


def test_the_kinds_are_asked_for_by_the_stack_s_label() -> None:
    listed = {kind.name: (kind.path, kind.selector) for kind in cluster.kinds("Prod.EU")}
    label = ("labelSelector", "openclaw-tailnet/stack=prod-eu-2f2363ff")
    assert listed["pods"] == ("/api/v1/pods", label)
    assert listed["deployments"] == ("/apis/apps/v1/deployments", label)
    assert listed["persistentvolumeclaims"] == ("/api/v1/persistentvolumeclaims", label)
    # Events carry no labels.
    assert listed["events"] == ("/api/v1/events", ("fieldSelector", "type=Warning"))


def test_reading_once_lists_each_kind_once_for_all_instances(edge: CountedEdge) -> None:
    once = Cluster(edge, STACK)
    once.read()
    assert dict(edge.lists) == {"deployments": 1, "pods": 1, "persistentvolumeclaims": 1, "events": 1}
    assert not edge.watches
    for instance in (HOME, LAB):
        value = once.reading(instance).value
        assert value is not None
        assert (value.pod, len(value.claims)) == ("openclaw-1", 2)


def test_before_the_first_read_nothing_is_known(edge: CountedEdge) -> None:
    reading = Cluster(edge, STACK).reading(HOME)
    assert (reading.value, reading.reason) == (None, "The cluster was not read yet")


def test_changes_are_seen_without_another_list(edge: CountedEdge, following: Cluster) -> None:
    edge.happen("pods", "DELETED", pod(HOME))
    eventually(lambda: pod_of(following) == "")
    edge.happen("pods", "ADDED", pod(HOME, "openclaw-2"))
    eventually(lambda: pod_of(following) == "openclaw-2")
    edge.happen("events", "ADDED", warning(HOME, "Pod", "openclaw-2"))
    eventually(lambda: (value := following.reading(HOME).value) and value.events)
    assert set(edge.lists.values()) == {1}


def test_a_silent_watch_is_taken_up_again_and_keeps_the_reading_fresh(edge: CountedEdge, following: Cluster) -> None:
    eventually(lambda: edge.watches["pods"] >= 3)
    assert edge.lists["pods"] == 1
    read_at = following.reading(HOME).read_at
    assert read_at is not None
    assert utc_now() - read_at < timedelta(seconds=3)


def test_watches_that_end_at_once_are_not_asked_for_without_a_pause(
    edge: CountedEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "WATCH_SECONDS", 0)
    busy = Cluster(edge, STACK)
    busy.follow(lambda _: None)
    time.sleep(1.5)
    busy.stop()
    assert edge.watches["pods"] <= 3


def test_a_lost_connection_is_said_and_nothing_gets_younger(edge: CountedEdge, following: Cluster) -> None:
    edge.down = "The cluster's API cannot be reached: no route to host"
    eventually(lambda: following.reading(HOME).reason)
    lost = following.reading(HOME)
    assert lost.reason == edge.down
    # What was last known stays, with its age.
    assert lost.value is not None
    time.sleep(0.3)
    assert following.reading(HOME).read_at == lost.read_at
    assert lost.read_at is not None
    assert lost.current(lost.read_at + timedelta(seconds=31)) is None


def test_a_connection_that_comes_back_is_listed_anew(edge: CountedEdge, following: Cluster) -> None:
    edge.down = "down"
    eventually(lambda: following.reading(HOME).reason)
    # Nobody tells of it: the watch was broken.
    edge.put("pods", pod(HOME, "openclaw-2"))
    del edge.objects["pods"][HOME.namespace, "openclaw-1"]
    edge.down = ""
    eventually(lambda: pod_of(following) == "openclaw-2")
    eventually(lambda: not following.reading(HOME).reason)


def test_a_cluster_that_stays_away_is_asked_less_and_less(edge: CountedEdge, following: Cluster) -> None:
    edge.down = "down"
    eventually(lambda: following.reading(HOME).reason)
    before = edge.lists["pods"]
    time.sleep(1.5)
    # 0.05 s and its doubles: 5 of them fit, where a fixed pause would make 30.
    assert edge.lists["pods"] - before <= 7


def test_a_version_that_is_too_old_begins_with_a_list(edge: CountedEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = edge.watch

    def expired_once(kind: Kind, version: str, seconds: int) -> object:
        if kind.name == "pods" and not edge.watches["pods"]:
            edge.watches["pods"] += 1
            raise Gone
        return watch(kind, version, seconds)

    monkeypatch.setattr(edge, "watch", expired_once)
    following = Cluster(edge, STACK)
    following.follow(lambda _: None)
    eventually(lambda: edge.lists["pods"] == 2 and edge.watches["pods"] >= 2)
    assert following.reading(HOME).reason == ""
    following.stop()


def test_a_mistake_in_a_watch_does_not_end_it_in_silence(edge: CountedEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(kind: Kind, version: str, seconds: int) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(edge, "watch", broken)
    following = Cluster(edge, STACK)
    following.follow(lambda _: None)
    eventually(lambda: "cannot be read: ZeroDivisionError()" in following.reading(HOME).reason)
    following.stop()


def test_warnings_that_may_not_be_read_leave_the_rest(edge: CountedEdge) -> None:
    edge.forbidden = frozenset({"events"})
    once = Cluster(edge, STACK)
    once.read()
    reading = once.reading(HOME)
    assert reading.value is not None
    assert (reading.value.pod, reading.value.events) == ("openclaw-1", ())
    assert reading.reason == "The cluster's API refuses to list events (HTTP 403)"
    assert reading.current(utc_now()) is not None


def test_pods_that_may_not_be_read_leave_nothing(edge: CountedEdge) -> None:
    edge.forbidden = frozenset({"pods"})
    once = Cluster(edge, STACK)
    once.read()
    reading = once.reading(HOME)
    assert (reading.value, reading.reason) == (None, "The cluster's API refuses to list pods (HTTP 403)")


def test_who_listens_is_told_in_which_namespace(edge: CountedEdge) -> None:
    told: list[str] = []
    following = Cluster(edge, STACK)
    following.follow(told.append)
    eventually(lambda: told.count("") == 4)
    edge.happen("deployments", "MODIFIED", deployment(LAB))
    eventually(lambda: LAB.namespace in told)
    edge.down = "down"
    eventually(lambda: told.count("") == 8)
    # The same reason again is no news.
    time.sleep(0.5)
    assert told.count("") == 8
    following.stop()


def test_a_bookmark_keeps_the_version_and_is_no_news(edge: CountedEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    versions: list[str] = []

    def watch(kind: Kind, version: str, seconds: int) -> object:
        if kind.name == "pods":
            versions.append(version)
        yield Happened("BOOKMARK", {"metadata": {"resourceVersion": "77"}})
        time.sleep(0.05)

    monkeypatch.setattr(edge, "watch", watch)
    told: list[str] = []
    following = Cluster(edge, STACK)
    following.follow(told.append)
    eventually(lambda: len(versions) >= 2)
    assert versions[:2] == ["1", "77"]
    assert set(told) == {""}
    following.stop()


def test_an_edge_that_never_answered_is_a_reason() -> None:
    edge = CountedEdge(down="The kubeconfig cannot be used")
    once = Cluster(edge, STACK)
    once.read()
    assert once.reading(HOME).reason == "The kubeconfig cannot be used"
    with pytest.raises(Unreachable):
        edge.list(cluster.kinds(STACK)[0])
