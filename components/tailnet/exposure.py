"""Finds exposure besides packets: SSH logins, Funnel and routes of gateways and nodes (I1, I7)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from components.tailnet.evaluator import Network, Policy, PolicyError, shape
from components.tailnet.evaluator.auto_approvers import Approval
from components.tailnet.evaluator.network import Endpoint
from components.tailnet.evaluator.node_attributes import NodeAttributes
from components.tailnet.evaluator.selectors import Selector
from components.tailnet.evaluator.ssh import SshRule

# Attributes that open a device: what it then does, and what follows. All others (mullvad, nextdns, ipPool, most of
# disable-*) tune it or close something.
_FUNNEL: Final = ("may use Funnel", ", which opens it to the internet (I1)")
_OPENING: Final = {
    "drive:share": ("may share files with the tailnet", " (I7)"),
    "https://tailscale.com/cap/debug": ("opens debug endpoints of its client to the tailnet", " (I7)"),
    # The client's firewall rule that keeps the pod's network from sending as an address of the tailnet, and so as
    # somebody whom the policy lets in.
    "disable-linux-cgnat-drop-rule": ("takes packets from tailnet addresses that did not come through it", " (I7)"),
}
_APP_CONNECTORS: Final = "tailscale.com/app-connectors"


@dataclass
class Exposed:
    """One line for each finding."""

    wide: list[str] = field(default_factory=list[str])
    undecided: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class _Covered:
    """Our tags that some selectors cover, or might cover, with the selectors that do."""

    tags: tuple[str, ...]
    by: str
    maybe: tuple[str, ...]


def exposed(policy: Policy, network: Network, tags: Sequence[str]) -> Exposed:
    """The findings for devices with our `tags`."""
    findings = Exposed()
    if tags:
        ours = _Ours(network, tags)
        for rule in policy.ssh:
            _shell(rule, ours, findings)
        for entry in policy.node_attributes:
            _attributes(entry, ours, findings)
        for approval in policy.auto_approvers.approvals:
            _advertises(approval, ours, findings)
        if policy.auto_approvers.unclear:
            findings.undecided.append(f"autoApprovers: {policy.auto_approvers.unclear}")
    return findings


def several(tags: Sequence[str]) -> str:
    """The tags in a few words."""
    return tags[0] if len(tags) == 1 else f"{tags[0]} and {len(tags) - 1} more of this stack's tags"


class _Ours:
    """Our tags, and what covers a device with one of them."""

    def __init__(self, network: Network, tags: Sequence[str]) -> None:
        self._network = network
        self.tags = tuple(tags)
        self._places = {tag: place for place, tag in enumerate(self.tags)}
        # For a selector that is no tag, it does not matter which of the tags a device has.
        self._any = Endpoint(self.tags[0], tags=frozenset(self.tags))

    def covered(self, selectors: Sequence[Selector]) -> _Covered:
        listed = {selector.text for selector in selectors if selector.text in self._places}
        held = {
            selector.text: self._network.holds(selector, self._any) for selector in selectors if selector.kind != "tag"
        }
        wider = [text for text, answer in held.items() if answer]
        maybe = tuple(text for text, answer in held.items() if answer is None)
        tags = self.tags if wider else tuple(sorted(listed, key=self._places.__getitem__))
        named = [*wider, *([several(sorted(listed, key=self._places.__getitem__))] if listed else [])]
        return _Covered(tags, " and ".join(named), maybe)


def _shell(rule: SshRule, ours: _Ours, findings: Exposed) -> None:
    if not rule.sources:
        return
    covered = ours.covered(rule.targets)
    sources = ", ".join(source.text for source in rule.sources)
    if covered.tags:
        findings.wide.append(
            f"{rule}: {sources} may open a shell on {several(covered.tags)}; remove {covered.by} from its dst"
        )
    for text in covered.maybe:
        findings.undecided.append(f"{rule}: whether {text}, where {sources} may open a shell, is a device of ours")


def _attributes(entry: NodeAttributes, ours: _Ours, findings: Exposed) -> None:
    effects = [*_opening(entry)]
    covered = ours.covered(entry.targets)
    for does, so in effects if covered.tags else ():
        findings.wide.append(f"{entry}: {several(covered.tags)} {does}{so}; remove {covered.by} from its target")
    for text in covered.maybe:
        findings.undecided += [f"{entry}: whether {text}, which {does}, is a device of ours" for does, _ in effects]
    if covered.tags or covered.maybe:
        findings.undecided += [f"{entry}: {reason}" for reason in _unknown(entry)]
    _connectors(entry, ours, findings)


def _opening(entry: NodeAttributes) -> Iterator[tuple[str, str]]:
    """The attributes that let a device do something that a gateway must not."""
    named = [*entry.attributes, *entry.apps]
    if any("funnel" in name.lower() for name in named):
        yield _FUNNEL
    for attribute in dict.fromkeys(name.strip().lower() for name in entry.attributes):
        if attribute in _OPENING:
            yield _OPENING[attribute]


def _unknown(entry: NodeAttributes) -> Iterator[str]:
    if entry.unclear:
        yield entry.unclear
    for name in entry.apps:
        # Apps of other domains are for programs that ask for them; those of the client's own may change the client.
        if name.startswith("tailscale.com/") and name != _APP_CONNECTORS and "funnel" not in name.lower():
            yield f"whether the app {name} opens the devices that have it is not known"


def _connectors(entry: NodeAttributes, ours: _Ours, findings: Exposed) -> None:
    """An app connector carries the traffic of others to its apps; whom the entry targets are those who use it."""
    for settings in entry.apps.get(_APP_CONNECTORS, ()):
        try:
            named = shape.words(_mapping(settings).get("connectors"), f"{entry}.connectors")
        except PolicyError as error:
            findings.undecided.append(error.message)
            continue
        wide = [text for text in named if text in ("*", "autogroup:tagged")]
        connectors = ours.tags if wide else [tag for tag in ours.tags if tag in named]
        if connectors:
            by = " and ".join(wide) or several(connectors)
            findings.wide.append(
                f"{entry}: {several(connectors)} may carry others' traffic as an app connector (I7); remove {by} from its "
                "connectors"
            )


def _advertises(approval: Approval, ours: _Ours, findings: Exposed) -> None:
    covered = ours.covered(approval.approvers)
    # A gateway stands for what it serves, and for nothing behind it: nobody else's traffic goes through it.
    if covered.tags:
        findings.wide.append(
            f"{approval}: {several(covered.tags)} may advertise {approval.what} without anybody's approval, and draw "
            f"others' traffic (I7); remove {covered.by} from it"
        )
    for text in covered.maybe:
        findings.undecided.append(
            f"{approval}: whether {text}, which may advertise {approval.what}, is a device of ours"
        )


def _mapping(value: object) -> Mapping[str, object]:
    return shape.lowered(cast("dict[str, object]", value)) if isinstance(value, dict) else {}
