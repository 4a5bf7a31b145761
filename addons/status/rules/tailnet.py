"""Rules on the device in its tailnet: logged in, in touch, known to the control server, under its name."""

from collections.abc import Iterator
from typing import Final

from addons.status.facts import DeviceFacts
from addons.status.model import Health, State
from addons.status.readings import Source
from addons.status.rules.keys import known_login_error
from addons.status.rules.rule import Rule, Said, quoted, rule
from addons.status.rules.view import View
from addons.status.rules.witness import witness
from components.constants import SIDECAR_CONTAINER

# A sidecar that starts is logged in within seconds; its boot gives up after 60.
_JOINING: Final = 60.0
# The control server's list follows a new device, a new name or a new connection only after a while.
_SETTLED: Final = 30.0
# So late the control server's `connected` may be, both ways, without meaning anything.
_LATE: Final = 120.0


@rule(2, Health.DOWN, Source.SIDECAR, Source.CONTROL, state=State.REMOVED)
def removed(view: View) -> Iterator[Said]:
    """The device is not in the tailnet's list any more, although it looks well from inside"""
    device_id = view.sidecar.device_id
    if view.sidecar.backend != "Running" or not device_id or view.control.device(device_id) is not None:
        return
    listed, began = view.snapshot.control.read_at, view.began(SIDECAR_CONTAINER)
    # A list that was read before the device joined cannot have it.
    if listed is not None and began is not None and (listed - began).total_seconds() < _SETTLED:
        return
    yield Said(
        "This device was removed from the tailnet; nobody reaches it, although it looks well from inside.",
        f"Start the pod anew: `kubectl --namespace {view.declared.namespace} delete pod --all`. It joins again with a new address, "
        "under its name, while its credential is valid.",
    )


@rule(2, Health.DOWN, Source.SIDECAR, state=State.NEEDS_LOGIN)
def needs_approval(view: View) -> Iterator[Said]:
    """An admin of the tailnet must approve the device"""
    sidecar = view.sidecar
    listed = view.control.device(sidecar.device_id) if view.knows(Source.CONTROL) and sidecar.device_id else None
    if sidecar.backend == "NeedsMachineAuth" or (listed is not None and not listed.authorized):
        link = f" at {sidecar.auth_url}" if sidecar.auth_url else " in the tailnet's admin console, under Machines"
        yield Said("Waits for the approval of an admin of the tailnet.", f"Approve it{link}.")


@rule(2, Health.DOWN, Source.SIDECAR, state=State.NEEDS_LOGIN)
def node_key_expired(view: View) -> Iterator[Said]:
    """The node key of the device has expired"""
    sidecar = view.sidecar
    if sidecar.expired or (sidecar.key_expiry is not None and sidecar.key_expiry <= view.now):
        yield Said(
            "The device's node key has expired: nobody reaches it.",
            "Switch key expiry off for it in the admin console, or rotate the auth key and start the pod anew.",
            sidecar.key_expiry,
        )


@rule(2, Health.DOWN, Source.SIDECAR, state=State.NEEDS_LOGIN)
def needs_login(view: View) -> Iterator[Said]:
    """tailscaled is logged out, and has not been logged in within a minute"""
    sidecar = view.sidecar
    if sidecar.backend == "NeedsLogin" and not view.young(SIDECAR_CONTAINER, _JOINING) and not known_login_error(view):
        error = next((one.text for one in sidecar.warnings if one.code == "login-state"), "")
        yield Said(
            f"The gateway's device is logged out{f': {quoted(error)}' if error else '.'}",
            f"Log it in at {sidecar.auth_url}"
            if sidecar.auth_url
            else f"Rotate its key: `python -m addons rotate-key {view.declared.id}`.",
            view.began(SIDECAR_CONTAINER),
        )


@rule(1, Health.HEALTHY, state=State.DISABLED)
def private_access_off(view: View) -> Iterator[Said]:
    """Private access is off in the stack"""
    left = view.knows(Source.CLUSTER) and view.container(SIDECAR_CONTAINER) is not None
    if not view.declared.wanted and not left:
        hint = f"Switch it on: `python -m addons enable {view.declared.id}`."
        yield Said("Private access is off. Data and device are kept.", hint)


