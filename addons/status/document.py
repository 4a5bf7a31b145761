"""The tables of docs/addons.md, from the rules: `python -m addons.status.document` writes them, as `make docs` does."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from addons.status.model import State
from addons.status.readings import STALE_AFTER, Source
from addons.status.rules.table import RULES, STEPS
from components.unexpected import described, record

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "addons.md"
_STATES: Final = {
    State.DISABLED: "Private access is off in the stack, and the pod has no sidecar. The gateway runs; data and device are kept.",
    State.STARTING: "The pod, the device or the gateway starts.",
    State.NEEDS_LOGIN: "The device is logged out, waits for an admin's approval, or its key was refused or has expired.",
    State.CONNECTED: "tailscaled says so, and somebody outside the pod confirms it: a device that answers, or the tailnet's list.",
    State.UNCONFIRMED: "tailscaled says that it is connected, and nobody outside confirms it now.",
    State.OUT_OF_TOUCH: "The control server is not reached. Devices that know the gateway go on.",
    State.REMOVED: "The tailnet's list does not have the device any more. Inside the pod everything looks well.",
    State.DOWN: "Something else keeps people from the gateway; the first line says what.",
    State.UNKNOWN: "What was read is too old to say anything; the first line says since when, and why.",
}


def states() -> Iterator[str]:
    """One line for each word of the second axis."""
    yield "| state | meaning |"
    yield "|---|---|"
    yield from (f"| {state} | {_STATES[state]} |" for state in State)


def sources() -> Iterator[str]:
    """Where values come from, and how long they count."""
    yield "| source | says nothing of the present after |"
    yield "|---|---|"
    yield from (f"| {source} | {STALE_AFTER[source]:.0f} s |" for source in Source if source is not Source.STACK)


def rules() -> Iterator[str]:
    """The rule table, by step: each with what it makes of the instance."""
    yield "| step | rule | finds | makes it | reads |"
    yield "|---|---|---|---|---|"
    for step in range(len(STEPS)):
        for rule in (one for one in RULES if one.step == step):
            makes = (
                f"{rule.health}, {rule.state}" if rule.state and rule.state != str(rule.health) else str(rule.health)
            )
            reads = ", ".join(source.name.lower() for source in rule.sources)
            yield f"| {step} | `{rule.name}` | {rule.finds} | {makes} | {reads} |"


_TABLES: Final = {"states": states, "sources": sources, "rules": rules}


def document(text: str) -> str:
    """The page with its tables as they are now; the rest of it is written by hand."""
    for name, table in _TABLES.items():
        begin, end = f"<!-- {name}: written by make docs -->\n", f"<!-- {name} end -->"
        before, mark, rest = text.partition(begin)
        if not mark or end not in rest:
            raise ValueError(f"the page has no place for the table of {name}")
        written = "\n".join(table())
        text = f"{before}{begin}{written}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    try:
        DOCUMENT.write_text(document(DOCUMENT.read_text()))
    except Exception as error:
        sys.exit(f"error: {described(error)}. Details: {record(error)}. Correct it, then run `make docs` again.")
