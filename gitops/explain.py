"""What an update means for people: what restarts, who gains and who loses access, what is lost and how to avoid that."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from addons.changes.consequences import access_of, differences, openings, restart
from addons.changes.events import planned
from addons.changes.model import Consequence
from gitops.events import access_said, diagnostics, images, things
from gitops.model import Access, Changes, Thing

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from pulumi.automation.events import EngineEvent

_DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
_CLAIM: Final = "kubernetes:core/v1:PersistentVolumeClaim"
_NAMESPACE: Final = "kubernetes:core/v1:Namespace"

Outputs = Mapping[str, Any]


def changes(events: "Iterable[EngineEvent]") -> Changes:
    """What the events of a preview say that an update does."""
    listed = list(events)
    plan, groups = planned(listed), things(listed)
    gained_and_lost = list(differences(openings(access_of(plan.before)), openings(access_of(plan.after))))
    said, matrix = access_said(diagnostics(listed))
    access = Access(
        gained=tuple(one.says for one in gained_and_lost if one.sort == "access gained"),
        lost=tuple(one.says for one in gained_and_lost if one.sort == "access lost"),
        said=said,
        matrix=matrix,
    )
    told = Changes(
        created=tuple(groups["created"]),
        updated=tuple(groups["updated"]),
        replaced=tuple(groups["replaced"]),
        deleted=tuple(groups["deleted"]),
        access=access,
        images=tuple(images(listed)),
    )
    consequences = (
        *_restarts(told, plan.templates),
        *_gateways(_instances(plan.before), _instances(plan.after), told),
        *_losses(told),
    )
    return told.model_copy(update={"consequences": consequences})


def _instances(outputs: Outputs) -> dict[str, dict[str, Any]]:
    listed: Any = outputs.get("instances")
    return cast("dict[str, dict[str, Any]]", listed) if isinstance(listed, dict) else {}


def _restarts(told: Changes, templates: frozenset[str]) -> Iterator[Consequence]:
    for thing in (*told.updated, *told.replaced):
        if thing.type == _DEPLOYMENT and thing.name in templates:
            gateway = thing.name.removesuffix("-gateway")
            if gateway != thing.name:
                yield restart(gateway)
            else:
                yield Consequence(sort="restarts", says=f"The pod of {thing.name} restarts.")


def _gateways(before: Outputs, after: Outputs, told: Changes) -> Iterator[Consequence]:
    """Gateways that come, go, or get another address."""
    come, gone = [one for one in after if one not in before], [one for one in before if one not in after]
    if len(come) == 1 and len(gone) == 1:
        yield Consequence(sort="warning", says=_renamed(gone[0], come[0]))
    for gateway in come:
        yield Consequence(
            sort="created", says=f"The gateway {gateway} is new. It answers at {after[gateway].get('address')}."
        )
    for gateway in gone:
        yield Consequence(sort="deleted", says=_gone(gateway, told))
    for gateway in after:
        old, new = (outputs.get(gateway, {}).get("address") for outputs in (before, after))
        if gateway in before and old != new:
            says = f"{old} stops answering; {new} answers instead. Bookmarks and clients need the new one."
            yield Consequence(sort="warning", says=says)


def _renamed(old: str, new: str) -> str:
    return (
        f"{old} is not renamed to {new}: an id names everything of a gateway, so {old} is removed and {new} is made anew, "
        f"with an empty home, another token, another device and address in the tailnet, and everybody pairs again. "
        f"To avoid that, keep `id: {old}` and set its `tailscale.hostname` to what people are to see: data, token and device stay."
    )


def _gone(gateway: str, told: Changes) -> str:
    volumes = [one for one in told.deleted if one.type == _CLAIM and one.name.startswith(f"{gateway}-")]
    stay = (
        "Its namespace and both volumes stay in the cluster, unused: the same id brings them back. Its device stays listed in the tailnet "
        "until `python -m addons devices` removes it."
        if volumes and all(one.kept for one in volumes)
        else "Its volumes are deleted with everything on them."
    )
    return f"The gateway {gateway} is removed: it answers nobody any more. {stay}"


def _losses(told: Changes) -> Iterator[Consequence]:
    for operation, listed in (("deleted", told.deleted), ("replaced", told.replaced)):
        for thing in listed:
            if thing.type in (_CLAIM, _NAMESPACE) and not thing.kept:
                kind = "volume" if thing.type == _CLAIM else "namespace"
                yield Consequence(sort="warning", says=f"The {kind} {thing.name} is {operation}: data is lost.")
    for thing in told.replaced:
        if _is_token(thing):
            says = f"The token of {thing.name.removesuffix('-token')} is made anew: everybody needs the new one."
            yield Consequence(sort="warning", says=says)


def _is_token(thing: Thing) -> bool:
    """True for the random text that a gateway's token is made of."""
    return thing.type.startswith("random:") and thing.name.endswith("-token")
