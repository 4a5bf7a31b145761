"""Rules on volumes: claims without storage, volumes that are full or cannot be written."""

from collections.abc import Iterator
from typing import Final

from addons.status.facts import FillFacts
from addons.status.model import Health
from addons.status.readings import Source
from addons.status.rules.failures import failed_by
from addons.status.rules.rule import Rule, Said, newest, quoted, rule
from addons.status.rules.view import View

_NEARLY: Final = 0.80
_FULL: Final = 0.95
_WHOSE: Final = {"home": "gateway's volume", "tailnet": "tailnet volume"}
_AFTER: Final = {
    "home": "Without the volume its data is gone.",
    "tailnet": "Without the volume it joins as a new device.",
}
_NO_STORAGE: Final = ("ProvisioningFailed", "FailedBinding")


@rule(0, Health.DOWN, Source.CLUSTER)
def tailnet_volume_unwritable(view: View) -> Iterator[Said]:
    """The tailnet volume cannot be written: the container `unseal` fails"""
    for one in failed_by(view, "tailnet-volume-unwritable"):
        yield Said(
            "The tailnet volume cannot be written, so neither sidecar nor gateway starts.",
            "Look at the storage behind the claim tailnet-state (read-only after an error?). Once it is writable, delete the pod: "
            f"`kubectl --namespace {view.declared.namespace} delete pod --all`.",
            one.last_ended_at,
        )


@rule(0, Health.DOWN, Source.CLUSTER)
def no_room_for_the_sidecar(view: View) -> Iterator[Said]:
    """The tailnet volume is full: `unseal` or the sidecar ends at each start"""
    for one in failed_by(view, "no-room-for-the-sidecar"):
        yield Said(
            "The tailnet volume is full, so the sidecar cannot start. Its state, name and address are kept.",
            "Set a larger `storage.tailnet.size`, or free room on it. It starts by itself then.",
            one.last_ended_at,
        )


@rule(0, Health.DOWN, Source.CLUSTER)
def no_room_for_the_gateway(view: View) -> Iterator[Said]:
    """The gateway's volume is full: the gateway ends at each start"""
    for one in failed_by(view, "no-room-for-the-gateway"):
        yield Said(
            "The gateway's volume is full, so the gateway ends at each start. Its data is kept: nothing needs to be restored.",
            "Set a larger `storage.home.size`, where the storage class lets volumes grow. It starts by itself then.",
            one.last_ended_at,
        )


@rule(0, Health.DOWN, Source.CLUSTER)
def claim_lost(view: View) -> Iterator[Said]:
    """A volume claim has lost its volume"""
    for claim in view.cluster.claims:
        if claim.phase == "Lost":
            yield Said(
                f"The {_WHOSE[claim.purpose]} is lost: the claim {claim.name} has no volume any more.",
                f"Restore the volume, or delete the claim and run `pulumi up --refresh`. {_AFTER[claim.purpose]}",
            )


@rule(0, Health.DOWN, Source.CLUSTER)
def claim_pending(view: View) -> Iterator[Said]:
    """A volume claim waits for storage, and the pod for it"""
    cluster = view.cluster
    for claim in cluster.claims:
        if claim.phase != "Pending":
            continue
        about = newest(one for one in cluster.events if one.reason in _NO_STORAGE or claim.name in one.message)
        if about is not None or cluster.unschedulable:
            yield Said(
                f"The claim {claim.name} gets no storage: {quoted(about.message if about else cluster.unschedulable)}",
                "Check the storage class (`kubectl get storageclass`) and `storage` in the stack: docs/configuration.md.",
                about.last_at if about else None,
            )


@rule(0, Health.DEGRADED, Source.SIDECAR)
def tailnet_volume_full(view: View) -> Iterator[Said]:
    """The tailnet volume is filled to 95 % or more: the sidecar's next start fails"""
    fill = view.sidecar.state_volume
    if fill is not None and fill.share >= _FULL:
        yield Said(
            f"The tailnet volume is full ({_percent(fill)}): the sidecar runs, and its next start will fail.",
            "Set a larger `storage.tailnet.size`, or free room on it, before the pod is replaced.",
        )


@rule(0, Health.DEGRADED, Source.GATEWAY)
def home_volume_full(view: View) -> Iterator[Said]:
    """The gateway's volume is filled to 95 % or more: what must be stored fails"""
    fill = view.gateway.home_volume
    if fill is not None and fill.share >= _FULL:
        declared = view.declared
        yield Said(
            f"The gateway's volume is full ({_percent(fill)}): pages still answer, what must be stored fails, and its next start too.",
            "Set a larger `storage.home.size`. At once it gets 54 MB by "
            f"`kubectl --namespace {declared.namespace} exec deployment/{declared.deployment} --container gateway -- "
            "rm -r /home/node/.openclaw/cache/control-ui-assets`.",
        )


@rule(0, Health.DEGRADED, Source.SIDECAR)
def tailnet_volume_fills(view: View) -> Iterator[Said]:
    """The tailnet volume is filled to 80 % or more"""
    fill = view.sidecar.state_volume
    if fill is not None and _NEARLY <= fill.share < _FULL:
        yield Said(f"The tailnet volume is nearly full ({_percent(fill)}).", "Set a larger `storage.tailnet.size`.")


@rule(0, Health.DEGRADED, Source.GATEWAY)
def home_volume_fills(view: View) -> Iterator[Said]:
    """The gateway's volume is filled to 80 % or more"""
    fill = view.gateway.home_volume
    if fill is not None and _NEARLY <= fill.share < _FULL:
        yield Said(f"The gateway's volume is nearly full ({_percent(fill)}).", "Set a larger `storage.home.size`.")


def _percent(fill: FillFacts) -> str:
    return f"{min(fill.share, 1.0):.0%}".replace("%", " %")


RULES: tuple[Rule, ...] = (
    *(claim_lost, claim_pending, tailnet_volume_unwritable, no_room_for_the_sidecar, no_room_for_the_gateway),
    *(home_volume_full, tailnet_volume_full, home_volume_fills, tailnet_volume_fills),
)
