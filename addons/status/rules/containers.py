"""Rules on containers: images, memory, starts that fail."""

from collections.abc import Iterator
from typing import Final

from addons.status.facts import ContainerFacts
from addons.status.model import Health
from addons.status.readings import Source
from addons.status.rules.failures import NO_IMAGE, cause_of, failing
from addons.status.rules.rule import Rule, Said, quoted, rule
from addons.status.rules.view import View
from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER

# So long a container that runs again is worth a word.
_RECENT: Final = 900.0


@rule(0, Health.DOWN, Source.CLUSTER)
def image_not_pulled(view: View) -> Iterator[Said]:
    """The image of a container cannot be pulled"""
    for one in view.cluster.containers:
        if one.state == "waiting" and one.reason in NO_IMAGE:
            where = f" {quoted(one.image)}" if one.image else ""
            yield Said(
                f"The image{where} of the container {one.name} cannot be pulled: {quoted(one.message or one.reason)}",
                "Check its name and tag, and that the Kubernetes node may pull it: docs/placement.md has registries with a login.",
            )


@rule(0, Health.DOWN, Source.CLUSTER)
def out_of_memory(view: View) -> Iterator[Said]:
    """A container was ended for its memory, and does not run again yet"""
    for one in view.cluster.containers:
        if failing(view, one) and one.state != "running" and "OOMKilled" in (one.reason, one.last_reason):
            yield Said(
                f"The container {one.name} was ended because it used all its memory, and is started again with growing pauses.",
                _memory(one),
                one.last_ended_at,
            )


@rule(0, Health.DEGRADED, Source.CLUSTER)
def was_out_of_memory(view: View) -> Iterator[Said]:
    """A container was ended for its memory within 15 minutes, and runs again"""
    for one in view.cluster.containers:
        if one.state == "running" and one.last_reason == "OOMKilled" and _recent(view, one):
            says = f"The container {one.name} was ended because it used all its memory; it runs again."
            yield Said(says, _memory(one), one.last_ended_at)


@rule(0, Health.HEALTHY, Source.CLUSTER, quiet=True)
def restarted(view: View) -> Iterator[Said]:
    """A container was started anew within 15 minutes, and runs"""
    for one in view.cluster.containers:
        if one.state == "running" and one.ready and one.last_reason != "OOMKilled" and _recent(view, one):
            says = f"The container {one.name} was started anew; the device, its name and all data are the same."
            yield Said(says, since=one.last_ended_at)


@rule(0, Health.DOWN, Source.CLUSTER)
def container_fails(view: View) -> Iterator[Said]:
    """A container ends at each start, for another reason than those above"""
    for one in view.cluster.containers:
        known = cause_of(one) or one.reason in NO_IMAGE or "OOMKilled" in (one.reason, one.last_reason)
        if known or not failing(view, one) or one.state == "running":
            continue
        last = quoted(one.last_message or one.message or one.reason)
        yield Said(
            f"The container {one.name} does not start{f': {last}' if last else '.'}",
            f"`kubectl --namespace {view.declared.namespace} logs deployment/{view.declared.deployment} --container {one.name} "
            f"--previous` has more.",
            one.last_ended_at,
        )


def _memory(container: ContainerFacts) -> str:
    settings = {SIDECAR_CONTAINER: "tailscale.resources", GATEWAY_CONTAINER: "gateway.resources"}
    where = settings.get(container.name)
    return f"If it happens again, raise `{where}.memoryLimit`." if where else ""


def _recent(view: View, container: ContainerFacts) -> bool:
    ended = view.seconds(container.last_ended_at)
    return ended is not None and 0 <= ended < _RECENT


RULES: tuple[Rule, ...] = (image_not_pulled, out_of_memory, container_fails, was_out_of_memory, restarted)
