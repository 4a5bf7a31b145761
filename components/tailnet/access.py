"""The matrix of who can connect and who can execute: the evaluator's answers about a policy, never the settings alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from components.names import TAG_PREFIX
from components.nodes import browser
from components.nodes.kinds import kind_of
from components.openclaw import permissions
from components.outputs import AccessOutput
from components.settings import Settings
from components.tailnet.evaluator import Access, Evaluator, Policy, PolicyError, shape
from components.tailnet.evaluator.services import ALL_PORTS, TCP, Service
from components.tailnet.expected_access import expected_access, known_people
from components.tailnet.node_policy import gateway_of, tag_of_node, tagged
from components.tailnet.policy import tag_of

# More than any tailnet has; a rule of thousands of sources and thousands of ports would have millions.
_MOST_ROWS: Final = 10_000
# What a preview shows of a long matrix; the whole is `pulumi stack output access`.
SHOWN: Final = 40
_TAG, _NODE_TAG = TAG_PREFIX, f"{TAG_PREFIX}node-"
_COLUMNS: Final = (
    *("subject", "device", "gateway", "port", "can connect", "can execute", "can drive the browser of", "through"),
)


@dataclass(frozen=True)
class Row:
    """One thing that the policy lets somebody do, or might (`can_connect` None: it cannot be decided)."""

    subject: str
    device: str
    """Its tag."""
    gateway: str
    """The gateway that the device is, or works for; empty when the settings know no such device."""
    port: str
    can_connect: bool | None
    can_execute: bool
    """The subject is a node, which runs the gateway's commands once the gateway has approved it."""
    grant: str
    drives: str = ""
    """The node whose browser the gateway's agent drives for whoever may talk to it; empty where there is none."""

    def data(self) -> AccessOutput:
        """As in `pulumi stack output access`."""
        return {
            "subject": self.subject,
            "device": self.device,
            "gateway": self.gateway,
            "port": self.port,
            "canConnect": self.can_connect,
            "canExecute": self.can_execute,
            "canDriveBrowserOf": self.drives,
            "grant": self.grant,
        }

    @property
    def acts(self) -> list[str]:
        """The subject's access in words."""
        what = f"reach node {self.device.removeprefix(_NODE_TAG)}"
        if not self.device.startswith(_NODE_TAG):
            what = f"open gateway {self.device.removeprefix(_TAG)}"
        driven = [f"drive the browser of node {self.drives}, through its gateway {self.gateway}"] if self.drives else []
        return [f"{what} ({self.port})", *driven]


def rows(text: str, settings: Settings, tags: Sequence[str] = ()) -> list[Row]:
    """The matrix of the policy `text` (HuJSON) for the stack's devices and for those of other `tags`.

    Raises PolicyError when the policy cannot be read, or gives more access than can be listed.
    """
    gateways = {device.tag: device.gateway for device in expected_access(settings)}
    for tag in tags:
        gateways.setdefault(tag, "")
    # Its tests say nothing of their own.
    document = {name: section for name, section in shape.document(text).items() if name != "tests"}
    # A rule for everything reaches a tag before anybody declares it.
    declared = {**{tag: list[str]() for tag in gateways}, **shape.mapping(document.get("tagowners"), "tagOwners")}
    judged = Evaluator(Policy.of({**document, "tagowners": declared}), known_people(settings))
    workers = {tag_of_node(node): tag_of(gateway_of(node, settings)) for node in tagged(settings)}
    # A node that offers its browser runs no commands.
    driven_only = {tag_of_node(node) for node in settings.nodes if node.browser}
    driven = _driven(judged, settings)
    matrix: dict[tuple[str, str, str], Row] = {}
    looked_at = 0
    for tag, gateway in gateways.items():
        for access in judged.access_to(tag):
            looked_at += len(_subjects(judged, access)) * len(access.services)
            if looked_at > _MOST_ROWS:
                raise PolicyError(f"the policy gives access to this stack's devices in more than {_MOST_ROWS} ways")
            for subject in _subjects(judged, access):
                for service in access.services:
                    can = None if access.reason else _allowed(judged, subject, tag, service)
                    through = str(access.by) + ("" if subject == access.source else f" ({access.source})")
                    executes = workers.get(subject) == tag and subject not in driven_only
                    served, node = driven.get(tag, ((0, 0), ""))
                    # Whoever talks to the agent; a node works for its gateway, and asks it for nothing.
                    drives = node if node and served in service and can is not False and subject not in workers else ""
                    row = Row(subject, tag, gateway, _port(service), can, executes, through, drives)
                    matrix.setdefault((row.subject, row.device, row.port), row)
    return [*matrix.values(), *_phones([*matrix.values()], settings)]


