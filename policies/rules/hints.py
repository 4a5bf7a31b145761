"""Which objects and tags are a gateway's, where only their names can say it: the rest is other programs' own business."""

import re
from collections.abc import Iterable
from typing import Final

from policies.rules.kinds import Resource
from policies.rules.values import Value, fields, get, items, text

_WORDS: Final = re.compile(r"claw|gateway|tailscale|tailnet|\bgw\b|\bts-|agent|assistant", re.IGNORECASE)
# Names that say nothing about whose an object is.
_GENERIC: Final = frozenset(
    {"", "default", "ns", "x", "y", "test", "demo", "home", "lab", "gw", "ai", "agents", "app", "apps", "prod", "main"}
)


def hinted(names: Iterable[str]) -> bool:
    return any(_WORDS.search(name) for name in names if len(name) < 300)


def may_be_gateways(resource: Resource) -> bool:
    """Says whether an object may be about a gateway: by its namespace, its names, or the pods that it selects."""
    namespace = resource.namespace
    if namespace is None or namespace in _GENERIC:
        return True
    selected = [*_names(get(resource.props, "spec", "podSelector"))]
    return hinted([namespace, resource.object_name, *selected, *resource.labels, *_texts(resource.labels)])


def _names(selector: Value) -> Iterable[str]:
    for key, _, value in fields(get(selector, "matchLabels"), ""):
        yield key
        yield text(value) or ""
    for _, expression in items(get(selector, "matchExpressions"), ""):
        yield text(get(expression, "key")) or ""
        yield from (text(value) or "" for _, value in items(get(expression, "values"), ""))


def _texts(value: Value) -> Iterable[str]:
    return (text(one) or "" for _, _, one in fields(value, ""))


def is_gateways_tag(tag: str, all_tags: Iterable[str]) -> bool:
    """Says whether a tag is a gateway's: by its name, or as nothing in the policy has such a name."""
    return tag.startswith("tag:") and (hinted([tag]) or not hinted(all_tags))
