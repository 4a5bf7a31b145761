"""Rules on Serve: what it passes on, under which name and certificate."""

import re
from collections.abc import Iterator
from typing import Final

from addons.status.model import Health
from addons.status.readings import Source
from addons.status.rules.rule import Rule, Said, quoted, rule
from addons.status.rules.view import View
from components.constants import GATEWAY_PORT, SIDECAR_CONTAINER

# containerboot applies the file once the device has joined.
_APPLYING: Final = 20.0
_TARGET: Final = re.compile(rf"(https?://|tcp://)?(127\.0\.0\.1|localhost|\[::1\]):{GATEWAY_PORT}/?")


@rule(4, Health.DOWN, Source.SIDECAR)
def serves_nothing(view: View) -> Iterator[Said]:
    """Nothing answers on the served port"""
    declared, served = view.declared, view.sidecar.served
    if served is None or view.sidecar.backend != "Running" or view.young(SIDECAR_CONTAINER, _APPLYING):
        return
    if not any(one.port == declared.served_port for one in served):
        yield Said(
            f"Serve passes nothing on: port {declared.served_port} of the gateway's address does not answer.",
            _anew(view),
        )


@rule(4, Health.DOWN, Source.SIDECAR)
def serves_another_target(view: View) -> Iterator[Said]:
    """Serve passes the served port on to something else than the gateway"""
    for one in view.sidecar.served or ():
        if one.port == view.declared.served_port and not _TARGET.fullmatch(one.target):
            yield Said(
                f"Serve passes port {one.port} on to {quoted(one.target)}, where no gateway is: people get 502.",
                _anew(view),
            )


@rule(4, Health.DEGRADED, Source.SIDECAR)
def serves_otherwise(view: View) -> Iterator[Said]:
    """The served port speaks another protocol than the stack declares"""
    for one in view.sidecar.served or ():
        if one.port == view.declared.served_port and one.kind != view.declared.reach:
            yield Said(f"Port {one.port} is served as {one.kind}, not as {view.declared.reach}.", _anew(view))


@rule(4, Health.DOWN, Source.SIDECAR)
def no_certificate(view: View) -> Iterator[Said]:
    """The tailnet gives no certificate for the name, and the reach is https"""
    declared, sidecar = view.declared, view.sidecar
    # Under another name everything is otherwise: that has a rule of its own.
    if (
        declared.reach != "https"
        or sidecar.backend != "Running"
        or sidecar.dns_name.partition(".")[0] != declared.hostname
    ):
        return
    if view.young(SIDECAR_CONTAINER, _APPLYING) or sidecar.dns_name in sidecar.certificate_domains:
        return
    yield Said(
        "The tailnet gives no certificates, so https:// does not answer.",
        "Switch on HTTPS Certificates in the admin console, under DNS, and start the sidecar anew; or set `tailscale.reach: http`.",
    )


def _anew(view: View) -> str:
    declared = view.declared
    return (
        f"Start the sidecar anew: `kubectl --namespace {declared.namespace} exec deployment/{declared.deployment} "
        f"--container {SIDECAR_CONTAINER} -- sh -c 'kill 1'`. If it is wrong again: `pulumi up --refresh`."
    )


RULES: tuple[Rule, ...] = (serves_nothing, serves_another_target, no_certificate, serves_otherwise)
