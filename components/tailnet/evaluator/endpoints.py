"""Finds the endpoints that a word of a question means: a device, an identity without a device yet, or an address."""

from components.tailnet.evaluator import ranges
from components.tailnet.evaluator.network import Endpoint, Network, addressed
from components.tailnet.evaluator.policy import Policy
from components.tailnet.evaluator.selectors import Selector

# Stands for everybody whom nothing names: a member without a role, a device nobody described.
SOMEBODY = "somebody else"


def of(text: str, policy: Policy, network: Network) -> tuple[Endpoint, ...]:
    """Each device named; with none of them known, one endpoint that stands for the identity.

    Raises PolicyError when the word is no device, no address and not defined by the policy.
    """
    if named := [endpoint for endpoint in network.endpoints if endpoint.text == text]:
        return tuple(named)
    selector = policy.names.selector(text)
    if selector.kind == "addresses":
        return tuple(addressed(text, (part,), network) for part in selector.addresses)
    known = tuple(endpoint for endpoint in network.endpoints if network.holds(selector, endpoint))
    match selector.kind:
        case "people":
            owned = {endpoint.user for endpoint in known}
            return (*known, *(_person(login, network) for login in sorted(selector.people - owned)))
        case "role":
            owned = {endpoint.user for endpoint in known}
            others = [login for login, role in sorted(network.roles.items()) if role == selector.detail]
            somebody = Endpoint(f"{SOMEBODY} in {text}", user=SOMEBODY, role=selector.detail)
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


def _without_devices(selector: Selector, policy: Policy, network: Network) -> tuple[Endpoint, ...]:
    text = selector.text
    match selector.kind:
        case "tag":
            return (Endpoint(text, tags=frozenset({text})),)
        case "tagged":
            return tuple(Endpoint(tag, tags=frozenset({tag})) for tag in sorted(policy.names.tags))
        case "member":
            return (*(_person(login, network) for login in sorted(network.roles)), Endpoint(SOMEBODY, user=SOMEBODY))
        case "domain":
            end = f"@{selector.detail}"
            people = [_person(login, network) for login in sorted(network.roles) if login.endswith(end)]
            return (*people, Endpoint(f"{SOMEBODY}{end}", user=f"{SOMEBODY}{end}"))
        case "any":
            return (Endpoint(text, ranges.TAILNET, anonymous=True),)
        case "danger-all":
            return (Endpoint(text, ranges.EVERYTHING, anonymous=True),)
        case _:
            return ()


def _person(login: str, network: Network) -> Endpoint:
    return Endpoint(login, user=login, role=network.roles.get(login, ""))
