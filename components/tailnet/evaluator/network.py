"""The devices and people that a policy is asked about, and what a selector says of each of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.tailnet.evaluator import ranges
from components.tailnet.evaluator.ranges import Ranges
from components.tailnet.evaluator.selectors import Selector


@dataclass(frozen=True)
class User:
    """Somebody of the tailnet. `role` as in `autogroup:admin`; empty when it is not known."""

    login: str
    role: str = ""


@dataclass(frozen=True)
class Device:
    """A device: tagged, or of a user (its login). `routes` are those it advertises and that are approved."""

    name: str
    addresses: tuple[str, ...]
    tags: tuple[str, ...] = ()
    user: str = ""
    routes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Party:
    """One end of a flow. Without `addresses` it is any device of that identity, at an address nobody knows yet."""

    text: str
    addresses: Ranges = ()
    tags: frozenset[str] = frozenset()
    user: str = ""
    role: str = ""
    # An address alone: which device has it is not known.
    anonymous: bool = False


class Network:
    """`devices` may be empty: then only identities are known, and rules about addresses may stay undecided."""

    def __init__(self, devices: Sequence[Device] = (), users: Sequence[User] = ()) -> None:
        self.devices = tuple(devices)
        self.roles = {user.login.lower(): user.role for user in users}
        self.parties = tuple(_party(device, self.roles) for device in self.devices)
        # Exit routes carry the internet, which rules name by autogroup:internet only.
        self.routes = tuple(
            ranges.union(route for text in device.routes if (route := ranges.parse(text)) not in ranges.EXIT_ROUTES)
            for device in self.devices
        )
        self.anywhere: Ranges = ranges.union([ranges.TAILNET, *self.routes])

    def holds(self, selector: Selector, party: Party) -> bool | None:
        """Whether the selector names the party; None when that cannot be told."""
        match selector.kind:
            case "any" | "danger-all":
                return self._holds_all(selector, party)
            case "unknown":
                return None
            case "addresses":
                return _holds_addresses(selector.addresses, party)
            case _ if party.anonymous:
                # With the devices known, an address that none of them has is nobody's.
                return False if self.devices else None
            case "people":
                return party.user in selector.people
            case "tag":
                return selector.text in party.tags
            case "tagged":
                return bool(party.tags)
            case "member":
                return bool(party.user)
            case "role":
                return (
                    False if not party.user else party.role == selector.text.partition(":")[2] if party.role else None
                )
            case "shared":
                return None if party.user else False
            case _:
                # `self` and `internet` are about both ends.
                return False

    def _holds_all(self, selector: Selector, party: Party) -> bool | None:
        if selector.kind == "danger-all" or not party.anonymous:
            return True
        return _covers(self.anywhere, party.addresses)


def _party(device: Device, roles: dict[str, str]) -> Party:
    addresses = ranges.union(ranges.parse(address) for address in device.addresses)
    login = "" if device.tags else device.user.lower()
    return Party(device.name, addresses, frozenset(device.tags), login, roles.get(login, ""))


def addressed(text: str, addresses: Ranges, network: Network) -> Party:
    """The device that has these addresses, else the addresses alone."""
    owner = next((party for party in network.parties if ranges.within(addresses, party.addresses)), None)
    if owner is None:
        return Party(text, addresses, anonymous=True)
    return Party(text, addresses, owner.tags, owner.user, owner.role)


def _covers(outer: Ranges, inner: Ranges) -> bool | None:
    """None when only a part of `inner` is in `outer`."""
    if ranges.within(inner, outer):
        return True
    return None if ranges.overlap(inner, outer) else False


def _holds_addresses(addresses: Ranges, party: Party) -> bool | None:
    if not party.addresses:
        # A device whose address is not known has one of each family, somewhere in the tailnet.
        if ranges.within(ranges.TAILNET_V4, addresses) or ranges.within(ranges.TAILNET_V6, addresses):
            return True
        return None if ranges.overlap(ranges.TAILNET, addresses) else False
    if party.anonymous:
        return _covers(addresses, party.addresses)
    return ranges.overlap(addresses, party.addresses)
