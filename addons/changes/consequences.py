"""What a change does, in words for the person who decides: from the engine's steps, the settings and the access matrix."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from addons.changes.candidate import Candidate
from addons.changes.events import called
from addons.changes.model import Consequence, Kind, Step
from components import sidecar
from components.outputs import AccessOutput
from components.settings import Instance, Settings

# Seconds from the old pod's end to the new one's answer. docs/reliability.md: a gateway that was ended answers again after
# 15 s, and its start takes up to 40 s of processor time ("How to read the times").
RESTART_SECONDS: Final = 20
SLOW_RESTART_SECONDS: Final = 40

_DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
_CLAIM: Final = "kubernetes:core/v1:PersistentVolumeClaim"
_NAMESPACE: Final = "kubernetes:core/v1:Namespace"
_GONE: Final = frozenset({"delete", "replace"})
# A component groups resources, and is nothing in the cluster.
_COMPONENTS: Final = ("openclaw:", "pulumi:")
_WORDS: Final = {
    "create": ("created", "is created", "are created"),
    "update": ("changed", "is changed in place", "are changed in place"),
    "replace": ("changed", "is made anew under another name", "are made anew under other names"),
    "delete": ("deleted", "is deleted", "are deleted"),
}
_SHOWN: Final = 6

Opening = tuple[str, str]
"""Who can connect, and to what: a subject of the policy, and the id of a gateway (or a device)."""


@dataclass(frozen=True)
class Facts:
    """What consequences are drawn from. `access_before` and `access_after` are the stack's outputs, the latter as previewed."""

    candidate: Candidate
    steps: Sequence[Step]
    access_before: Sequence[AccessOutput] = ()
    access_after: Sequence[AccessOutput] = ()
    template_of: frozenset[str] = field(default_factory=frozenset[str])
    """Names of the Deployments whose pod is another one afterwards."""


def consequences(facts: Facts) -> tuple[Consequence, ...]:
    """All of them: first what people notice, then what stays, then what happens in the cluster."""
    lines = [
        *_restarts(facts),
        *_address(facts),
        *_access(facts),
        *_credential(facts),
        *_losses(facts),
        *_kept(facts),
        *_objects(facts),
    ]
    return tuple(lines)


def _restarts(facts: Facts) -> Iterator[Consequence]:
    names = {one.names.logical("gateway"): one for one in facts.candidate.after.instances}
    for deployment in sorted(facts.template_of):
        if (gateway := names.get(deployment)) is not None:
            yield restart(gateway.id)
        else:
            yield Consequence(sort="restarts", says=f"The pod of {deployment} restarts.")
    if not facts.template_of:
        yield Consequence(sort="kept", says="Nothing restarts.")


def restart(gateway: str) -> Consequence:
    """A gateway's pod becomes another, and for how long nobody is answered."""
    return Consequence(
        sort="restarts",
        says=f"The gateway {gateway} restarts: about {RESTART_SECONDS} s without an answer, up to "
        f"{SLOW_RESTART_SECONDS} s on a small machine. Work that its agent is doing is finished first.",
    )


def _address(facts: Facts) -> Iterator[Consequence]:
    was, becomes = facts.candidate.was, facts.candidate.becomes
    if was.names.hostname != becomes.names.hostname:
        old, new = _url(was, facts.candidate.before), _url(becomes, facts.candidate.after)
        yield Consequence(
            sort="warning",
            says=f"{old} stops answering; {new} answers instead. Bookmarks and clients need the new one.",
        )
        if becomes.tailscale.enabled and becomes.tailscale.reach == "https":
            yield Consequence(sort="created", says="A certificate for the new name is issued at the first visit.")
        for node in facts.candidate.after.nodes:
            if node.gateway == becomes.id and node.kind != "kubernetes":
                yield Consequence(
                    sort="warning",
                    says=f"The execution node {node.id} ({node.kind}) still connects to the old name: join it again with "
                    "`pulumi stack output join --show-secrets`.",
                )
    if was.tailscale.prefer != becomes.tailscale.prefer:
        shown = "its name" if becomes.tailscale.prefer == "name" else "the tailnet address of its device"
        yield Consequence(
            sort="changed", says=f"{becomes.id} is shown, copied and opened by {shown}. Both go on answering."
        )


def _access(facts: Facts) -> Iterator[Consequence]:
    before, after = openings(facts.access_before), openings(facts.access_after)
    if not before and not after:
        # The policy is not this stack's to read: only what the settings ask for is known.
        was, becomes = facts.candidate.was, facts.candidate.becomes
        before, after = _asked(was), _asked(becomes)
    yield from differences(before, after)
    if before and before == after:
        yield Consequence(sort="kept", says="Who can connect stays as it is.")


