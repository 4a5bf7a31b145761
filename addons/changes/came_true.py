"""Whether a change has come true: what its status must show, and what is missing still."""

from addons.changes.model import Change, Kind
from addons.status.model import Health, InstanceStatus, State

_CONNECTED = (State.CONNECTED, State.UNCONFIRMED)


def missing(change: Change, status: InstanceStatus) -> str:
    """What the status does not show yet, in words; empty when the change has come true."""
    if change.kind is Kind.ADDRESS:
        shown = status.declared.preferred
        return "" if shown == change.value else f"its {shown} is still shown"
    wanted = (State.DISABLED,) if change.kind is Kind.DISABLE else _CONNECTED
    if status.state not in wanted or status.health in (Health.DOWN, Health.UNKNOWN):
        return status.headline
    if change.kind is Kind.HOSTNAME and (status.dns_name or "").partition(".")[0] != change.value:
        return f"its name in the tailnet is still {status.dns_name}"
    return "" if status.gateway_ready else "the gateway is not ready yet"
