"""Rules on the credential with which the sidecar joins, from the sealed key to the control server's answer."""

from collections.abc import Iterator
from typing import Final

from addons.status.facts import HealthWarning
from addons.status.model import Health, State
from addons.status.readings import Source
from addons.status.rules.failures import cause, failed_by, known_line
from addons.status.rules.rule import Rule, Said, quoted, rule
from addons.status.rules.view import View
from components.constants import SIDECAR_CONTAINER, UNSEAL_CONTAINER

_UPDATE: Final = "Run `pulumi up --refresh`."


@rule(0, Health.DOWN, Source.CLUSTER)
def sealed_key_foreign(view: View) -> Iterator[Said]:
    """The sealed auth key is another instance's: the container `unseal` refuses it"""
    for one in failed_by(view, "sealed-key-foreign"):
        says = "The sealed auth key in the cluster belongs to another instance, so neither sidecar nor gateway starts."
        yield Said(says, _UPDATE, one.last_ended_at)


@rule(0, Health.DOWN, Source.CLUSTER)
def sealed_key_damaged(view: View) -> Iterator[Said]:
    """The sealed auth key does not open: the container `unseal` fails"""
    for one in failed_by(view, "sealed-key-damaged"):
        says = "The sealed auth key in the cluster does not open: it was changed, or sealed with another key."
        yield Said(says, f"{_UPDATE} If that changes nothing, rotate the key.", one.last_ended_at)


@rule(0, Health.DOWN, Source.CLUSTER)
def sealing_key_damaged(view: View) -> Iterator[Said]:
    """The key-encryption key has not its length: the container `unseal` fails"""
    for one in failed_by(view, "sealing-key-damaged"):
        says = "The key-encryption key in the cluster is damaged, so the auth key does not open."
        yield Said(says, f"{_UPDATE} If that changes nothing, rotate the key.", one.last_ended_at)


@rule(0, Health.DOWN, Source.CLUSTER)
def sealed_key_missing(view: View) -> Iterator[Said]:
    """Neither Secret nor volume has the sealed auth key: the container `unseal` fails"""
    for one in failed_by(view, "sealed-key-missing"):
        yield Said("The sealed auth key, or the key to it, cannot be read in the pod.", _UPDATE, one.last_ended_at)


@rule(2, Health.DEGRADED, Source.CLUSTER)
def sealed_key_from_volume(view: View) -> Iterator[Said]:
    """The Secret with the sealed auth key is gone: `unseal` took the copy on the volume"""
    one = view.container(UNSEAL_CONTAINER)
    if one is not None and "(from the state volume)" in f"{one.message}{one.last_message}":
        yield Said(
            "The Secret with the sealed auth key is gone; the copy on the tailnet volume was used, and nothing is missed yet.",
            _UPDATE,
        )


@rule(2, Health.DOWN, Source.CLUSTER, state=State.NEEDS_LOGIN)
def key_refused(view: View) -> Iterator[Said]:
    """The control server refused the credential with which the sidecar joins"""
    for refusal in _said(view, "key-refused"):
        says = f"The key was refused, so the gateway cannot join its tailnet: {quoted(refusal.says)}"
        yield Said(says, _new_credential(view), refusal.since)


@rule(1, Health.DOWN, Source.CLUSTER, state=State.OUT_OF_TOUCH)
def control_unreachable(view: View) -> Iterator[Said]:
    """A sidecar that starts waits for the control server"""
    for silence in _said(view, "control-unreachable"):
        yield Said(
            "The control server does not answer, and a sidecar that starts needs it: nobody reaches the gateway meanwhile.",
            "It joins by itself when the control server is back. If only this pod cannot reach it, see step 9: DNS, and TCP 443.",
            silence.since,
        )


def known_login_error(view: View) -> str:
    """The rule that knows why tailscaled is not logged in, by its own words; empty when none does."""
    found = (cause(SIDECAR_CONTAINER, warning.text) for warning in _login_errors(view))
    return next((rule_name for rule_name in found if rule_name), "")


def _said(view: View, rule_name: str) -> Iterator[Said]:
    """What the sidecar said of it, once: when it ended, or while it tries."""
    for one in failed_by(view, rule_name):
        yield Said(known_line(one), since=one.last_ended_at)
        return
    for warning in _login_errors(view):
        if cause(SIDECAR_CONTAINER, warning.text) == rule_name:
            yield Said(warning.text, since=warning.broken_since)
            return


def _login_errors(view: View) -> tuple[HealthWarning, ...]:
    if not view.knows(Source.SIDECAR) or view.sidecar.backend == "Running":
        return ()
    return tuple(warning for warning in view.sidecar.warnings if warning.code in ("login-state", ""))


def _new_credential(view: View) -> str:
    match view.declared.credential:
        case "authKey":
            return f"Give it a new key: `python -m addons rotate-key {view.declared.id}`, or `pulumi up --refresh`."
        case "oauth":
            return "Change `tailscale.oauth.rotation` and run `pulumi up`. The client must own the instance's tag."
        case "workloadIdentity":
            return (
                "Check that the tailnet's federated identity trusts this cluster's issuer and pod: docs/credentials.md."
            )


RULES: tuple[Rule, ...] = (
    *(sealed_key_foreign, sealed_key_damaged, sealing_key_damaged, sealed_key_missing),
    *(key_refused, control_unreachable, sealed_key_from_volume),
)