def changes(before: str, after: str, settings: Settings) -> list[str]:
    """The access that the policy `after` gives and takes against `before`, one line each. Raises PolicyError."""
    if before == after:
        return []
    documents = [shape.mapping(shape.document(text).get("tagowners"), "tagOwners") for text in (before, after)]
    # Devices of the stack that are not in the settings any more lose what they had, too.
    gone = [tag for owners in documents for tag in owners if tag.startswith(_TAG)]
    old, new = (
        {(row.subject, act): row for row in rows(text, settings, gone) for act in row.acts} for text in (before, after)
    )
    return [
        *(f"+ {_who(subject)} may {act}" for subject, act in new if (subject, act) not in old),
        *(f"- {_who(subject)} may no longer {act}" for subject, act in old if (subject, act) not in new),
    ]


def table(matrix: Sequence[Row]) -> str:
    """The matrix in Markdown, cut where it is long."""
    lines = [f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|"]
    for row in matrix[:SHOWN]:
        connect = {True: "yes", False: "no", None: "cannot be decided"}[row.can_connect]
        execute, driven = "yes" if row.can_execute else "no", row.drives or "no"
        cells = (row.subject, row.device, row.gateway, row.port, connect, execute, driven, row.grant)
        lines.append(f"| {' | '.join(cells)} |")
    if len(matrix) > SHOWN:
        lines.append(f"{len(matrix) - SHOWN} more rows: pulumi stack output access")
    return "\n".join(lines)


def agents(settings: Settings) -> str:
    """One line for each gateway: what its agent does by itself with the commands that it can execute, and whose browser."""
    return "\n".join(
        f"agent of {instance.id}: {permissions.described(instance.gateway.permissions)}{_browser(instance.id, settings)}"
        for instance in settings.instances[:SHOWN]
    )


def _browser(gateway: str, settings: Settings) -> str:
    node = browser.node_of(gateway, settings)
    if node is None or node.browser is None:
        return ""
    return f"; drives the browser of node {node.id} without asking ({', '.join(node.browser.profiles)})"


def _driven(judged: Evaluator, settings: Settings) -> dict[str, tuple[tuple[int, int], str]]:
    """The served port of each gateway with a browser, and that browser's node: it connects, and the gateway never does."""
    driven: dict[str, tuple[tuple[int, int], str]] = {}
    for node in settings.nodes:
        if node.browser is None:
            continue
        instance = gateway_of(node, settings)
        port = instance.tailscale.served_port
        if judged.can(tag_of_node(node), tag_of(instance), port, str(TCP)).allowed:
            driven[tag_of(instance)] = (TCP, port), node.id
    return driven


def _subjects(judged: Evaluator, access: Access) -> Sequence[str]:
    """People by their logins, groups opened; everything else as the rule names it."""
    source = judged.policy.names.selector(access.source)
    return sorted(source.people) if source.kind == "people" else [access.source]


def _allowed(judged: Evaluator, subject: str, tag: str, service: Service) -> bool | None:
    if judged.policy.names.selector(subject).kind == "addresses":
        # That a rule names it is all there is to know.
        return True
    return judged.can(subject, tag, max(service.first, 1), str(min(service.protocols))).allowed


def _phones(rows: Sequence[Row], settings: Settings) -> Iterator[Row]:
    """A phone is its person's device: it may what its person may, and it executes."""
    for node in settings.nodes:
        if not kind_of(node).tagged:
            gateway = gateway_of(node, settings)
            port = f"tcp {gateway.tailscale.served_port}"
            way = next((row for row in rows if row.device == tag_of(gateway) and row.port == port), None)
            if way:
                subject = f"node {node.id} (a phone of one of its people)"
                yield Row(subject, way.device, gateway.id, port, way.can_connect, True, way.grant)


def _port(service: Service) -> str:
    if (service.first, service.last) == ALL_PORTS:
        return "every port"
    shown = str(service)
    return shown.replace(":", " ") if ":" in shown else f"port {shown}"


def _who(subject: str) -> str:
    return "everybody (*)" if subject == "*" else subject


def readable_changes(before: str | None, after: str, settings: Settings) -> list[str]:
    """`changes`, or nothing where one of the two cannot be read: others report that."""
    try:
        return changes(before, after, settings) if before is not None else []
    except PolicyError:
        return []
