"""Looks for the cause in the order of docs/troubleshooting.md, by the rules of the status, and stops at the first one."""

from datetime import datetime
from typing import Final, Literal

from addons.status.model import VERSION, Finding, Health, InstanceStatus
from addons.status.readings import Frozen, Source
from addons.status.rules.table import RULES, STEPS

_OFF: Final = "private-access-off"
# No cause of anything: only what nobody outside confirms.
_DOUBT: Final = "not-confirmed"
# Not asked while private access is off.
_TAILNET: Final = (Source.SIDECAR, Source.NETCHECK, Source.CONTROL)
# Without these nobody can say that a step is well.
_NEEDS: Final = {
    0: (Source.CLUSTER,),
    1: (Source.SIDECAR,),
    2: (Source.SIDECAR,),
    4: (Source.SIDECAR, Source.GATEWAY),
    6: (Source.GATEWAY,),
    7: (Source.GATEWAY,),
}
# Beyond what anybody can see from here, by step; said when the rules of the step found nothing.
_BEYOND: Final = {
    5: "The token is not looked at from here. A client that says AUTH_TOKEN_MISMATCH needs the one in force: `pulumi stack output "
    "instances` has the command that reads it.",
    8: "What the agent was told is not seen from here. Ask it for the exact words of the error, and look at step 8 of "
    "docs/troubleshooting.md.",
    9: "What the pod may reach is not tried from here: step 9 of docs/troubleshooting.md has the commands.",
}


class Checked(Frozen):
    """One step. `findings` are the cause's first, then what else is worth knowing; `unread` says what could not be looked at."""

    step: int
    title: str
    outcome: Literal["well", "cause", "not known", "not looked at"]
    says: str
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()


class Diagnosis(Frozen):
    """What was looked at, in this order, up to the first cause. `cause` is None where none was found."""

    version: int = VERSION
    at: datetime
    instance: str
    checks: tuple[Checked, ...]
    cause: Finding | None
    says: str
    hint: str

    @property
    def exit_code(self) -> int:
        return self.cause.health.exit_code if self.cause is not None else Health.HEALTHY.exit_code


def diagnose(status: InstanceStatus) -> Diagnosis:
    """The first cause of trouble with an instance, from its status alone.

    Where something is down, what only makes it worse is no cause: it is shown at its step, and the search goes on.
    """
    checks: list[Checked] = []
    for step, title in enumerate(STEPS):
        checks.append(_checked(status, step, title))
        if checks[-1].outcome == "cause":
            cause = checks[-1].findings[0]
            return _diagnosis(status, checks, cause, cause.says, cause.hint)
    doubt = next((one for one in status.findings if one.health is Health.UNKNOWN or one.rule == _DOUBT), None)
    if doubt is not None:
        return _diagnosis(
            status, checks, doubt, f"No cause was found in what can be seen from here. {doubt.says}", doubt.hint
        )
    return _diagnosis(
        status,
        checks,
        None,
        "Nothing is wrong that can be seen from here.",
        "If it still cannot be reached, look from the device that cannot: docs/troubleshooting.md has the commands.",
    )


def _diagnosis(status: InstanceStatus, checks: list[Checked], cause: Finding | None, says: str, hint: str) -> Diagnosis:
    return Diagnosis(at=status.at, instance=status.id, checks=tuple(checks), cause=cause, says=says, hint=hint)


def _checked(status: InstanceStatus, step: int, title: str) -> Checked:
    found = [one for one in status.findings if one.step == step]
    causes = [one for one in found if _is_cause(one, status)]
    if causes:
        rest = [one for one in found if one not in causes]
        return Checked(step=step, title=title, outcome="cause", says=causes[0].says, findings=(*causes, *rest))
    reasons = {
        one.source: one.reason
        for one in status.sources
        if not one.known and (status.wanted or one.source not in _TAILNET)
    }
    unread = tuple(f"{source}: {reasons[source]}" for source in _looks_at(step) if source in reasons)
    doubts = [one.says for one in found if one.health is Health.UNKNOWN or one.rule == _DOUBT]
    if doubts or any(source in reasons for source in _NEEDS.get(step, ())):
        says = doubts[0] if doubts else "What it needs was not read."
        return Checked(step=step, title=title, outcome="not known", says=says, findings=tuple(found), unread=unread)
    if step in _BEYOND and not found:
        return Checked(step=step, title=title, outcome="not looked at", says=_BEYOND[step])
    says = found[0].says if found else _well(status, step)
    return Checked(step=step, title=title, outcome="well", says=says, findings=tuple(found), unread=unread)


def _is_cause(finding: Finding, status: InstanceStatus) -> bool:
    down = any(one.health is Health.DOWN for one in status.findings)
    return finding.rule == _OFF or (
        finding.health is (Health.DOWN if down else Health.DEGRADED) and finding.rule != _DOUBT
    )


def _looks_at(step: int) -> list[Source]:
    """All sources that rules of a step ask."""
    asked = {source for rule in RULES if rule.step == step for source in rule.sources}
    return [source for source in Source if source in asked]


def _well(status: InstanceStatus, step: int) -> str:
    """What holds, where a step found nothing that is wrong."""
    match step:
        case 0:
            return "The cluster runs the pod: its image, its volumes and its memory are right."
        case 1:
            confirmed = f", which {status.confirmed_by} confirms" if status.confirmed_by else ""
            return f"The device is in its tailnet{confirmed}. {status.relay.says}"
        case 2:
            return f"The device is {status.dns_name or status.declared.hostname}, as it should be."
        case 3:
            people = ", ".join((*status.declared.people, *status.declared.nodes)) or "nobody"
            return f"Listed: {people}. `pulumi stack output access` has who may open it by the policy in force."
        case 4:
            return f"Port {status.declared.served_port} is passed on to the gateway, which runs."
        case 6:
            return "No client waits to be paired."
        case 7:
            return "The nodes that are online may execute."
        case _:
            return "Nothing is wrong here."