@rule(1, Health.DOWN, Source.SIDECAR)
def switched_off(view: View) -> Iterator[Said]:
    """Somebody ran `tailscale down` in the sidecar"""
    if view.sidecar.backend == "Stopped":
        yield Said("Somebody switched Tailscale off inside the sidecar.", _start_anew(view))


@rule(1, Health.DOWN, Source.SIDECAR)
def joins_not(view: View) -> Iterator[Said]:
    """tailscaled has tried to join for more than a minute"""
    backend = view.sidecar.backend
    trying = backend not in ("Running", "NeedsLogin", "NeedsMachineAuth", "Stopped")
    if trying and not view.young(SIDECAR_CONTAINER, _JOINING) and not known_login_error(view):
        yield Said(
            "The gateway's device does not get into its tailnet.",
            f"See step 9: can the pod reach DNS and the control server? {_logs(view)}",
            view.began(SIDECAR_CONTAINER),
        )


@rule(1, Health.DEGRADED, Source.SIDECAR, state=State.STARTING, quiet=True)
def joining(view: View) -> Iterator[Said]:
    """tailscaled starts, or logs in"""
    if view.sidecar.backend != "Running":
        yield Said("Joining the tailnet.", since=view.began(SIDECAR_CONTAINER))


@rule(1, Health.DEGRADED, Source.CLUSTER, state=State.STARTING, quiet=True)
def sidecar_just_started(view: View) -> Iterator[Said]:
    """The sidecar was just started, and has not been asked yet"""
    if view.declared.wanted and view.running(SIDECAR_CONTAINER) and not view.knows(Source.SIDECAR):
        yield Said("The sidecar was just started.", since=view.began(SIDECAR_CONTAINER))


@rule(1, Health.DEGRADED, Source.SIDECAR, state=State.OUT_OF_TOUCH)
def out_of_touch(view: View) -> Iterator[Said]:
    """tailscaled has no contact with the control server"""
    sidecar = view.sidecar
    if sidecar.backend == "Running" and sidecar.online is False:
        out_of_sync = next((one.broken_since for one in sidecar.warnings if one.code == "not-in-map-poll"), None)
        yield Said(
            "Works for devices that know it; no contact with the control server.",
            "New devices and changes of access wait until the contact is back; connections that exist go on. "
            "Nothing to do here, unless other devices of the tailnet are in touch: then see step 9.",
            out_of_sync,
        )


@rule(2, Health.DOWN, Source.SIDECAR, Source.CONTROL)
def tailnet_volume_lost(view: View) -> Iterator[Said]:
    """The instance's earlier device holds its name: the tailnet volume was lost, and a new device joined"""
    for old in _earlier(view):
        yield Said(
            f"The tailnet volume was lost: a new device joined as {_label(view.sidecar.dns_name)}, and the old one still holds the "
            f"name {view.declared.hostname}.",
            f"Remove the old device ({old.id}) in the admin console, then give the new one its name there.",
            old.last_seen,
        )


@rule(2, Health.DOWN, Source.SIDECAR)
def hostname_taken(view: View) -> Iterator[Said]:
    """Another device has the name: this one got another"""
    sidecar, wanted = view.sidecar, view.declared.hostname
    if sidecar.backend != "Running" or not sidecar.dns_name or _label(sidecar.dns_name) == wanted:
        return
    if view.young(SIDECAR_CONTAINER, _SETTLED) or (view.knows(Source.CONTROL) and any(True for _ in _earlier(view))):
        return
    yield Said(
        f"Wanted {wanted}, is {_label(sidecar.dns_name)}: another device has the name, or somebody renamed this one.",
        f"Remove the other device in the admin console and rename this one there, or choose another name: "
        f"`python -m addons hostname {view.declared.id} NAME`.",
    )


