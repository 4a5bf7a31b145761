"""Exceptions that an object declares: `openclaw-tailnet/allow: "I6: the printer of the office; I9: no limits on one node"`.

Whoever writes the program may write one, so it is for what a reviewer should see and decide. It turns a refusal into advice,
which each preview shows with its reason. Where that is too much trust, a policy's parameter `exceptions: false` ends it; and
what opens a gateway, or gives its secrets away, is excepted only where the owner of the pack says `exceptions: true`.
"""

import re
from typing import Final

from policies.rules.values import Object, text

ANNOTATION: Final = "openclaw-tailnet/allow"
# A reason is some words: shorter is none, and longer is no reason but a document.
_SHORTEST, _LONGEST = 10, 300
_ENTRY: Final = re.compile(r"\s*(I[1-9])\s*:\s*(\S.*?)\s*", re.DOTALL)
# What is repeated in a report: words, none of which could be a key or token.
_WORD: Final = re.compile(r"[A-Za-z0-9.,:'()/-]{1,24}")


def exceptions(annotations: Object) -> dict[str, str]:
    """The reasons by invariant; what is no reason counts for nothing."""
    value = text(annotations.get(ANNOTATION))
    if value is None or len(value) > 10 * _LONGEST:
        return {}
    entries = [_ENTRY.fullmatch(entry) for entry in value.split(";")]
    return {entry[1]: _shown(entry[2]) for entry in entries if entry and _SHORTEST <= len(entry[2]) <= _LONGEST}


def _shown(reason: str) -> str:
    return " ".join(word if _WORD.fullmatch(word) else "..." for word in reason.split())
