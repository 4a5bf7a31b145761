"""The five credentials that owners confuse, each with its end; and rules on those that end soon."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal

from addons.status.facts import KeyFacts
from addons.status.model import Credential, Health
from addons.status.readings import Source
from addons.status.rules.rule import Rule, Said, quoted, rule
from addons.status.rules.view import View

SOON: Final = timedelta(days=30)
VERY_SOON: Final = timedelta(days=7)

_WHOSE: Final = {"node key": "The device's node key", "certificate": "The certificate of the gateway's name"}
_RENEW: Final = {
    "node key": "Switch key expiry off for the device in the admin console, or rotate the auth key and start the pod anew.",
    "certificate": "tailscaled renews it by itself; so late it has failed to. Start the sidecar anew, and see step 9.",
}


def credentials(view: View) -> tuple[Credential, ...]:
    """All five, in the order in which they are needed."""
    return (_auth_key(view), _node_key(view), _certificate(view), _api_key(view), _gateway_token(view))


def _node_key(view: View) -> Credential:
    if not view.declared.wanted:
        says = "Kept on the tailnet volume until private access is on again."
        return Credential(kind="node key", status="not needed now", says=says)
    if not view.knows(Source.SIDECAR):
        return Credential(kind="node key", status="unknown", says="tailscaled was not read.")
    sidecar = view.sidecar
    if not sidecar.device_id:
        return Credential(kind="node key", status="unknown", says="The device has not joined yet.")
    if sidecar.key_expiry is None:
        status = "expired" if sidecar.expired else "never expires"
        says = "Nobody reaches the device." if sidecar.expired else "Devices with a tag keep theirs."
        return Credential(kind="node key", status=status, says=says)
    status = "expired" if sidecar.expired else _status(sidecar.key_expiry, view.now)
    return Credential(
        kind="node key",
        status=status,
        expires=sidecar.key_expiry,
        says=f"The device's identity in the tailnet; {_ends(sidecar.key_expiry, view.now)}.",
    )


def _auth_key(view: View) -> Credential:
    kind: Literal["auth key"] = "auth key"
    match view.declared.credential:
        case "workloadIdentity":
            says = "The pod's own token proves who it is (a federated identity)."
            return Credential(kind=kind, status="not used", says=says)
        case "oauth":
            says = "An OAuth client mints a key for each login. Needed only if the tailnet volume is lost."
            return Credential(kind=kind, status="never expires", says=says)
        case "authKey":
            pass
    if not view.knows(Source.CONTROL) or view.control.keys is None:
        says = "The tailnet's keys were not read (scope auth_keys). Needed only if the tailnet volume is lost."
        return Credential(kind=kind, status="unknown", says=says)
    key = newest_key(view)
    if key is None:
        says = "None of the tailnet's keys was minted for it by the stack. Needed only if the tailnet volume is lost."
        return Credential(kind=kind, status="unknown", says=says)
    ended = key.invalid or (key.expires is not None and key.expires <= view.now)
    if not _joined(view):
        status = "expired" if ended else "valid"
        says = "It has ended: the device cannot join with it." if ended else "The device joins with it."
        return Credential(kind=kind, status=status, expires=key.expires, says=says)
    if ended:
        says = "It was used or has ended. Needed only if the tailnet volume is lost: rotate it then."
    else:
        until = f"; {_ends(key.expires, view.now)}" if key.expires is not None else ""
        says = f"Needed only if the tailnet volume is lost{until}."
    return Credential(kind=kind, status="not needed now", expires=key.expires, says=says)


def newest_key(view: View) -> KeyFacts | None:
    """The auth key of this instance that ends last. An older one is revoked once the newer is in use."""
    declared = view.declared
    named = f"openclaw {declared.id}"
    mine = [
        key
        for key in view.control.keys or ()
        if declared.tag in key.tags or key.description == named or key.description.startswith(f"{named} ")
    ]
    return max(
        mine, key=lambda key: (not key.invalid, key.expires is None, _seconds(key.expires, view.now)), default=None
    )


def _certificate(view: View) -> Credential:
    kind: Literal["certificate"] = "certificate"
    if not view.declared.wanted or view.declared.reach != "https":
        return Credential(kind=kind, status="not used", says="It is not served by HTTPS. WireGuard encrypts all of it.")
    if not view.knows(Source.SIDECAR):
        return Credential(kind=kind, status="unknown", says="tailscaled was not read.")
    expires = view.sidecar.certificate_expires
    if expires is None:
        says = "tailscaled fetches and renews it by itself, at the first request."
        return Credential(kind=kind, status="unknown", says=says)
    says = f"tailscaled renews it by itself, a month before its end; {_ends(expires, view.now)}."
    # It is renewed within that month: only its last week is worth a worry.
    status = "expired" if expires <= view.now else "expires soon" if expires - view.now <= VERY_SOON else "valid"
    return Credential(kind=kind, status=status, expires=expires, says=says)


def _api_key(view: View) -> Credential:
    kind: Literal["API key"] = "API key"
    if view.knows(Source.CONTROL):
        says = "The stack's own, for the tailnet's API, which accepts it. When it ends, the API does not say."
        return Credential(kind=kind, status="valid", says=says)
    reason = quoted(view.why_unknown(Source.CONTROL))
    return Credential(
        kind=kind, status="unknown", says=f"The stack's own, for the tailnet's API, which was not read: {reason}"
    )


def _gateway_token(view: View) -> Credential:
    kind: Literal["gateway token"] = "gateway token"
    if view.declared.auth == "identity":
        says = "Tailscale's login says who people are."
        return Credential(kind=kind, status="not used", says=says)
    says = f"A new word in `gateway.auth.rotation` makes another {view.declared.auth}."
    return Credential(kind=kind, status="never expires", says=says)


@rule(2, Health.DEGRADED, Source.SIDECAR)
def credential_ends(view: View) -> Iterator[Said]:
    """The node key or the certificate ends within a week"""
    for one in (_node_key(view), _certificate(view)):
        if one.expires is None or one.expires - view.now > VERY_SOON:
            continue
        # A node key that has expired has a rule of its own.
        if one.kind == "certificate" or one.status == "expires soon":
            yield Said(f"{_WHOSE[one.kind]} {_ends(one.expires, view.now)}.", _RENEW[one.kind])


@rule(2, Health.HEALTHY, Source.SIDECAR)
def credential_ends_soon(view: View) -> Iterator[Said]:
    """The node key ends within a month"""
    one = _node_key(view)
    if one.expires is not None and one.status == "expires soon" and one.expires - view.now > VERY_SOON:
        yield Said(f"{_WHOSE[one.kind]} {_ends(one.expires, view.now)}.", _RENEW[one.kind])


@rule(2, Health.HEALTHY, Source.CONTROL)
def auth_key_ended(view: View) -> Iterator[Said]:
    """The auth key was used, revoked or has ended; the device has joined, and does not need it"""
    one = _auth_key(view)
    key = newest_key(view) if view.declared.credential == "authKey" and view.declared.wanted else None
    if key is not None and one.status == "not needed now" and (key.invalid or _seconds(key.expires, view.now) <= 0):
        yield Said(
            "The auth key was used or has ended. It is not needed now; it would be if the tailnet volume were lost.",
            f"Nothing to do. A new one: `python -m addons rotate-key {view.declared.id}`.",
        )


def _joined(view: View) -> bool:
    """Also while nobody knows: a volume that was not lost is the usual case."""
    return not view.declared.wanted or not view.knows(Source.SIDECAR) or view.sidecar.backend == "Running"


def _status(expires: datetime, now: datetime) -> Literal["valid", "expires soon", "expired"]:
    left = expires - now
    return "expired" if left <= timedelta() else "expires soon" if left <= SOON else "valid"


def _seconds(expires: datetime | None, now: datetime) -> float:
    return (expires - now).total_seconds() if expires is not None else float("inf")


def _ends(expires: datetime, now: datetime) -> str:
    """By days, so that the words do not change at every look."""
    day = f"{expires:%d %B %Y}".lstrip("0")
    left = (expires - now).days
    if expires <= now:
        return f"ended on {day}"
    return f"ends within a day, on {day}" if left < 1 else f"ends in {left} day{'s' * (left != 1)}, on {day}"


RULES: tuple[Rule, ...] = (credential_ends, credential_ends_soon, auth_key_ended)