@rule(2, Health.DEGRADED, Source.SIDECAR, Source.CONTROL)
def hostname_shared(view: View) -> Iterator[Said]:
    """Another device of the tailnet asks for the same hostname"""
    wanted = view.declared.hostname
    own = view.control.device(view.sidecar.device_id)
    if own is None or _label(view.sidecar.dns_name) != wanted:
        return
    for other in (one for one in view.control.devices if one != own and one.hostname == wanted):
        owner = f" of {other.user}" if other.user else ""
        yield Said(
            f"Another device{owner} asks for the name {wanted} too; the tailnet calls it {_label(other.name)}. This gateway keeps "
            "its name.",
            f"If you do not know that device ({other.id}), remove it in the admin console.",
        )


@rule(3, Health.DEGRADED, Source.SIDECAR, Source.CONTROL)
def tag_missing(view: View) -> Iterator[Said]:
    """The device does not carry the instance's tag, which the policy speaks of"""
    device = view.control.device(view.sidecar.device_id)
    if device is not None and view.declared.tag and view.declared.tag not in device.tags:
        yield Said(
            f"The device does not carry {view.declared.tag}, so the policy lets nobody reach it by that tag.",
            "Give it the tag in the admin console, or rotate its auth key and remove the device: it joins with its tag.",
        )


@rule(3, Health.HEALTHY)
def nobody_listed(view: View) -> Iterator[Said]:
    """Nobody is listed: neither people nor nodes"""
    if view.declared.wanted and not view.declared.people and not view.declared.nodes:
        yield Said("Nobody is listed for this gateway.", "Add people to `people` of the instance, and run `pulumi up`.")


@rule(2, Health.DEGRADED, Source.SIDECAR, Source.CONTROL)
def views_differ(view: View) -> Iterator[Said]:
    """The device and the control server do not agree on whether they are connected"""
    device, online = view.control.device(view.sidecar.device_id), view.sidecar.online
    if device is None or device.connected is None or online is None or view.sidecar.backend != "Running":
        return
    if online and not device.connected and (view.seconds(device.last_seen) or _LATE) >= _LATE:
        says = "The device says that it is connected; the control server says that it is not."
        yield Said(says, "Both may be minutes late. If it stays so, start the sidecar anew.", device.last_seen)
    if device.connected and not online:
        yield Said("The control server still lists the device as connected, which it is not.")


@rule(1, Health.DEGRADED, Source.SIDECAR, state=State.UNCONFIRMED, quiet=True)
def not_confirmed(view: View) -> Iterator[Said]:
    """It says that it is connected, and nobody outside the pod confirms it"""
    if view.sidecar.backend != "Running" or view.sidecar.online is False or witness(view):
        return
    list_read = view.knows(Source.CONTROL)
    yield Said(
        "The gateway's device says that it is connected; nobody outside confirmed it yet.",
        "Open the gateway from a device of yours: what it answers confirms it."
        if list_read
        else "The tailnet's list of devices was not read, and no other device speaks with it now. Opening the gateway confirms it.",
    )


def _earlier(view: View) -> Iterator[DeviceFacts]:
    """The device of this instance that holds its name, while the one that runs has another."""
    sidecar, declared = view.sidecar, view.declared
    if not sidecar.dns_name or _label(sidecar.dns_name) == declared.hostname:
        return
    own = view.control.device(sidecar.device_id)
    for device in view.control.tagged(declared.tag):
        if device != own and _label(device.name) == declared.hostname:
            yield device
            return


def _label(name: str) -> str:
    return name.partition(".")[0]


def _start_anew(view: View) -> str:
    return f"Start it anew: `kubectl --namespace {view.declared.namespace} delete pod --all`. Device and data stay."


def _logs(view: View) -> str:
    declared = view.declared
    return f"`kubectl --namespace {declared.namespace} logs deployment/{declared.deployment} --container {SIDECAR_CONTAINER}` has more."


RULES: tuple[Rule, ...] = (
    *(removed, node_key_expired, needs_approval, needs_login, switched_off, joins_not),
    *(tailnet_volume_lost, hostname_taken, out_of_touch, tag_missing, views_differ, hostname_shared),
    *(private_access_off, joining, sidecar_just_started, not_confirmed, nobody_listed),
)
