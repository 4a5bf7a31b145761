"""The devices and people that a policy is asked about, and what a selector says of each of them."""

from collections import defaultdict
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
class Endpoint:
    """One end of a flow. Without `addresses` it is any device of that identity, at an address nobody knows yet."""

    text: str
    addresses: Ranges = ()
    tags: frozenset[str] = frozenset()
    user: str = ""
    role: str = ""
    # An address alone: which device has it is not known.
    anonymous: bool = False


class Network:
    """The tailnet of a question. `devices` are all of it, or empty: then only identities are known.

    `joined` are devices that the tailnet has, when others may join: an address of theirs belongs to them alone.
    """

    def __init__(
        self, devices: Sequence[Device] = (), users: Sequence[User] = (), joined: Sequence[Device] = ()
    ) -> None:
        self.devices = tuple(devices)
        self.roles = {user.login.lower(): user.role for user in users}
        self.endpoints = tuple(_endpoint(device, self.roles) for device in self.devices)
        self.joined = tuple(_endpoint(device, self.roles) for device in joined)
        self._joined_by_identity: defaultdict[str, list[Ranges]] = defaultdict(list)
        for endpoint in self.joined:
            for name in endpoint.tags or {endpoint.user}:
                self._joined_by_identity[name].append(endpoint.addresses)
        # Exit routes carry the internet, which rules name by `*` and autogroup:internet only.
        self.routes = tuple(
            ranges.union(route for text in device.routes if (route := ranges.parse(text)) not in ranges.EXIT_ROUTES)
            for device in self.devices
        )
        self.anywhere: Ranges = ranges.union([ranges.TAILNET, *self.routes])
        # Where a device that joins may come to be.
        self.free: Ranges = ranges.minus(ranges.TAILNET, ranges.union(endpoint.addresses for endpoint in self.joined))

    def holds(self, selector: Selector, endpoint: Endpoint, destination: bool = False) -> bool | None:
        """True when the selector names the endpoint; None when that cannot be told. As a source `*` is the tailnet and its
        approved routes, as a destination everything."""
        match selector.kind:
            case "any" | "danger-all":
                return self._holds_all(selector, endpoint, destination)
            case "addresses":
                return self._holds_addresses(selector.addresses, endpoint)
            case "service" if endpoint.anonymous:
                return None if ranges.overlap(endpoint.addresses, ranges.TAILNET) else False
            case _ if endpoint.anonymous:
                # Devices have addresses of the tailnet. With all of them known, one that none of them has is nobody's.
                return False if self.devices or not ranges.overlap(endpoint.addresses, ranges.TAILNET) else None
            case "people":
                return endpoint.user in selector.people
            case "domain":
                # Somebody without a login may be of any domain.
                return (
                    None
                    if endpoint.user and "@" not in endpoint.user
                    else endpoint.user.endswith(f"@{selector.detail}")
                )
            case "tag":
                return selector.text in endpoint.tags
            case "tagged":
                return bool(endpoint.tags)
            case "member":
                return bool(endpoint.user)
            case "role":
                return False if not endpoint.user else endpoint.role == selector.detail if endpoint.role else None
            case "shared" | "unknown":
                # People, so no tagged device.
                return None if endpoint.user else False
            case _:
                # `self` and `internet` are about both ends; a Service is at an address of its own.
                return False

    def joined_addresses(self, endpoint: Endpoint) -> Ranges:
        """The addresses of joined devices with the identity of an endpoint that has no address."""
        if endpoint.addresses or not self.joined:
            return ()
        names = endpoint.tags or {endpoint.user}
        return ranges.union(addresses for name in names for addresses in self._joined_by_identity.get(name, ()))

    def _holds_all(self, selector: Selector, endpoint: Endpoint, destination: bool) -> bool | None:
        # To an address that no device has `*` opens the way, too: through whatever router or exit node carries it.
        if selector.kind == "danger-all" or destination or not endpoint.anonymous:
            return True
        within = covers(self.anywhere, endpoint.addresses)
        # With no device known, nobody knows either what routers carry.
        return within if self.devices else within or None

    def _holds_addresses(self, addresses: Ranges, endpoint: Endpoint) -> bool | None:
        if endpoint.anonymous:
            return covers(addresses, endpoint.addresses)
        if endpoint.addresses:
            return ranges.overlap(addresses, endpoint.addresses)
        # A device whose address is not known has one of each family, somewhere in the tailnet.
        if ranges.within(ranges.TAILNET_V4, addresses) or ranges.within(ranges.TAILNET_V6, addresses):
            return True
        possible = ranges.overlap(addresses, self.free) or ranges.overlap(addresses, self.joined_addresses(endpoint))
        return None if possible else False


def covers(outer: Ranges, inner: Ranges) -> bool | None:
    """None when only a part of `inner` is in `outer`."""
    if ranges.within(inner, outer):
        return True
    return None if ranges.overlap(inner, outer) else False


def addressed(text: str, addresses: Ranges, network: Network) -> Endpoint:
    """The device that has these addresses, else the addresses alone."""
    owner = next((endpoint for endpoint in network.endpoints if ranges.within(addresses, endpoint.addresses)), None)
    if owner is None:
        return Endpoint(text, addresses, anonymous=True)
    return Endpoint(text, addresses, owner.tags, owner.user, owner.role)


def _endpoint(device: Device, roles: dict[str, str]) -> Endpoint:
    addresses = ranges.union(ranges.parse(address) for address in device.addresses)
    login = "" if device.tags else device.user.lower()
    return Endpoint(device.name, addresses, frozenset(device.tags), login, roles.get(login, ""))
