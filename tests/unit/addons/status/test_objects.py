"""Pods, claims and warnings as the API gives them, in the states that owners meet."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.status import objects
from addons.status.facts import ClaimFacts, ClusterFacts
from tests.support.status_cluster import Object, claim, container, deployment, instances, pod, warning

(HOME,) = instances("home")


def facts(*pods: Object, events: tuple[Object, ...] = (), claims: tuple[Object, ...] = ()) -> ClusterFacts:
    return objects.facts(HOME, [deployment(HOME)], pods, claims, events)


def test_a_pod_that_runs_has_its_containers_and_its_node() -> None:
    read = facts(pod(HOME))
    assert (read.deployment_exists, read.replicas_wanted) == (True, 1)
    assert (read.pod, read.pod_uid, read.phase, read.ready, read.kubernetes_node) == (
        *("openclaw-1", "uid-openclaw-1", "Running", True, "node-1"),
    )
    assert read.started_at == datetime(2026, 11, 27, 21, 0, tzinfo=UTC)
    assert [(one.name, one.init, one.state, one.ready) for one in read.containers] == [
        ("tailscale", True, "running", True),
        ("gateway", False, "running", True),
    ]


def test_without_objects_there_is_nothing() -> None:
    assert objects.facts(HOME, [], [], [], []) == ClusterFacts(deployment_exists=False)


def test_a_container_that_crashes_tells_why_it_waits_and_why_it_ended() -> None:
    crashing = container("gateway", waiting={"reason": "CrashLoopBackOff", "message": "back-off 20s\nrestarting"})
    crashing |= {
        "restartCount": 3,
        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-27T21:05:00Z"}},
    }
    gateway = facts(pod(HOME, "p", crashing)).container("gateway")
    assert gateway is not None
    assert (gateway.state, gateway.reason, gateway.message) == (
        "waiting",
        "CrashLoopBackOff",
        "back-off 20s restarting",
    )
    assert (gateway.last_reason, gateway.restarts) == ("OOMKilled", 3)
    assert gateway.last_ended_at == datetime(2026, 11, 27, 21, 5, tzinfo=UTC)


def test_a_container_that_ended_has_its_last_words() -> None:
    ended = container("gateway", terminated={"reason": "Error", "exitCode": 78, "message": "Unrecognized key"})
    gateway = facts(pod(HOME, "p", ended)).container("gateway")
    assert gateway is not None
    assert (gateway.state, gateway.reason, gateway.message) == ("terminated", "Error", "Unrecognized key")


def test_the_last_words_are_whole_whichever_end_they_are_of() -> None:
    """Of the log of a container, where its policy is FallbackToLogsOnError: the reason is one of many lines."""
    said = "boot: starting\n" * 40 + "backend error: authkey expired\nboot: exit"
    waits = container("tailscale", waiting={"reason": "CrashLoopBackOff"})
    waits |= {"lastState": {"terminated": {"reason": "Error", "message": said}}}
    for one in (waits, container("tailscale", terminated={"reason": "Error", "message": said})):
        read = facts(pod(HOME, "p", one)).container("tailscale")
        assert read is not None
        assert read.last_message == said


def test_a_pod_tells_since_when_it_is_not_ready() -> None:
    unready = pod(HOME)
    unready["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-27T21:10:00Z"}
    ]
    assert facts(unready).ready_changed_at == datetime(2026, 11, 27, 21, 10, tzinfo=UTC)


def test_a_pod_that_no_node_takes_has_the_scheduler_s_reason() -> None:
    waiting = pod(HOME)
    waiting["status"] = {
        "phase": "Pending",
        "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}
        ],
    }
    read = facts(waiting)
    assert (read.phase, read.ready, read.containers) == ("Pending", False, ())
    assert read.unschedulable == "0/1 nodes are available: 1 Insufficient cpu."


def test_the_pod_that_is_to_stay_is_told_and_not_the_one_that_goes() -> None:
    old = pod(HOME, "old", deletionTimestamp="2026-11-27T22:00:00Z")
    old["metadata"]["creationTimestamp"] = "2026-11-27T23:00:00Z"
    assert facts(old, pod(HOME, "new")).pod == "new"
    assert (facts(old).pod, facts(old).terminating) == ("old", True)


def test_of_two_pods_the_newer_one_is_told() -> None:
    newer = pod(HOME, "newer")
    newer["metadata"]["creationTimestamp"] = "2026-11-27T22:00:00Z"
    assert facts(newer, pod(HOME, "older")).pod == "newer"


def test_a_pod_of_somebody_else_in_the_namespace_is_not_ours() -> None:
    other = pod(HOME, "other")
    other["metadata"]["labels"] = {}
    assert facts(other).pod == ""


@pytest.mark.parametrize(
    ("capacity", "size"),
    [("10Gi", 10 * 2**30), ("1G", 10**9), ("1048576", 2**20), ("1.5Gi", 3 * 2**29), ("much", None)],
)
def test_claims_have_their_purpose_and_size(capacity: str, size: int | None) -> None:
    read = facts(claims=(claim(HOME, "tailnet-state", capacity), claim(HOME, "somebody-s")))
    assert read.claims == (ClaimFacts(purpose="tailnet", name="tailnet-state", phase="Bound", capacity=size),)


def test_warnings_come_the_newest_first_from_either_generation_of_the_api() -> None:
    old = warning(HOME, "Pod", "openclaw-1", lastTimestamp="2026-11-27T21:00:00Z", count=7)
    new = warning(HOME, "Pod", "openclaw-1", eventTime="2026-11-27T21:30:00.000000Z", series={"count": 3})
    read = facts(pod(HOME), events=(old, new))
    assert [(event.count, event.last_at) for event in read.events] == [
        (3, datetime(2026, 11, 27, 21, 30, tzinfo=UTC)),
        (7, datetime(2026, 11, 27, 21, 0, tzinfo=UTC)),
    ]


def test_warnings_about_a_pod_that_is_gone_are_not_told() -> None:
    events = (
        warning(HOME, "Pod", "gone"),
        warning(HOME, "PersistentVolumeClaim", "gateway-home", reason="ProvisioningFailed"),
        warning(HOME, "Deployment", "openclaw", type="Normal"),
    )
    assert [event.reason for event in facts(pod(HOME), events=events).events] == ["ProvisioningFailed"]


def test_a_flood_of_warnings_is_cut_at_the_newest() -> None:
    flood = tuple(
        warning(HOME, "Pod", "openclaw-1", count=one, lastTimestamp=f"2026-11-27T21:{one:02}:00Z") for one in range(60)
    )
    read = facts(pod(HOME), events=flood)
    assert [event.count for event in read.events] == list(range(59, 39, -1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)
KEYS = st.sampled_from(["metadata", "status", "spec", "involvedObject", "series", "type"])


@given(st.lists(st.dictionaries(KEYS, JSON), max_size=3))
def test_objects_of_any_shape_are_no_error(strange: list[Any]) -> None:
    assert objects.facts(HOME, strange, strange, strange, strange).model_dump_json()
