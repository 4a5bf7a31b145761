"""Checks that a policy which somebody else keeps gives exactly the access that this stack asks for (I7)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from components.constants import CLOSED_PORTS
from components.settings import Settings
from components.tailnet.evaluator import Device, Evaluator, Opening, Policy, PolicyError, shape
from components.tailnet.evaluator.errors import quoted
from components.tailnet.evaluator.rules import Rule
from components.tailnet.evaluator.selectors import Definitions, Selector
from components.tailnet.evaluator.services import ALL_PORTS, TCP, Service
from components.tailnet.expected_access import ExpectedAccess, expected_access, known_people
from components.tailnet.exposure import exposed, several
from components.tailnet.model import Grant, PolicyTest, PolicyText
from components.tailnet.policy import policy

SHOWN: Final = 10


# Of each rule that opens our tags too much the sources that do so, with the tags.
Opened: TypeAlias = list[tuple[Opening, str, Sequence[str]]]


@dataclass
class Findings:
    """Differences between the live policy and the access that the settings ask for. Empty when there are none."""

    wide: list[str] = field(default_factory=list[str])
    """Access that it allows beyond the settings, one line each."""
    undecided: list[str] = field(default_factory=list[str])
    """Rules that cannot be judged offline, with the reason."""
    missing: PolicyText | None = None
    """The fragment to add to it."""

    def __bool__(self) -> bool:
        return bool(self.wide or self.undecided or self.missing)


def verify(text: str, settings: Settings, joined: Sequence[Device] = ()) -> Findings:
    """Judges the live policy `text` (HuJSON). `joined` are the devices of the tailnet, as far as they are known: an
    address of another device is no gateway's."""
    findings = Findings()
    devices = [*expected_access(settings)]
    tags = [device.tag for device in devices]
    try:
        document = shape.document(text)
        owners = shape.mapping(document.get("tagowners"), "tagOwners")
        # A rule for everything reaches our tags before anybody declares them.
        declared = {**{tag: list[str]() for tag in tags}, **owners}
        judged = Evaluator(Policy.of({**document, "tagowners": declared}), known_people(settings, joined))
        if judged.policy.unclear:
            findings.undecided.append(f"{judged.policy.unclear}, and may let anybody in")
        opened = _opened(judged, devices, settings, findings)
        findings.wide += [*_too_wide(opened), *_owners(judged.policy.names, owners, tags), *_members(judged, settings)]
        besides = exposed(judged.policy, judged.network, tags)
        findings.wide += besides.wide
        findings.undecided += besides.undecided
        # What is too wide will go: it is no way in for the people who are listed.
        kept = replace(judged.policy, rules=tuple(_narrowed(judged, opened, tags)))
        judged = Evaluator(kept, judged.network)
        lacking = {device.tag: _lacking(judged, device, settings, findings) for device in devices}
    except PolicyError as error:
        place = f"{error.place}: " if error.place else ""
        findings.undecided.append(f"the policy cannot be read: {place}{error.message}")
        return findings
    findings.undecided = [*dict.fromkeys(findings.undecided)]
    findings.missing = _fragment(settings, document, lacking, [tag for tag in tags if tag not in owners])
    return findings


def message(findings: Findings) -> str:
    """The findings as one error for people."""
    lines = [
        "The tailnet's policy does not give exactly the access that this configuration asks for; nothing was changed.",
        "Change it in the admin console (Access controls), then preview again.",
    ]
    lines += _listed("Too wide; narrow or remove:", findings.wide)
    lines += _listed("Cannot be judged offline; write it another way:", findings.undecided)
    if findings.missing:
        lines += ["Missing; add to the sections of the same name:", findings.missing.text().rstrip()]
    lines.append('Or let this stack write the whole policy: tailnet.ownership "owned".')
    return "\n".join(lines)