def differences(before: Collection[Opening], after: Collection[Opening]) -> Iterator[Consequence]:
    """Who loses and who gains access, one line for each target."""
    lost, gained = set(before) - set(after), set(after) - set(before)
    for sort, keys, words in (("access lost", lost, "can no longer reach"), ("access gained", gained, "can reach")):
        by_target: dict[str, list[str]] = {}
        for subject, target in sorted(keys):
            by_target.setdefault(target, []).append(subject)
        for target, subjects in by_target.items():
            yield Consequence(sort=sort, says=f"{_listed(subjects)} {words} {target} through the tailnet.")  # pyright: ignore[reportArgumentType]  # one of the two sorts above


def openings(rows: Sequence[AccessOutput]) -> set[Opening]:
    """Who can connect, by the access matrix. What cannot be decided counts as open."""
    return {(row["subject"], row["gateway"] or row["device"]) for row in rows if row["canConnect"] is not False}


def _asked(instance: Instance) -> set[Opening]:
    return {(person, instance.id) for person in instance.people} if instance.tailscale.enabled else set()


def _credential(facts: Facts) -> Iterator[Consequence]:
    change, becomes = facts.candidate.change, facts.candidate.becomes
    minted = becomes.tailscale.credential == "authKey" and becomes.tailscale.auth_key.value is None
    if change.kind in (Kind.ROTATE_KEY, Kind.AUTH_KEY):
        what = (
            "A new auth key is minted, then the old one is revoked"
            if minted
            else "The new credential takes the old one's place"
        )
        yield Consequence(
            sort="changed",
            says=f"{what}. The device stays joined: it shows a key only when its volume was lost.",
        )
    if change.kind == Kind.DISABLE and minted:
        yield Consequence(sort="deleted", says="Its auth key is revoked; switching on mints a new one.")


def _losses(facts: Facts) -> Iterator[Consequence]:
    """What must never come with such a change: said first of all by whoever shows warnings."""
    for step in facts.steps:
        if step.operation in _GONE and step.type in (_CLAIM, _NAMESPACE):
            kind = "volume" if step.type == _CLAIM else "namespace"
            yield Consequence(sort="warning", says=f"The {kind} {step.name} is {step.operation}d: data may be lost.")
    if _token_replaced(facts):
        yield Consequence(sort="warning", says="The gateway's token is made anew: everybody needs the new one.")


def _token_replaced(facts: Facts) -> bool:
    token = facts.candidate.was.names.logical("token")
    return any(step.name == token and step.operation in _GONE for step in facts.steps)


def _kept(facts: Facts) -> Iterator[Consequence]:
    was, becomes = facts.candidate.was, facts.candidate.becomes
    if any(step.type == _CLAIM and step.operation in _GONE for step in facts.steps):
        return
    token = "" if _token_replaced(facts) else ", its token"
    yield Consequence(sort="kept", says=f"The data of {was.id}{token} and both volumes stay.")
    if was.tailscale.enabled and not becomes.tailscale.enabled:
        yield Consequence(
            sort="kept", says="The device's identity stays on its volume: switched on again, it is the same device."
        )
    elif was.tailscale.enabled:
        yield Consequence(sort="kept", says="It stays the same device of the tailnet, with the same address.")


def _objects(facts: Facts) -> Iterator[Consequence]:
    groups: dict[str, list[str]] = {}
    for step in facts.steps:
        if step.operation in _WORDS and not step.type.startswith(_COMPONENTS):
            groups.setdefault(step.operation, []).append(called(step.type, step.name))
    for operation, listed in groups.items():
        # The engine's order of what goes is by chance.
        names = sorted(listed)
        sort, one, many = _WORDS[operation]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        verb = one if len(names) == 1 else many
        all_of_them = ", ".join(names[:_SHOWN])
        says = f"{all_of_them[0].upper()}{all_of_them[1:]}{more} {verb}."
        yield Consequence(sort=sort, says=says)  # pyright: ignore[reportArgumentType]  # sorts of _WORDS


def _url(instance: Instance, settings: Settings) -> str:
    return sidecar.address(instance.tailscale, settings.tailnet.fqdn(instance.names.hostname))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def access_of(outputs: Mapping[str, Any]) -> list[AccessOutput]:
    """The access matrix in the stack's outputs; empty where it is not told."""
    rows: Any = outputs.get("access")
    return rows if isinstance(rows, list) else []  # pyright: ignore[reportUnknownVariableType]  # the program's own type
