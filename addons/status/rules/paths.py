"""Rules on the way of traffic: UDP, relays, what tailscaled warns of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from addons.status.facts import HealthWarning, Path
from addons.status.model import Health
from addons.status.readings import Source
from addons.status.rules.relay import because, over_a_relay, relay
from addons.status.rules.rule import Rule, Said, implied, quoted, rule
from addons.status.rules.view import View

_OPEN_UDP: Final = (
    "Let UDP out of the cluster to any address (port 3478 at least) in the firewall before it: the stack's own NetworkPolicies do. "
    "Traffic stays encrypted from end to end."
)
_NEWER: Final = "Set another `images.tailscale`, and run `pulumi up`."
_OPEN_TCP: Final = (
    "Let TCP 443 out to the relays and the control server, and UDP to any address, in the firewall before the cluster."
)


@rule(1, Health.DOWN, Source.NETCHECK, Source.SIDECAR)
def no_path(view: View) -> Iterator[Said]:
    """Neither UDP nor a relay gets through: nothing reaches the gateway"""
    if _no_path(view):
        yield Said("Nothing gets through: UDP does not get out of the pod, and no relay answers.", _OPEN_TCP)


@rule(1, Health.DEGRADED, Source.NETCHECK)
def no_relay_answers(view: View) -> Iterator[Said]:
    """No relay answers; direct paths go on"""
    netcheck = view.netcheck
    if netcheck.udp is not None and not netcheck.relay and not _no_path(view):
        yield Said(
            "No relay answers: devices with a direct path go on, new contacts and those behind a strict NAT do not get through.",
            _OPEN_TCP,
        )


@rule(1, Health.DEGRADED, Source.SIDECAR)
def relayed(view: View) -> Iterator[Said]:
    """Traffic goes over a relay, by the byte counters of the last minute"""
    if over_a_relay(view):
        yield Said(relay(view).says, _OPEN_UDP if "UDP" in because(view) else _OTHER_END)


@rule(1, Health.DEGRADED, Source.NETCHECK)
def udp_blocked(view: View) -> Iterator[Said]:
    """UDP does not get out of the pod: everything is relayed"""
    if view.netcheck.udp is False and not _no_path(view):
        yield Said("UDP does not get out of the pod: everything works over a relay, and slower.", _OPEN_UDP)


_OTHER_END: Final = "Look at the other end: `tailscale netcheck` there. Traffic stays encrypted from end to end."


def _no_path(view: View) -> bool:
    """Also true while the sidecar was not read: then nobody knows of a direct path."""
    netcheck = view.netcheck
    direct = view.knows(Source.SIDECAR) and any(peer.path is Path.DIRECT for peer in view.sidecar.peers)
    return netcheck.udp is False and not netcheck.relay and not direct


@dataclass(frozen=True)
class Known:
    """What a warning of tailscaled means for an owner."""

    code: str
    health: Health
    says: str
    hint: str = ""
    step: int = 1


# The codes of tailscale's tsconst/health.go that say more than other rules do.
KNOWN: Final = (
    Known("network-status", Health.DOWN, "The pod has no network, says tailscaled.", "See step 9."),
    Known("no-derp-home", Health.DEGRADED, "tailscaled found no relay to be reached by.", _OPEN_TCP),
    Known(
        "no-derp-connection",
        Health.DEGRADED,
        "The gateway's relay does not answer: devices with a direct path go on, new contacts and those behind a strict NAT "
        "do not get through.",
        "Relays come back by themselves. If only this pod does not reach it, let TCP 443 out to it.",
    ),
    Known("derp-timed-out", Health.DEGRADED, "Nothing was heard of the gateway's relay for two minutes.", _OPEN_TCP),
    Known("derp-region-error", Health.HEALTHY, "A relay reports trouble of its own.", "It passes by itself."),
    Known("no-udp4-bind", Health.DEGRADED, "tailscaled cannot listen for UDP, so everything is relayed.", _OPEN_UDP),
    Known(
        "mapresponse-timeout",
        Health.DEGRADED,
        "The control server has sent nothing for two minutes: changes of access do not arrive.",
        "It comes back by itself. If only this pod does not reach it, see step 9.",
    ),
    Known(
        "tls-connection-failed",
        Health.DEGRADED,
        "tailscaled gets no encrypted connection to a server of its tailnet: something intercepts it, or a certificate authority is "
        "not known in the pod.",
        "A certificate authority of your own goes into `pod.caBundle`: docs/placement.md.",
        9,
    ),
    Known(
        "magicsock-receive-func-error", Health.DEGRADED, "A part of tailscaled has stopped.", "Start the sidecar anew."
    ),
    Known(
        "apply-disk-config", Health.DEGRADED, "tailscaled could not apply its configuration.", "Start the sidecar anew."
    ),
    Known(
        "tls-cert-pending", Health.HEALTHY, "The certificate is being fetched; the first request waits for it.", "", 4
    ),
    Known("security-update-available", Health.DEGRADED, "Tailscale has a security update.", _NEWER),
    Known("is-using-unstable-version", Health.HEALTHY, "The sidecar runs an unstable version of Tailscale.", _NEWER),
)
# Said by rules of their own, of no use in a pod, or over by themselves within seconds.
SILENT: Final = (
    *("login-state", "wantrunning-false", "not-in-map-poll", "warming-up"),
    *("update-available", "local-log-config-error", "ip-forwarding-off", "test-warnable"),
)


def _warnings(view: View) -> tuple[HealthWarning, ...]:
    """None while tailscaled warms up: that silences all others in Tailscale's own programs too."""
    warnings = view.sidecar.warnings
    return () if any(warning.code == "warming-up" for warning in warnings) else warnings


def _of(known: Known) -> Rule:
    def find(view: View) -> Iterator[Said]:
        for warning in _warnings(view):
            if warning.code == known.code:
                yield Said(known.says, known.hint, warning.broken_since)

    name, finds = f"warns-{known.code}", f"tailscaled warns: `{known.code}`"
    return Rule(name, known.step, known.health, (Source.SIDECAR,), finds, find, implied(known.health), quiet=False)


@rule(1, Health.DEGRADED, Source.SIDECAR)
def warns(view: View) -> Iterator[Said]:
    """tailscaled warns of something that has no rule of its own: in its own words"""
    codes = {known.code for known in KNOWN}
    for warning in _warnings(view):
        if warning.code not in codes and warning.code not in SILENT and _matters(warning):
            yield Said(f"tailscaled warns: {_own_words(warning)}", since=warning.broken_since)


@rule(1, Health.HEALTHY, Source.SIDECAR)
def remarks(view: View) -> Iterator[Said]:
    """tailscaled remarks something of little weight: in its own words"""
    codes = {known.code for known in KNOWN}
    for warning in _warnings(view):
        if warning.code not in codes and warning.code not in SILENT and not _matters(warning):
            yield Said(f"tailscaled remarks: {_own_words(warning)}", since=warning.broken_since)


def _own_words(warning: HealthWarning) -> str:
    """Its title and its text, which are the same where only one of them is known."""
    return quoted(": ".join(one for one in dict.fromkeys((warning.title, warning.text)) if one)) or warning.code


def _matters(warning: HealthWarning) -> bool:
    return warning.impacts_connectivity or warning.severity != "low"


WARNINGS: tuple[Rule, ...] = tuple(map(_of, KNOWN))
RULES: tuple[Rule, ...] = (no_path, relayed, no_relay_answers, udp_blocked, *WARNINGS, warns, remarks)
