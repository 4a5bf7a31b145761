"""A status, a diagnosis, in the terminal: a word and a shape for each state, never colour alone; narrow terminals do."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from addons.status import words
from addons.status.doctor import Checked, Diagnosis
from addons.status.facts import NodeFacts, PairingFacts, PeerFacts
from addons.status.model import Credential, Finding, Health, InstanceStatus, Report, SourceStatus, Volume
from addons.status.readings import Source

# Shape and colour by health; the third is for terminals that know ASCII only.
_SHAPES: Final = {
    Health.HEALTHY: ("●", "green", "*"),
    Health.DEGRADED: ("▲", "yellow", "!"),
    Health.DOWN: ("✖", "red", "X"),
    Health.UNKNOWN: ("?", "magenta", "?"),
}
_OFF: Final = ("○", "dim", "o")
# Below this many columns a label and what it says do not stand beside each other.
_NARROW: Final = 60


class Terminal:
    """Renders for one terminal: `ascii_only` where it knows no other shapes, `narrow` where labels stand on lines of their own,
    times in `zone` (the local one unless set).
    """

    def __init__(self, *, ascii_only: bool = False, narrow: bool = False, zone: tzinfo | None = None) -> None:
        self.ascii_only, self.narrow, self.zone = ascii_only, narrow, zone

    @classmethod
    def of(cls, console: Console) -> Self:
        """As the console is."""
        return cls(ascii_only=not console.encoding.startswith("utf"), narrow=console.width < _NARROW)

    def overview(self, report: Report) -> RenderableType:
        """All instances: two or three lines for each."""
        if not report.instances:
            return Text("No instance is declared in this stack.")
        return Group(*(self._brief(one) for one in report.instances))

    def detail(self, status: InstanceStatus) -> RenderableType:
        """Everything about one instance."""
        if self.narrow:
            stacked = [Group(Text(label, "bold"), *map(_indented, lines)) for label, lines in self._rows(status)]
            return Group(self._brief(status), Text(), *stacked)
        rows = Table.grid(padding=(0, 2))
        rows.add_column(no_wrap=True, style="bold")
        rows.add_column(overflow="fold")
        for label, lines in self._rows(status):
            rows.add_row(label, Group(*lines))
        return Group(self._brief(status), Text(), _indented(rows))

    def diagnosis(self, found: Diagnosis) -> RenderableType:
        """What was looked at, in its order, and the cause."""
        lines: list[RenderableType] = [Text(found.instance, "bold")]
        for check in found.checks:
            lines += self._check(check, found.at)
        lines += [Text(), Text.assemble(("Cause: " if found.cause else "", "bold"), found.says), *_hint(found.hint)]
        return Group(*lines)

    def _brief(self, status: InstanceStatus) -> RenderableType:
        title = Text.assemble(self._shape(status), " ", (status.id, "bold"), "  ", words.state(status))
        worst = next(iter(status.findings), None)
        lasts = words.since(worst.since, status.at, self.zone) if worst and status.health is not Health.HEALTHY else ""
        return Group(title, _indented(Text.assemble(status.headline, _brackets(lasts))), *_hint(status.hint))

    def _shape(self, status: InstanceStatus) -> Text:
        off = not status.wanted and status.health is Health.HEALTHY
        return self._drawn(_OFF if off else _SHAPES[status.health])

    def _drawn(self, shape: tuple[str, str, str]) -> Text:
        return Text(shape[2] if self.ascii_only else shape[0], shape[1])

    def _rows(self, status: InstanceStatus) -> Iterator[tuple[str, list[Text]]]:
        now = status.at
        more = status.findings if status.health is Health.HEALTHY else status.findings[1:]
        if more := [one for one in more if one.says != status.headline]:
            yield "also", [line for one in more for line in self._finding(one, now)]
        yield "wanted", [Text("private access is on" if status.wanted else "private access is off")]
        if status.wanted:
            yield (
                "address",
                [Text(one) for one in dict.fromkeys((status.opens, status.url, *(status.addresses or ()))) if one],
            )
            yield (
                "confirmed",
                [Text(f"by {status.confirmed_by}" if status.confirmed_by else "by nobody outside the pod")],
            )
            yield "traffic", [Text(status.relay.says), Text(_udp(status))]
        if status.peers:
            yield "devices", [_peer(one) for one in status.peers]
        yield "gateway", [Text(_gateway(status))]
        if status.nodes:
            yield "nodes", [_node(one) for one in status.nodes]
        if status.pairings:
            yield "pairings", [pairing(one, now) for one in status.pairings]
        yield "volumes", [_volume(one) for one in status.volumes or ()] or [Text("not known")]
        yield "credentials", [_credential(one) for one in status.credentials]
        yield "read", [self._source(one, now) for one in status.sources if one.source is not Source.STACK]

    def _finding(self, finding: Finding, now: datetime) -> Iterator[Text]:
        lasts = words.since(finding.since, now, self.zone)
        yield Text.assemble(self._drawn(_SHAPES[finding.health]), f" {finding.says}", _brackets(lasts))
        if finding.hint:
            yield Text(finding.hint, "dim")

    def _source(self, source: SourceStatus, now: datetime) -> Text:
        if source.known:
            return Text.assemble(source.source, f": {words.age(source.read_at, now)}")
        last = f", known {words.since(source.read_at, now, self.zone)}" if source.read_at else ""
        return Text.assemble(
            source.source, ": not known", f" ({source.reason})" if source.reason else "", last, style="dim"
        )

    def _check(self, check: Checked, now: datetime) -> Iterator[RenderableType]:
        yield Text.assemble(self._drawn(_drawing(check)), f" {check.step}. {check.title}  ", (check.outcome, "bold"))
        yield _indented(Text(check.says), 5)
        for finding in check.findings:
            if finding.says != check.says:
                yield _indented(Group(*self._finding(finding, now)), 5)
        for unread in check.unread:
            yield _indented(Text(f"not read: {unread}", "dim"), 5)


def pairing(one: PairingFacts, now: datetime) -> Text:
    """Who asks for what, how long it lasts, and the word by which it is approved."""
    asks = f", for {', '.join(one.asks_for)}" if one.asks_for else ""
    ends = words.countdown(one.ends_at, now)
    where = f" from {one.address}" if one.address else ""
    return Text(f"{one.name or 'without a name'} ({one.kind}){where}{asks}; {f'{ends}; ' if ends else ''}{one.request}")


def _indented(what: RenderableType, by: int = 2) -> RenderableType:
    return Padding(what, (0, 0, 0, by), expand=False)


def _brackets(words: str) -> str:
    return f" ({words})" if words else ""


def _hint(hint: str) -> list[RenderableType]:
    return [_indented(Text(hint, "dim"))] if hint else []


def _drawing(check: Checked) -> tuple[str, str, str]:
    match check.outcome:
        case "well":
            return _SHAPES[Health.HEALTHY]
        case "not known":
            return _SHAPES[Health.UNKNOWN]
        case "not looked at":
            return _OFF
        case "cause":
            health = check.findings[0].health
            return _OFF if health is Health.HEALTHY else _SHAPES[health]


def _udp(status: InstanceStatus) -> str:
    if status.netcheck is None or status.udp is None:
        return "UDP: not known"
    relay = f"the nearest relay is {status.netcheck.relay}" if status.netcheck.relay else "no relay answers"
    return f"UDP: {'passes' if status.udp else 'does not get out'}; {relay}"


def _peer(peer: PeerFacts) -> Text:
    way = f"{peer.path} {peer.relay}" if peer.path == "relay" and peer.relay else str(peer.path)
    online = {True: "online", False: "offline", None: "online or not is not known"}[peer.online]
    return Text(f"{peer.device}: {way}{f', {peer.address}' if peer.address else ''}; {online}")


def _gateway(status: InstanceStatus) -> str:
    if status.gateway_started is None:
        return "not known"
    started = "started" if status.gateway_started else "not started"
    ready = "ready" if status.gateway_ready else "not ready"
    return ", ".join(one for one in (started, ready, status.gateway_version) if one)


def _node(node: NodeFacts) -> Text:
    lights = (
        "online" if node.online else "offline",
        "callable" if node.callable else "not callable",
        "permitted" if node.permitted else "not permitted",
    )
    return Text(f"{node.name or node.id}: {', '.join(lights)}{f'; {node.address}' if node.address else ''}")


def _volume(volume: Volume) -> Text:
    held = words.fill(volume.fill) if volume.fill else "fill not known"
    return Text(f"{volume.claim.name}: {held}, {volume.claim.phase}")


def _credential(credential: Credential) -> Text:
    return Text.assemble((f"{credential.kind}: {credential.status}. ", ""), (credential.says, "dim"))
