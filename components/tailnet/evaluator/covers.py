"""The selectors of one list, asked together: a list of a thousand tags takes no longer than one of two."""

from collections.abc import Sequence

from components.tailnet.evaluator.network import Endpoint, Network
from components.tailnet.evaluator.selectors import Selector
from components.tailnet.evaluator.written import any_of


class Covers:
    """The endpoints that at least one of the selectors names."""

    def __init__(self, selectors: Sequence[Selector]) -> None:
        tags = [selector for selector in selectors if selector.kind == "tag"]
        people = [selector for selector in selectors if selector.kind == "people"]
        self._tags = frozenset(selector.text for selector in tags)
        self._people = frozenset[str]().union(*(selector.people for selector in people))
        self._others = tuple(selector for selector in selectors if selector.kind not in ("tag", "people"))
        # Of an address that nobody is known to have, each tag and each person says the same.
        self._samples = (*tags[:1], *people[:1])

    def holds(self, endpoint: Endpoint, network: Network) -> bool | None:
        """As Network.holds, for any of the selectors."""
        if endpoint.anonymous:
            return any_of(network.holds(selector, endpoint) for selector in (*self._samples, *self._others))
        if (endpoint.user and endpoint.user in self._people) or not self._tags.isdisjoint(endpoint.tags):
            return True
        return any_of(network.holds(selector, endpoint) for selector in self._others)
