"""What a rule is: the sources that it needs, what it finds, how bad that is, and the step of the doctor that it belongs to."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from addons.status.facts import EventFacts
from addons.status.model import Finding, Health, State
from addons.status.readings import Source
from addons.status.rules.view import View

# Of somebody else's words: as much as a person reads.
_QUOTED: Final = 200


@dataclass(frozen=True)
class Said:
    """What a rule found, for a person: the sentence, what to do, and since when it lasts."""

    says: str
    hint: str = ""
    since: datetime | None = None


Find = Callable[[View], Iterator[Said]]


@dataclass(frozen=True)
class Rule:
    """`state` is what it makes of the instance. A `quiet` one says little: last, and not at all beside what is down."""

    name: str
    step: int
    health: Health
    sources: tuple[Source, ...]
    finds: str
    find: Find
    state: State | None
    quiet: bool

    def findings(self, view: View) -> Iterator[Finding]:
        """What it finds; nothing while one of its sources is not known."""
        if not all(view.knows(source) for source in self.sources):
            return
        source = self.sources[0] if self.sources else Source.STACK
        reading = view.reading(source)
        for said in self.find(view):
            yield Finding(
                rule=self.name,
                health=self.health,
                says=said.says,
                hint=said.hint,
                step=self.step,
                since=said.since,
                source=source,
                read_at=reading.read_at if reading is not None else None,
            )


def rule(
    step: int, health: Health, *sources: Source, state: State | None = None, quiet: bool = False
) -> Callable[[Find], Rule]:
    """Makes a rule of a function: its name is the function's, what it finds is the first line of its docstring."""

    def made(find: Find) -> Rule:
        name = find.__name__.replace("_", "-")
        finds = (find.__doc__ or "").strip().partition("\n")[0]
        return Rule(name, step, health, sources, finds, find, state or implied(health), quiet)

    return made


def implied(health: Health) -> State | None:
    """The state of an instance of which a rule says no other."""
    return {Health.DOWN: State.DOWN, Health.UNKNOWN: State.UNKNOWN}.get(health)


def newest(events: Iterable[EventFacts]) -> EventFacts | None:
    """The one that happened last; one without a time only where there is no other."""
    long_ago = datetime.min.replace(tzinfo=UTC)
    return max(events, key=lambda event: event.last_at or long_ago, default=None)


def quoted(words: str) -> str:
    """Somebody else's words in one short line, without what would steer a terminal, and without anything like a key."""
    line = " ".join("".join(one if one.isprintable() else " " for one in words).split())
    line = re.sub(r"\b(tskey|hskey)-[\w-]+", r"\1-...", line)
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}..."
