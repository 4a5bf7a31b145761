"""Spelling mistakes: which known word somebody meant, and whether what they wrote can be nothing but that."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final

# Longer than any word of the configuration; comparing takes time that grows with it.
_LONGEST: Final = 40
_MISTAKES: Final = 2

# Words of manifests, charts and tailnet policies, which people try here too: none of them is anybody's secret.
_USUAL: Final = frozenset(
    {
        *(
            "acl",
            "acls",
            "affinity",
            "annotations",
            "apikeys",
            "args",
            "backup",
            "browser",
            "certificate",
            "channels",
            "class",
        ),
        *(
            "clustername",
            "command",
            "config",
            "configmap",
            "containers",
            "cpu",
            "credentials",
            "database",
            "debug",
            "default",
        ),
        *("description", "disabled", "dns", "domain", "email", "enable", "enabled", "encryption", "endpoint", "env"),
        *(
            "environment",
            "exitnode",
            "expose",
            "extraenv",
            "external",
            "features",
            "funnel",
            "grants",
            "group",
            "headscale",
        ),
        *(
            "host",
            "hostname",
            "hostnetwork",
            "hosts",
            "ingress",
            "initcontainers",
            "key",
            "keys",
            "kind",
            "labels",
            "limits",
        ),
        *(
            "loadbalancer",
            "log",
            "loglevel",
            "logs",
            "memory",
            "metadata",
            "model",
            "models",
            "monitoring",
            "name",
            "names",
        ),
        *(
            "network",
            "networkpolicy",
            "nodeport",
            "nodeselector",
            "notes",
            "options",
            "owner",
            "owners",
            "password",
            "path",
        ),
        *(
            "persistence",
            "plugins",
            "podannotations",
            "podlabels",
            "policy",
            "priority",
            "priorityclassname",
            "private",
        ),
        *("privileged", "provider", "proxy", "public", "pullpolicy", "pullsecrets", "region", "registry", "replicas"),
        *("repository", "requests", "role", "routes", "runtime", "runtimeclassname", "schedule", "secret", "secrets"),
        *("securitycontext", "serve", "server", "service", "serviceaccount", "settings", "spec", "ssh", "stack"),
        *(
            "storageclass",
            "storageclassname",
            "subnets",
            "tag",
            "tags",
            "template",
            "timeout",
            "timezone",
            "tls",
            "token",
        ),
        *("tokens", "tolerations", "tools", "type", "update", "url", "user", "username", "users", "value", "values"),
        *("version", "volume", "volumes", "zone"),
    }
)


def is_usual(word: str) -> bool:
    """Says whether a key is a word that configurations are made of."""
    return word.isascii() and _plain(word) in _USUAL


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like this one, if any is."""
    if len(word) > _LONGEST:
        return None
    by_plain = {_plain(one): one for one in known}
    close = difflib.get_close_matches(_plain(word), list(by_plain), n=1)
    return by_plain[close[0]] if close else None


def is_spelling_of(word: str, known: str) -> bool:
    """Says whether a word of letters differs from a known one by a slip or two: it can be no secret then."""
    if len(word) > _LONGEST or re.fullmatch(r"[A-Za-z_-]+", word) is None:
        return False
    # Two letters are half of a short word.
    return _distance(_plain(word), _plain(known)) <= min(_MISTAKES, len(known) // 4)


def _plain(word: str) -> str:
    return re.sub(r"[_-]", "", word).lower()


def _distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Letters to add, drop or exchange (Levenshtein)."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        before, row[0] = row[0], number
        for index, wanted in enumerate(other, 1):
            before, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, before + (letter != wanted))
    return row[-1]
