"""The policy that is in force, read through the API; and whether it may be replaced."""

import difflib
import re
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_tailscale as tailscale

from components.tailnet import hujson
from components.tailnet.evaluator import PolicyError, shape

# Lines of a difference that a message shows.
SHOWN: Final = 40
# What the policy of a new tailnet of the hosted service has, in the two ways to write it.
_EXPECTED: Final = ("acls", "grants", "ssh", "nodeattrs")
_ALLOW_ALL: Final = (
    [[{"action": "accept", "src": ["*"], "dst": ["*:*"]}]],
    [[{"src": ["*"], "dst": ["*"], "ip": ["*"]}]],
)


@dataclass(frozen=True)
class Live:
    """`text` is None when the policy could not be read; `reason` then says why."""

    text: str | None
    reason: str = ""


def read(provider: tailscale.Provider) -> Live:
    """At once, not as an Output: what follows depends on it before anything is registered."""
    try:
        return Live(tailscale.get_acl(opts=pulumi.InvokeOptions(provider=provider)).hujson)
    except Exception as error:  # the SDK raises no narrower one for a provider that fails
        return Live(None, reason(str(error)))


def reason(text: str) -> str:
    """The provider's own words, on one line, out of those that SDK, engine and plugin put before them."""
    line = " ".join(text.split())
    return re.sub(r"^((invo\S+( of)? \S+?( returned an error| failed)?|\d+ errors? occurred): (\* )?)+", "", line)


def same(first: str, second: str) -> bool:
    """True when two policies say the same; comments and formatting are nobody's access."""
    try:
        return hujson.loads(first) == hujson.loads(second)
    except ValueError:
        return first == second


def looks_untouched(text: str) -> bool:
    """True when it is the policy of a new tailnet: everything allowed, nothing named. The API decides when it is replaced."""
    try:
        document = shape.document(text)
    except PolicyError:
        return False
    rules = [document[name] for name in ("acls", "grants") if document.get(name) is not None]
    named = {name for name, value in document.items() if value and name not in _EXPECTED}
    return not named and (not rules or rules in _ALLOW_ALL)


def import_first(name: str, writer: str) -> str:
    """Why a policy that somebody wrote is not replaced, and what to do. `name` is the Acl's, in the program."""
    whose = f" It was written by the stack {writer}." if writer else ""
    return (
        "The tailnet has a policy that is not in this stack's state, and would be replaced as a whole; it was left unchanged."
        f"{whose}\n"
        'To leave it to its owner, set tailnet.ownership "verified": the preview then says what to add to it.\n'
        "To hand it over, save a copy, then import it (with the API's credentials in TAILSCALE_API_KEY, or\n"
        "TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET), and preview again:\n"
        f"  pulumi import tailscale:index/acl:Acl {name} acl --generate-code=false"
    )


def changed_by_hand(before: str, live: str) -> str:
    """Explains a change by hand since the stack wrote the policy, and the next step."""
    compared = (before.splitlines(), live.splitlines(), "written by this stack", "live")
    lines = list(difflib.unified_diff(*compared, n=1, lineterm=""))
    shown = [f"  {line}" for line in lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append(f"  and {len(lines) - SHOWN} more lines.")
    return "\n".join(
        [
            "The tailnet's policy was changed by hand since this stack wrote it; it was not overwritten:",
            *shown,
            "Undo that in the admin console. Or put what should stay into the configuration, run `pulumi refresh` (the",
            "stack then knows of the change), and preview again: the next update writes the stack's own policy.",
        ]
    )
