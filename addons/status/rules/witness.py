"""Who confirms, outside the pod, that a gateway is connected: what tailscaled believes of itself is no proof."""

from typing import Final

from addons.status.facts import Path, PeerFacts
from addons.status.readings import Source
from addons.status.rules.view import View

# WireGuard makes a new handshake every two minutes while there is traffic: one that is older proves nothing of now.
_HANDSHAKE: Final = 150.0


def witness(view: View) -> str:
    """Who it is, in words; empty while nobody confirms it, or while tailscaled itself does not say that it is connected."""
    if not view.knows(Source.SIDECAR):
        return ""
    sidecar = view.sidecar
    if sidecar.backend != "Running" or not sidecar.online:
        return ""
    speaking = [peer for peer in sidecar.peers if _answers(view, peer)]
    if speaking:
        first = speaking[0].device or "a device"
        return first if len(speaking) == 1 else f"{first} and {len(speaking) - 1} more"
    # The control server says nothing of traffic: not enough beside a warning that there is none.
    if any(warning.impacts_connectivity for warning in sidecar.warnings) or not view.knows(Source.CONTROL):
        return ""
    device = view.control.device(sidecar.device_id) if sidecar.device_id else None
    return "the tailnet's list of devices" if device is not None and device.connected else ""


def _answers(view: View, peer: PeerFacts) -> bool:
    """tailscaled takes a direct path, or one by a peer relay, only while the other end answers on it; a relay takes all."""
    if peer.path in (Path.DIRECT, Path.PEER_RELAY):
        return True
    shaken = view.seconds(peer.handshake_at)
    return peer.path is Path.RELAY and shaken is not None and 0 <= shaken < _HANDSHAKE
