"""The section `autoApprovers`: whose routes, exit nodes and services need no approval by an admin."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from components.tailnet.evaluator import shape
from components.tailnet.evaluator.errors import PolicyError, at, quoted
from components.tailnet.evaluator.selectors import Definitions, Kind, Selector
from components.tailnet.evaluator.written import prefix, unclear

_KEYS: Final = {"routes", "exitnode", "services"}
_APPROVERS: Final[tuple[Kind, ...]] = ("people", "domain", "tag", "tagged", "member", "role", "unknown")


@dataclass(frozen=True)
class Approval:
    """The routes that devices of `approvers` may advertise, in words. `place` is as in `autoApprovers.exitNode`."""

    place: str
    what: str
    approvers: tuple[Selector, ...]

    def __str__(self) -> str:
        return self.place


@dataclass(frozen=True)
class AutoApprovers:
    """The section. `unclear` names keys that are not understood."""

    approvals: tuple[Approval, ...] = ()
    unclear: str = ""


@dataclass(frozen=True)
class Written:
    """The section as written: place, what is approved, by whom."""

    entries: tuple[tuple[str, str, tuple[str, ...]], ...]
    tags: tuple[str, ...]
    """Tags of services."""
    unclear: str

    def approvers(self, names: Definitions) -> AutoApprovers:
        """Raises PolicyError for names that nothing defines."""
        with at("autoApprovers.services"):
            for tag in self.tags:
                names.selector(tag)
        return AutoApprovers(tuple(_approval(names, *entry) for entry in self.entries), self.unclear)


def read(value: object) -> Written:
    """The section `autoApprovers`. Raises PolicyError."""
    raw = shape.entry(value, "autoApprovers")
    services = shape.mapping(raw.get("services"), "autoApprovers.services")
    return Written(
        tuple(_entries(raw, services)), tuple(name for name in services if name.startswith("tag:")), unclear(raw, _KEYS)
    )


def _entries(raw: Mapping[str, object], services: Mapping[str, object]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for route, approvers in shape.mapping(raw.get("routes"), "autoApprovers.routes").items():
        place = f"autoApprovers.routes[{quoted(route)}]"
        if prefix(route) is None:
            raise PolicyError(f"{place}: a route is a prefix of addresses, as in 10.0.0.0/8")
        yield place, f"the route {route}", shape.words(approvers, place)
    yield "autoApprovers.exitNode", "an exit node", shape.words(raw.get("exitnode"), "autoApprovers.exitNode")
    for service, approvers in services.items():
        place = f"autoApprovers.services[{quoted(service)}]"
        if not service.startswith(("svc:", "tag:")):
            raise PolicyError(f"{place}: a service is named svc:name, or by a tag")
        yield place, f"the service {service}", shape.words(approvers, place)


def _approval(names: Definitions, place: str, what: str, approvers: tuple[str, ...]) -> Approval:
    with at(place):
        return Approval(place, what, tuple(_approver(names, text) for text in approvers))


def _approver(names: Definitions, text: str) -> Selector:
    is_named = "@" in text or text.startswith(("group:", "tag:", "autogroup:"))
    # A user of a device, and no device: names of that kind stand in SSH rules only.
    if is_named and text != "autogroup:nonroot":
        selector = names.selector(text)
        if selector.kind in _APPROVERS:
            return selector
    raise PolicyError(f"invalid auto approver {quoted(text)}")
