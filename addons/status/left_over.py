"""Devices of the tailnet that carry a tag of the stack's, and that nobody of the stack uses."""

from collections.abc import Iterator, Sequence
from typing import Final

from addons.console import LeftOver
from addons.status.facts import ControlFacts, DeviceFacts, Snapshot
from addons.status.readings import Source, utc_now
from addons.status.rules.view import View
from components import names
from components.settings import Settings
from components.tailnet.node_policy import tag_of_node, tagged

ANOTHER_STACKS: Final = "it may belong to another stack of this tailnet"


def left_over(settings: Settings, snapshots: Sequence[Snapshot], control: ControlFacts) -> tuple[LeftOver, ...]:
    """Those with the tag of no instance and no node, then the earlier ones of each instance, as the preview tells of them."""
    return (*_of_nobody(settings, control), *(device for one in snapshots for device in _earlier(one, control)))


def _of_nobody(settings: Settings, control: ControlFacts) -> Iterator[LeftOver]:
    known = {instance.names.tag for instance in settings.instances} | {tag_of_node(node) for node in tagged(settings)}
    # Who owns the policy owns all its tags; otherwise other stacks may give tags of our kind too.
    doubt = "" if settings.tailnet.ownership == "owned" else ANOTHER_STACKS
    for device in control.devices:
        ours = {tag for tag in device.tags if tag.startswith(names.TAG_PREFIX)}
        if ours and not ours & known:
            yield _left_over(device, doubt)


def _earlier(snapshot: Snapshot, control: ControlFacts) -> Iterator[LeftOver]:
    """Other devices with the instance's tag, where it is known which one it has now."""
    view = View(snapshot, utc_now())
    own = control.device(view.sidecar.device_id) if view.knows(Source.SIDECAR) else None
    if own is not None:
        yield from (_left_over(device, "") for device in control.tagged(snapshot.declared.tag) if device != own)


def _left_over(device: DeviceFacts, doubt: str) -> LeftOver:
    return LeftOver(device.id, device.name, device.tags, device.last_seen, doubt)
