"""Finds the endpoints that a word of a question means: a device, an identity without a device yet, or an address."""

from components.tailnet.evaluator import ranges
from components.tailnet.evaluator.network import Network, Party, addressed
from components.tailnet.evaluator.policy import Policy
from components.tailnet.evaluator.selectors import Selector

# Stands for everybody whom nothing names: a member without a role, a device nobody described.
SOMEBODY = "somebody else"


def of(text: str, policy: Policy, network: Network) -> tuple[Party, ...]:
    """Each device named; with none of them known, one party that stands for the identity.

    Raises PolicyError when the word is no device, no address and not defined by the policy.
    """
    if named := [party for party in network.parties if party.text == text]:
        return tuple(named)
    selector = policy.names.selector(text)
    if selector.kind == "addresses":
        return tuple(addressed(text, (part,), network) for part in selector.addresses)
    known = tuple(party for party in network.parties if network.holds(selector, party))
    match selector.kind:
        case "people":
            owned = {party.user for party in known}
            return (*known, *(_person(login, network) for login in sorted(selector.people - owned)))
        case "role":
            owned = {party.user for party in known}
            others = [login for login, role in sorted(network.roles.items()) if role == selector.detail]
            somebody = Party(f"{SOMEBODY} in {text}", user=SOMEBODY, role=selector.detail)
            people = [_person(login, network) for login in others if login not in owned]
            return (*known, *people, *([somebody] if uncertain(text, policy, network) else []))
        case _:
            return known or _without_devices(selector, policy, network)


def uncertain(text: str, policy: Policy, network: Network) -> str:
    """Why it is not known who is meant, or nothing. Those of `of` are then some of them, or stand for them."""
    kind = policy.names.selector(text).kind
    if kind in ("shared", "unknown") or (kind == "role" and not (network.roles and all(network.roles.values()))):
        return f"who is in {text} is not known"
    return f"the address of {text} is not known" if kind == "service" else ""


def _without_devices(selector: Selector, policy: Policy, network: Network) -> tuple[Party, ...]:
    text = selector.text
    match selector.kind:
        case "tag":
            return (Party(text, tags=frozenset({text})),)
        case "tagged":
            return tuple(Party(tag, tags=frozenset({tag})) for tag in sorted(policy.names.tags))
        case "member":
            return (*(_person(login, network) for login in sorted(network.roles)), Party(SOMEBODY, user=SOMEBODY))
        case "domain":
            end = f"@{selector.detail}"
            people = [_person(login, network) for login in sorted(network.roles) if login.endswith(end)]
            return (*people, Party(f"{SOMEBODY}{end}", user=f"{SOMEBODY}{end}"))
        case "any":
            return (Party(text, ranges.TAILNET, anonymous=True),)
        case "danger-all":
            return (Party(text, ranges.EVERYTHING, anonymous=True),)
        case _:
            return ()


def _person(login: str, network: Network) -> Party:
    return Party(login, user=login, role=network.roles.get(login, ""))
