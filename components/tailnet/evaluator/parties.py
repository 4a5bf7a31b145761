"""Who a word of a question means: a device, an identity without a device yet, or an address."""

from components.tailnet.evaluator import ranges
from components.tailnet.evaluator.network import Network, Party, addressed
from components.tailnet.evaluator.policy import Policy

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
    if selector.kind == "people":
        owned = {party.user for party in known}
        return (*known, *(_person(login, network) for login in sorted(selector.people - owned)))
    if known:
        return known
    match selector.kind:
        case "tag":
            return (Party(text, tags=frozenset({text})),)
        case "tagged":
            return tuple(Party(tag, tags=frozenset({tag})) for tag in sorted(policy.names.tags))
        case "member":
            return (*(_person(login, network) for login in sorted(network.roles)), Party(SOMEBODY, user=SOMEBODY))
        case "any" | "danger-all":
            return (Party(text, ranges.TAILNET, anonymous=True),)
        case _:
            return ()


def _person(login: str, network: Network) -> Party:
    return Party(login, user=login, role=network.roles.get(login, ""))
