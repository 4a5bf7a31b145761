"""The faults of docs/reliability.md, and the rules that name each: while it lasts, or as soon as it can be seen at all."""

from typing import Final

# In the order of that page. A fault that nobody notices has rules too: what it leaves behind, or who did not answer meanwhile.
FAULTS: Final[dict[str, tuple[str, ...]]] = {
    "hostname taken by another device": ("hostname-shared", "hostname-taken"),
    "auth key expired or revoked, state there": ("auth-key-ended",),
    "auth key expired or revoked, state lost": ("key-refused",),
    "tailnet volume lost or emptied": ("tailnet-volume-lost", "hostname-taken"),
    "sealed key corrupted": ("sealed-key-damaged",),
    "sealed key of another instance": ("sealed-key-foreign",),
    "sealed key's Secret deleted": ("sealed-key-from-volume",),
    "key-encryption key's Secret deleted": ("sealing-key-missing",),
    "UDP blocked": ("udp-blocked", "relayed"),
    "relay (DERP) down": ("no-path", "no-relay-answers", "warns-no-derp-connection"),
    "control server down for a minute": ("control-unreachable", "out-of-touch"),
    "sidecar OOM-killed": ("out-of-memory", "was-out-of-memory"),
    "gateway OOM-killed": ("out-of-memory", "was-out-of-memory"),
    "kubelet killed": ("sidecar-not-read", "gateway-not-read", "restarted"),
    "containerd killed": ("sidecar-not-read", "gateway-not-read", "restarted"),
    "all parts of the node restarted during an update": ("cluster-not-read", "sidecar-not-read", "gateway-not-read"),
    "/dev/net/tun missing on the node": ("tun-missing",),
    "tailnet volume full": ("tailnet-volume-full", "no-room-for-the-sidecar"),
    "tailnet volume full when the pod starts": ("no-room-for-the-sidecar",),
    "tailnet volume unwritable": ("tailnet-volume-unwritable",),
    "gateway volume full": ("home-volume-full",),
    "gateway volume full when the gateway starts": ("no-room-for-the-gateway",),
}