def _listed(title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield title
    yield from (f"  {entry}" for entry in entries[:SHOWN])
    if len(entries) > SHOWN:
        yield f"  and {len(entries) - SHOWN} more."


def _opened(judged: Evaluator, devices: Sequence[ExpectedAccess], settings: Settings, findings: Findings) -> Opened:
    """The rules that let more reach our tags than the settings ask for."""
    opened: Opened = []
    asked = _Asked(judged, devices, settings)
    for opening in judged.openings([device.tag for device in devices]):
        for source in opening.rule.sources:
            if tags := asked.too_much(source, opening):
                if opening.reason:
                    findings.undecided.append(f"who reaches {several(tags)}: {opening.reason}")
                else:
                    opened.append((opening, source.text, tags))
    return opened


class _Asked:
    """The access that the settings ask for, by source and tag."""

    def __init__(self, judged: Evaluator, devices: Sequence[ExpectedAccess], settings: Settings) -> None:
        # What anybody at all is to reach, by tag: the measure for a source that nobody is in.
        self._served = {device.tag: {one for each in device.services.values() for one in each} for device in devices}
        # What each login (and each other source) that is listed somewhere is to reach, by tag.
        self._listed: defaultdict[str, dict[str, set[Service]]] = defaultdict(dict)
        for device in devices:
            for source, services in device.services.items():
                for login in _members_of(judged, source, settings):
                    self._listed[login].setdefault(device.tag, set()).update(services)
        self._tags: dict[str, set[str]] = {}
        self._right: dict[tuple[str, int], set[str]] = {}

    def too_much(self, source: Selector, opening: Opening) -> Sequence[str]:
        """Those tags that the opening gives to the source though nobody asked for it."""
        tags = self._tags_of(source)
        if not tags:
            return opening.names
        key = (source.text, id(opening.services))
        if key not in self._right:
            services = {*opening.services}
            named = [self._listed[name] for name in self._names(source)] or [self._served]
            self._right[key] = {tag for tag in tags if all(services <= listed[tag] for listed in named)}
        right = self._right[key]
        return [tag for tag in opening.names if tag not in right] if right else opening.names

    def _tags_of(self, source: Selector) -> set[str]:
        if source.text not in self._tags:
            each = [{*self._listed.get(name, {})} for name in self._names(source)]
            self._tags[source.text] = each[0].intersection(*each[1:]) if each else {*self._served}
        return self._tags[source.text]

    @staticmethod
    def _names(source: Selector) -> frozenset[str]:
        return source.people if source.kind == "people" else frozenset({source.text})


def _too_wide(opened: Opened) -> Iterator[str]:
    """One line for each rule and source; of some rules two destinations open the same in the same way."""
    merged: dict[tuple[str, str, int], tuple[Opening, str, dict[str, None]]] = {}
    for opening, source, tags in opened:
        key = (opening.rule.place, source, id(opening.services))
        merged.setdefault(key, (opening, source, {}))[2].update(dict.fromkeys(tags))
    said: dict[int, str] = {}
    for opening, source, tags in merged.values():
        services = opening.services
        if id(services) not in said:
            closed = [port for port in CLOSED_PORTS if any((TCP, port) in service for service in services)]
            among = (
                f", {', '.join(map(str, closed))} among them" if any(one.first != one.last for one in services) else ""
            )
            said[id(services)] = f"{_ports(services)}{among}"
        yield f"{opening.rule}: {source} may reach {several([*tags])} on {said[id(services)]}"


def _narrowed(judged: Evaluator, opened: Opened, tags: Sequence[str]) -> Iterator[Rule]:
    """The rules about our tags, without the sources that reach too much by them."""
    going = {(opening.rule.place, source) for opening, source, _ in opened}
    rules = {opening.rule.place: opening.rule for opening in judged.openings(tags)}
    for rule in rules.values():
        if sources := tuple(source for source in rule.sources if (rule.place, source.text) not in going):
            yield replace(rule, sources=sources)


def _members_of(judged: Evaluator, source: str, settings: Settings) -> Iterator[str]:
    """The logins or the tag that a listed source stands for, groups opened as the live policy has them."""
    if not source.startswith("group:"):
        yield source.lower()
        return
    for login in judged.policy.names.groups.get(source, settings.tailnet.groups.get(source, ())):
        yield login.lower()


def _lacking(judged: Evaluator, device: ExpectedAccess, settings: Settings, findings: Findings) -> list[str]:
    """Those of the listed who cannot use everything that they should."""
    lacking: list[str] = []
    for source, services in device.services.items():
        if source.startswith("group:") and source not in judged.policy.names.groups:
            # In neither of the two places that could say who it is.
            if source not in settings.tailnet.groups:
                findings.undecided.append(f"who {source} is: neither the policy nor tailnet.groups has that group")
            else:
                lacking.append(source)
            continue
        verdicts = [judged.can(source, device.tag, service.first) for service in services]
        if reason := next((verdict.reason for verdict in verdicts if verdict.allowed is None), ""):
            findings.undecided.append(f"whether {source} reaches {device.tag}: {reason}")
        elif not all(verdict.allowed for verdict in verdicts):
            lacking.append(source)
    return lacking


def _owners(names: Definitions, owners: dict[str, object], tags: Iterable[str]) -> Iterator[str]:
    """Tags of ours that anybody may give, themselves or through tags that give tags."""
    owned: defaultdict[str, list[str]] = defaultdict(list)
    for tag, named in owners.items():
        for owner in shape.words(named, f"tagOwners[{quoted(tag)}]"):
            owned[owner].append(tag)
    # Each tag that anybody may give, with the owner through whom, and who anybody is.
    opened: dict[str, tuple[str, str]] = {}
    pending = [(tag, owner, owner) for owner in owned if _anybody(owner, names) for tag in owned[owner]]
    while pending:
        tag, owner, anybody = pending.pop()
        if tag not in opened:
            opened[tag] = (owner, anybody)
            pending += [(other, tag, anybody) for other in owned[tag]]
    for tag in tags:
        if tag in opened:
            owner, anybody = opened[tag]
            through = "" if owner == anybody else f" through {owner}, whose devices may give it,"
            yield f'tagOwners["{tag}"]: {anybody} may give a device this tag,{through} and pose as the gateway'


def _anybody(owner: str, names: Definitions) -> bool:
    """True when an owner of a tag is more than people who are named one by one, and those who rule the tailnet."""
    if owner == "*":
        return True
    # A group names its members one by one.
    return names.selector(owner).kind not in ("people", "role", "tag")


def _members(judged: Evaluator, settings: Settings) -> Iterator[str]:
    for group, members in settings.tailnet.groups.items():
        live = judged.policy.names.groups.get(group)
        wanted = frozenset(login.lower() for login in members)
        if live is not None and live != wanted:
            more, less = sorted(live - wanted), sorted(wanted - live)
            said = [f"{', '.join(more)} in it but not in tailnet.groups"] if more else []
            said += [f"{', '.join(less)} in tailnet.groups but not in it"] if less else []
            yield f'groups["{group}"]: {"; ".join(said)}'


def _ports(services: Sequence[Service]) -> str:
    if any((service.first, service.last) == ALL_PORTS for service in services):
        return "every port"
    return ", ".join(map(str, services[:SHOWN])) + (
        f" and {len(services) - SHOWN} more" if len(services) > SHOWN else ""
    )


def _fragment(
    settings: Settings, document: dict[str, object], lacking: dict[str, list[str]], undeclared: Sequence[str]
) -> PolicyText | None:
    """The part of our own policy that is missing there, with the tests that keep it so."""
    whole = policy(settings)
    groups = shape.mapping(document.get("groups"), "groups")
    grants = [
        Grant([person for person in one.src if person in lacking[one.dst[0]]], one.dst, one.ip, one.app, one.why)
        for one in whole.grants or ()
        if lacking.get(one.dst[0])
    ]
    if not grants and not undeclared:
        return None
    named = {person for one in grants for person in one.src}
    named |= {owner for tag in undeclared for owner in whole.tag_owners[tag]}
    new = {*undeclared, *(one.dst[0] for one in grants)}
    return PolicyText(
        (),
        {name: members for name, members in whole.groups.items() if name in named and name not in groups},
        {tag: owners for tag, owners in whole.tag_owners.items() if tag in undeclared},
        grants or None,
        [test for test in whole.tests if _about(test) in new],
    )


def _about(test: PolicyTest) -> str:
    """The tag that a test of ours is about."""
    return (*test.accept, *test.deny)[0].rpartition(":")[0]
