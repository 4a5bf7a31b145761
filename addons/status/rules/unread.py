"""Rules on what could not be read: nothing is well only because nobody could look."""

from collections.abc import Iterator
from typing import Final

from addons.status.model import Health
from addons.status.readings import Source
from addons.status.rules.rule import Rule, Said, quoted, rule
from addons.status.rules.view import View
from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER

# Seconds in which a container that was just started need not have been read.
_FIRST_READ = 30.0


_NAMES: Final = {
    Source.CLUSTER: "the cluster",
    Source.SIDECAR: "the sidecar",
    Source.NETCHECK: "what the network lets through",
    Source.GATEWAY: "the gateway",
    Source.CONTROL: "the tailnet's list of devices",
}


def _unknown(view: View, source: Source, hint: str) -> Said:
    reading = view.reading(source)
    why = quoted(view.why_unknown(source))
    return Said(
        f"Not known: {_NAMES[source]} was not read: {why}", hint, reading.read_at if reading is not None else None
    )


@rule(0, Health.UNKNOWN)
def cluster_not_read(view: View) -> Iterator[Said]:
    """The cluster's API did not answer, or answered too long ago"""
    if not view.knows(Source.CLUSTER):
        yield _unknown(
            view, Source.CLUSTER, "Check that `kubectl get pods` works with the same kubeconfig. Nothing was changed."
        )


@rule(1, Health.UNKNOWN, quiet=True)
def sidecar_not_read(view: View) -> Iterator[Said]:
    """The sidecar runs, or nobody knows whether it does, and tailscaled did not say how it is"""
    if not view.declared.wanted or view.knows(Source.SIDECAR):
        return
    # One that does not run has nothing to say: other rules tell why it does not.
    if view.knows(Source.CLUSTER) and not view.running(SIDECAR_CONTAINER):
        return
    if not (view.young(SIDECAR_CONTAINER, _FIRST_READ) and not view.snapshot.sidecar.reason):
        yield _unknown(view, Source.SIDECAR, _may_exec(view, SIDECAR_CONTAINER))


@rule(4, Health.UNKNOWN, quiet=True)
def gateway_not_read(view: View) -> Iterator[Said]:
    """The gateway's container is ready, or nobody knows whether it is, and its gateway did not answer"""
    if view.knows(Source.GATEWAY):
        return
    if view.knows(Source.CLUSTER):
        container = view.container(GATEWAY_CONTAINER)
        if container is None or container.state != "running" or not container.ready:
            return
    if not (view.young(GATEWAY_CONTAINER, _FIRST_READ) and not view.snapshot.gateway.reason):
        yield _unknown(view, Source.GATEWAY, _may_exec(view, GATEWAY_CONTAINER))


@rule(1, Health.HEALTHY, quiet=True)
def netcheck_not_read(view: View) -> Iterator[Said]:
    """netcheck failed in a sidecar that runs: whether UDP passes is not known"""
    netcheck = view.snapshot.netcheck
    if view.running(SIDECAR_CONTAINER) and netcheck.reason and not view.knows(Source.NETCHECK):
        yield _unknown(view, Source.NETCHECK, "")


@rule(2, Health.HEALTHY)
def control_not_read(view: View) -> Iterator[Said]:
    """The tailnet's lists of devices and keys were not read"""
    if view.declared.wanted and not view.knows(Source.CONTROL):
        yield _unknown(
            view,
            Source.CONTROL,
            "Without it nobody can tell that the device was removed. Give the stack an API key, or an OAuth client with "
            "the scope devices:core:read.",
        )


def _may_exec(view: View, container: str) -> str:
    declared = view.declared
    return (
        f"Try `kubectl --namespace {declared.namespace} exec deployment/{declared.deployment} --container {container} -- true`: "
        "the admission guard and the cluster's roles say who may."
    )


RULES: tuple[Rule, ...] = (cluster_not_read, sidecar_not_read, gateway_not_read, netcheck_not_read, control_not_read)
