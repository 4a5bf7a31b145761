"""Facts about one instance out of the cluster's objects, as its API gives them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final, Literal

from addons.status.facts import ClaimFacts, ClusterFacts, ContainerFacts, Declared, EventFacts
from addons.status.lenient import NOTHING, Json, count, flag, items, mapping, shortened, text, when
from components.constants import LABEL_INSTANCE
from components.names import Names

_PURPOSES: Final[Mapping[str, Literal["home", "tailnet"]]] = {
    Names.home_claim: "home",
    Names.tailnet_claim: "tailnet",
}
# The newest; a pod that cannot start has the same few again and again.
EVENTS_MAX: Final = 20
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def facts(
    declared: Declared,
    deployments: Iterable[Json],
    pods: Iterable[Json],
    claims: Iterable[Json],
    events: Iterable[Json],
) -> ClusterFacts:
    """Out of the objects of the instance's namespace."""
    deployment = next((one for one in deployments if _name(one) == declared.deployment), None)
    pod = _current([pod for pod in pods if _labels(pod).get(LABEL_INSTANCE) == declared.id])
    status, meta = mapping(pod.get("status")), mapping(pod.get("metadata"))
    conditions = {text(entry.get("type")): entry for entry in map(mapping, items(status.get("conditions")))}
    scheduled = conditions.get("PodScheduled", {})
    return ClusterFacts(
        deployment_exists=deployment is not None,
        replicas_wanted=count(mapping(mapping(deployment).get("spec")).get("replicas")),
        pod=text(meta.get("name")),
        pod_uid=text(meta.get("uid")),
        phase=text(status.get("phase")),
        ready=text(conditions.get("Ready", {}).get("status")) == "True",
        ready_changed_at=when(conditions.get("Ready", {}).get("lastTransitionTime")),
        terminating="deletionTimestamp" in meta,
        started_at=when(status.get("startTime")),
        kubernetes_node=text(mapping(pod.get("spec")).get("nodeName")),
        unschedulable=text(scheduled.get("message")) if text(scheduled.get("status")) == "False" else "",
        containers=tuple(_containers(status)),
        claims=tuple(_claims(claims)),
        events=_events(events, text(meta.get("name"))),
    )


def _current(pods: Sequence[Json]) -> Json:
    """The pod that is to stay, or the last one that has not gone yet; an empty object when there is none."""

    def newest(pod: Json) -> tuple[bool, datetime]:
        meta = mapping(pod.get("metadata"))
        return "deletionTimestamp" not in meta, when(meta.get("creationTimestamp")) or _LONG_AGO

    return max(pods, key=newest, default=NOTHING)


def _containers(status: Json) -> Iterator[ContainerFacts]:
    for key, init in (("initContainerStatuses", True), ("containerStatuses", False)):
        for entry in map(mapping, items(status.get(key))):
            state, detail = _state(mapping(entry.get("state")))
            before = mapping(mapping(entry.get("lastState")).get("terminated"))
            yield ContainerFacts(
                name=text(entry.get("name")),
                init=init,
                state=state,
                ready=flag(entry.get("ready")) or False,
                restarts=count(entry.get("restartCount")),
                reason=text(detail.get("reason")),
                message=shortened(text(detail.get("message"))),
                last_reason=text(before.get("reason")),
                last_ended_at=when(before.get("finishedAt")),
                # Whole: one of its lines says why.
                last_message=text((detail if state == "terminated" else before).get("message")),
                image=text(entry.get("image")),
            )


def _state(state: Json) -> tuple[Literal["waiting", "running", "terminated"], Json]:
    """One of the three is set; none at all means waiting."""
    if "running" in state:
        return "running", {}
    if "terminated" in state:
        return "terminated", mapping(state.get("terminated"))
    return "waiting", mapping(state.get("waiting"))


def _claims(claims: Iterable[Json]) -> Iterator[ClaimFacts]:
    for claim in sorted(claims, key=_name):
        purpose, status = _PURPOSES.get(_name(claim)), mapping(claim.get("status"))
        if purpose:
            capacity = text(mapping(status.get("capacity")).get("storage"))
            yield ClaimFacts(
                purpose=purpose, name=_name(claim), phase=text(status.get("phase")), capacity=_bytes(capacity)
            )


def _bytes(quantity: str) -> int | None:
    # Only here: it has no types, and takes a quarter of a second to import with all that comes with it.
    parse: Any = import_module("kubernetes.utils.quantity").parse_quantity
    try:
        return count(float(parse(quantity)))
    except (ValueError, ArithmeticError):
        return None


def _events(events: Iterable[Json], pod: str) -> tuple[EventFacts, ...]:
    """The newest warnings first; not those about pods that are gone, which outlive them by an hour."""
    told = [event for event in events if _concerns(event, pod)]
    told = sorted(told, key=lambda event: _last(event) or _LONG_AGO, reverse=True)[:EVENTS_MAX]
    return tuple(
        EventFacts(
            reason=text(event.get("reason")),
            message=shortened(text(event.get("message"))),
            count=max(1, count(event.get("count")), count(mapping(event.get("series")).get("count"))),
            last_at=_last(event),
        )
        for event in told
    )


def _concerns(event: Json, pod: str) -> bool:
    subject = mapping(event.get("involvedObject"))
    about_pod = text(subject.get("kind")) == "Pod"
    return text(event.get("type")) == "Warning" and (not about_pod or text(subject.get("name")) == pod)


def _last(event: Json) -> datetime | None:
    """Two generations of the API keep it in different places."""
    series = mapping(event.get("series"))
    first = mapping(event.get("metadata")).get("creationTimestamp")
    places = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"), first)
    return next(filter(None, map(when, places)), None)


def _name(item: Json) -> str:
    return text(mapping(item.get("metadata")).get("name"))


def _labels(item: Json) -> Json:
    return mapping(mapping(item.get("metadata")).get("labels"))
