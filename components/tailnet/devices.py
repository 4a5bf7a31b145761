"""Devices that are left over, and names that somebody else holds: told with the device's id, before they surprise anyone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pulumi
import pulumi_tailscale as tailscale

from components import names
from components.constants import HOSTED_API
from components.errors import Refusal
from components.ownership import LiveCluster, namespaced
from components.settings import Instance, Settings
from components.tailnet import evaluator
from components.tailnet.evaluator import ranges
from components.tailnet.node_policy import tag_of_node, tagged


@dataclass(frozen=True)
class TailnetDevice:
    """A device of the tailnet, as its API tells of it. `name` is the MagicDNS name; `seen` a time, or empty."""

    id: str
    name: str
    tags: tuple[str, ...] = ()
    seen: str = ""
    addresses: tuple[str, ...] = ()
    user: str = ""

    def __str__(self) -> str:
        parts = [self.name, *self.tags, *([f"last seen {self.seen}"] if self.seen else [])]
        return f"device {self.id} ({', '.join(parts)})"


class TailnetDevices:
    """The devices of a tailnet, listed once, when somebody first asks for them."""

    def __init__(self, provider: tailscale.Provider) -> None:
        self._provider = provider

    @cached_property
    def listed(self) -> list[TailnetDevice]:
        """At once, not as an Output: a name that is taken must be found before anything is registered."""
        items = tailscale.get_devices(opts=pulumi.InvokeOptions(provider=self._provider)).devices or []
        devices = [
            TailnetDevice(
                item.node_id,
                item.name,
                tuple(item.tags or ()),
                item.last_seen or "",
                tuple(item.addresses or ()),
                item.user or "",
            )
            for item in items
        ]
        return sorted(devices, key=lambda device: (device.name, device.id))


def report(settings: Settings, devices: TailnetDevices, live: LiveCluster, of: pulumi.Resource) -> None:
    """Warns of what is left over; raises Refusal for a name or a tag that a new device would share with another."""
    try:
        listed = devices.listed
    except Exception as error:  # the SDK raises no narrower one for a provider that fails
        reason = str(error).partition("\n")[0].removeprefix("invoke of tailscale:index/getDevices:getDevices failed: ")
        pulumi.log.warn(
            f"The tailnet's devices cannot be listed, so leftover devices and taken names are not "
            f"reported ({reason}). The API credential needs the scope devices:core:read.",
            of,
        )
        return
    for line in left_over(settings, listed):
        pulumi.log.warn(line, of)
    for line in offline_devices(settings, listed):
        pulumi.log.info(line, of)
    if taken := [*names_taken(settings, listed), *tags_taken(settings, listed, live)]:
        raise Refusal("\n".join(taken))


def joined(devices: TailnetDevices) -> list[evaluator.Device]:
    """The devices of the tailnet as the evaluator of policies knows them: none where they cannot be listed."""
    try:
        listed = devices.listed
    except Exception:  # as in `report`, which says so
        return []
    return [
        evaluator.Device(device.name, tuple(filter(_is_address, device.addresses)), device.tags, device.user)
        for device in listed
    ]


def left_over(settings: Settings, devices: Sequence[TailnetDevice]) -> Iterator[str]:
    """Devices that no instance or node has any more, and second ones of an instance."""
    known = {instance.names.tag for instance in settings.instances} | {tag_of_node(node) for node in tagged(settings)}
    # Who owns the policy owns all its tags; otherwise other stacks may give tags of our kind too.
    hint = "" if settings.tailnet.ownership == "owned" else " (Leave it if it belongs to another stack.)"
    for device in devices:
        ours = [tag for tag in device.tags if tag.startswith(names.TAG_PREFIX)]
        if ours and not set(ours).intersection(known):
            yield (
                f"{device} belongs to no instance or node of this stack, but is still in the tailnet.{hint} "
                f"Add it to the list again, or remove the device: {_removal(settings, device)}"
            )
    for instance in settings.instances:
        tagged_devices = _devices_of(instance, devices)
        if len(tagged_devices) > 1:
            listed = "; ".join(f"{device}: {_removal(settings, device)}" for device in tagged_devices)
            yield (
                f"{instance.id}: {len(tagged_devices)} devices carry its tag, and people reach the one that is named "
                f"{_name(instance, settings)}. Remove the other: {listed}"
            )
        elif tagged_devices and instance.tailscale.enabled and (holder := _holder(instance, settings, devices)):
            yield (
                f"{instance.id}: {tagged_devices[0]} is not named {_name(instance, settings)}, so the gateway's "
                f"address does not lead to it: {holder} has that name. {_hint(settings, instance, holder)}"
            )


def offline_devices(settings: Settings, devices: Sequence[TailnetDevice]) -> Iterator[str]:
    """Devices of instances whose Tailscale is off: kept, and told, so that nobody forgets them."""
    for instance in settings.instances:
        for device in _devices_of(instance, devices) if not instance.tailscale.enabled else []:
            yield (
                f"{instance.id}: Tailscale is off; {device} stays in the tailnet, and comes back when it is on again. "
                f"To remove it for good: {_removal(settings, device)}"
            )


def names_taken(settings: Settings, devices: Sequence[TailnetDevice]) -> Iterator[str]:
    """Names that a new gateway would not get: the tailnet would call it `<hostname>-1`, and nobody would find it."""
    for instance in settings.instances:
        if not instance.tailscale.enabled or _devices_of(instance, devices):
            continue
        if holder := _holder(instance, settings, devices):
            yield (
                f"{instance.id}: the name {_name(instance, settings)} is taken by {holder}; the gateway would become "
                f"{_name(instance, settings, suffix='-1')}. Nothing of it was deployed. {_hint(settings, instance, holder)}"
            )


def tags_taken(settings: Settings, devices: Sequence[TailnetDevice], live: LiveCluster) -> Iterator[str]:
    """Tags that a device carries which this stack has not joined: of another stack, or left by an earlier one."""
    if live.reason:
        return
    off = {instance.names.id for instance in settings.instances if not instance.tailscale.enabled}
    for path, pod_names in namespaced(settings):
        # A device keeps its identity on a volume of this stack. Without one, what carries the tag is somebody else's.
        if pod_names.id in live.joined | off:
            continue
        for device in [device for device in devices if pod_names.tag in device.tags]:
            yield (
                f"{path}.id: {device} carries its tag, but no volume of this stack in this cluster has that device's identity: "
                f"it belongs to another stack, or was left behind by an earlier one. Nothing of {pod_names.id} was deployed. Choose "
                f"another id here, or, if nobody uses that device any more, remove it: {_removal(settings, device)}"
            )


def _devices_of(instance: Instance, devices: Sequence[TailnetDevice]) -> list[TailnetDevice]:
    return [device for device in devices if instance.names.tag in device.tags]


def _holder(instance: Instance, settings: Settings, devices: Sequence[TailnetDevice]) -> TailnetDevice | None:
    """The other device that has the name of the instance's device."""
    wanted, tag = _name(instance, settings), instance.names.tag
    return next((device for device in devices if device.name == wanted and tag not in device.tags), None)


def _name(instance: Instance, settings: Settings, suffix: str = "") -> str:
    return settings.tailnet.fqdn(f"{instance.names.hostname}{suffix}")


def _hint(settings: Settings, instance: Instance, holder: TailnetDevice) -> str:
    return (
        f"Choose another tailscale.hostname for {instance.id}, or rename that device, or remove it: "
        f"{_removal(settings, holder)}"
    )


def _removal(settings: Settings, device: TailnetDevice) -> str:
    """The command; the API takes the key as a user without password."""
    url = f"{settings.tailnet.api_url or HOSTED_API}/api/v2/device/{device.id}"
    return f'curl --request DELETE --user "$TAILSCALE_API_KEY:" {url}'


def _is_address(text: str) -> bool:
    try:
        return ranges.single(ranges.parse(text))
    except ValueError:
        return False
