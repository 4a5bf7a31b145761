"""Rules on the pod: whether there is one, what it waits for, how long it starts."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from addons.status.facts import ClusterFacts, EventFacts
from addons.status.model import Health, State
from addons.status.readings import Source
from addons.status.rules.rule import Rule, Said, newest, quoted, rule
from addons.status.rules.view import View
from components.constants import SIDECAR_CONTAINER, TUN_DEVICE, VOLUME_KEK, VOLUME_TUN

# The startup probe gives a gateway five minutes: an upgrade moves its data at the first start.
TOO_LONG: Final = 330.0
_MOUNTS: Final = ("FailedMount", "FailedAttachVolume")
_TUN: Final = rf'"{VOLUME_TUN}"|{TUN_DEVICE}'
_SEALING_KEY: Final = rf'"{VOLUME_KEK}".*not found'


@rule(0, Health.DOWN, Source.CLUSTER)
def not_deployed(view: View) -> Iterator[Said]:
    """The cluster has no Deployment of the instance"""
    if not view.cluster.deployment_exists:
        where = f"{view.declared.namespace}/{view.declared.deployment}"
        yield Said(f"The cluster has no gateway of this instance: the Deployment {where} does not exist.", _UP)


@rule(0, Health.DOWN, Source.CLUSTER)
def scaled_to_zero(view: View) -> Iterator[Said]:
    """Somebody scaled the Deployment to zero"""
    cluster = view.cluster
    if cluster.deployment_exists and cluster.replicas_wanted == 0:
        yield Said("The gateway was switched off in the cluster: its Deployment is scaled to zero.", _UP_REFRESH)


@rule(0, Health.DOWN, Source.CLUSTER)
def pod_refused(view: View) -> Iterator[Said]:
    """The cluster refuses to make the pod: quota, Pod Security or the admission guard"""
    event = newest(one for one in view.cluster.events if one.reason == "FailedCreate")
    if event is not None and not view.cluster.pod:
        yield Said(
            f"The cluster refuses the gateway's pod: {quoted(event.message)}",
            "It names the rule: a quota, Pod Security, or the admission guard (docs/guard-rails.md).",
            event.last_at,
        )


@rule(0, Health.DOWN, Source.CLUSTER)
def sidecar_missing(view: View) -> Iterator[Said]:
    """Private access is on in the stack, and the pod has no sidecar"""
    cluster = view.cluster
    if view.declared.wanted and cluster.pod and cluster.containers and cluster.container(SIDECAR_CONTAINER) is None:
        yield Said("Private access is on in the stack, but the pod has no sidecar.", _UP_REFRESH)


@rule(0, Health.DEGRADED, Source.CLUSTER, state=State.UNCONFIRMED)
def sidecar_left(view: View) -> Iterator[Said]:
    """Private access is off in the stack, and the pod still has its sidecar"""
    if not view.declared.wanted and view.cluster.container(SIDECAR_CONTAINER) is not None:
        yield Said("Private access is off in the stack, but the pod still runs the sidecar.", _UP_REFRESH)


@rule(0, Health.DOWN, Source.CLUSTER)
def tun_missing(view: View) -> Iterator[Said]:
    """The Kubernetes node has no /dev/net/tun: the pod stays Pending"""
    for event in _mounts(view, _TUN):
        node = f" {view.cluster.kubernetes_node}" if view.cluster.kubernetes_node else ""
        yield Said(
            f"The Kubernetes node{node} has no {TUN_DEVICE}, so the pod does not start.",
            "Load it there (`modprobe tun`), or set `tailscale.mode: userspace`.",
            event.last_at,
        )


@rule(0, Health.DOWN, Source.CLUSTER)
def sealing_key_missing(view: View) -> Iterator[Said]:
    """The Secret with the key-encryption key is gone: the pod does not start"""
    for event in _mounts(view, _SEALING_KEY):
        says = "The Secret with the key-encryption key is gone, so the pod does not start."
        yield Said(says, _UP_REFRESH, event.last_at)


@rule(0, Health.DOWN, Source.CLUSTER)
def mount_failed(view: View) -> Iterator[Said]:
    """A volume, Secret or ConfigMap cannot be mounted: the pod does not start"""
    for event in _mounts(view, "", but=f"{_TUN}|{_SEALING_KEY}"):
        hint = _UP_REFRESH if "not found" in event.message else "Look at the storage of the Kubernetes node."
        says = f"The pod does not start, because a volume cannot be mounted: {quoted(event.message)}"
        yield Said(says, hint, event.last_at)


@rule(0, Health.DOWN, Source.CLUSTER)
def unschedulable(view: View) -> Iterator[Said]:
    """No Kubernetes node takes the pod"""
    cluster = view.cluster
    if cluster.unschedulable and not cluster.kubernetes_node:
        yield Said(
            f"No Kubernetes node takes the pod: {quoted(cluster.unschedulable)}",
            "Give the cluster room, or change requests and placement: docs/placement.md.",
        )


@rule(0, Health.DOWN, Source.CLUSTER, quiet=True)
def not_ready_for_long(view: View) -> Iterator[Said]:
    """The pod is not ready, and has not been for five and a half minutes"""
    cluster = view.cluster
    since = cluster.ready_changed_at or _began(view)
    lasted = view.seconds(since)
    going = cluster.terminating or cluster.ready
    if cluster.pod and not going and lasted is not None and lasted >= TOO_LONG:
        waiting = _not_ready(cluster)
        yield Said(
            f"The pod does not become ready{f': it waits for {waiting}' if waiting else ''}.",
            f"`kubectl --namespace {view.declared.namespace} describe pod` says what it waits for.",
            since,
        )


@rule(0, Health.DEGRADED, Source.CLUSTER, state=State.STARTING, quiet=True)
def pod_starting(view: View) -> Iterator[Said]:
    """The pod is being made, replaced or started"""
    cluster = view.cluster
    if not cluster.deployment_exists or cluster.replicas_wanted == 0:
        return
    if not cluster.pod:
        yield Said("Starting: the pod is being made.")
    elif cluster.terminating:
        yield Said("Starting: the pod is being replaced, and the old one takes its time to end.")
    elif not cluster.ready or any(one.state == "waiting" for one in cluster.containers):
        waiting = _not_ready(cluster)
        yield Said(f"Starting{f': waits for {waiting}' if waiting else ''}.", since=_began(view))


def _not_ready(cluster: ClusterFacts) -> str:
    return ", ".join(one.name for one in cluster.containers if not one.ready and one.reason != "Completed")


def _began(view: View) -> datetime | None:
    """The last start of a container of the pod."""
    begins = [began for one in view.cluster.containers if (began := view.began(one.name)) is not None]
    return max(begins, default=view.cluster.started_at)


def _mounts(view: View, words: str, but: str = "") -> Iterator[EventFacts]:
    """The newest event about a mount that failed, while nothing of the pod has started."""
    cluster = view.cluster
    if not cluster.pod or cluster.ready or any(one.state != "waiting" for one in cluster.containers):
        return
    found = newest(
        one
        for one in cluster.events
        if one.reason in _MOUNTS and re.search(words, one.message) and not (but and re.search(but, one.message))
    )
    if found is not None:
        yield found


_UP: Final = "Run `pulumi up`."
_UP_REFRESH: Final = "Run `pulumi up --refresh`."

RULES: tuple[Rule, ...] = (
    *(not_deployed, scaled_to_zero, pod_refused, tun_missing, sealing_key_missing, mount_failed, unschedulable),
    *(sidecar_missing, sidecar_left, not_ready_for_long, pod_starting),
)
