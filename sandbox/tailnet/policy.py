"""Decides about policies by asking headscale, and puts the accepted one in force.

How `tests` are decided. headscale runs them itself (`policy/check`), with the compiled rules that it would enforce.
But it refuses a test whose source or destination has no node yet ("resolved to no IP addresses"), where the hosted
service only asks that the user or tag is known. So for the time of one check, each person and tag that the tests name
and that owns no node gets a placeholder: a node registered through headscale's own API, for which headscale makes
keys and keeps no private half. Nobody can be it, it is never online and has no endpoint, so nothing reaches it; its
name starts with a prefix that no device uses, and it is gone before the call returns (leftovers of a crash are
removed first). A tag can be put on a node only when the policy in force declares it: for that moment the policy in
force is the current one plus the new tags, owned by nobody, which allows nobody anything.

What is put in force is the policy without its `tests`, which are decided at the time of writing: with them, headscale
would refuse to load the same policy again once a device named in them is gone.
"""

import json
import re
import secrets
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from components.tailnet import hujson
from sandbox.tailnet.client import Control, HeadscaleError, Node
from sandbox.tailnet.headscale import DENY_ALL

PLACEHOLDER: Final = "sandbox-policy-placeholder-"
_PLACEHOLDER_USER: Final = "policy-placeholders"
# The hosted service knows these from its console's roles. Silently reading them as somebody would give rights away.
_HOSTED_ONLY: Final = {
    f"autogroup:{role}"
    for role in ("admin", "owner", "it-admin", "network-admin", "billing-admin", "auditor", "shared", "trial")
}
_OUTCOME: Final = re.compile(r"^(?P<src>.+?) -> (?P<dst>\S+)(?: \(.*\))?: expected (?P<want>ALLOWED|DENIED), got \w+$")
_VERDICT: Final = {"ALLOWED": ("Accept", "Drop"), "DENIED": ("Drop", "Accept")}


class PolicyRefused(Exception):
    """`data` lists failed tests as the hosted API does: [{"user": source, "errors": [...]}]."""

    def __init__(self, message: str, data: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data or []


@dataclass(frozen=True)
class Policy:
    """One policy: its text as sent, and what it says."""

    text: str
    document: Mapping[str, Any]

    @classmethod
    def parse(cls, text: str) -> "Policy":
        try:
            policy = cls(text, hujson.loads_object(text))
        except ValueError as error:
            raise PolicyRefused(f"policy is not HuJSON: {error}") from error
        if named := sorted(_HOSTED_ONLY.intersection(_strings(policy.document))):
            raise PolicyRefused(
                f"{', '.join(named)}: headscale has no such autogroup; "
                "name people, groups or tags instead (the hosted service would accept it)"
            )
        return policy

    def _key(self, name: str) -> str | None:
        """Keys are case-insensitive in practice ("ACLs")."""
        return next((key for key in self.document if key.lower() == name.lower()), None)

    def section(self, name: str) -> Any:
        key = self._key(name)
        return None if key is None else self.document[key]

    @property
    def tags(self) -> set[str]:
        return set(_mapping(self.section("tagOwners")))

    @property
    def has_tests(self) -> bool:
        return bool(self.section("tests") or self.section("sshTests"))

    def without_tests(self) -> dict[str, Any]:
        drop = {self._key("tests"), self._key("sshTests")}
        return {key: value for key, value in self.document.items() if key not in drop}

    def with_tests(self, tests: list[Any]) -> "Policy":
        document = {**self.without_tests(), "tests": tests}
        return Policy(json.dumps(document), document)

    def named_in_tests(self) -> set[str]:
        """Selectors of the tests, groups opened, ports taken off."""
        words = set(_strings([self.section("tests"), self.section("sshTests")]))
        words |= {word.rpartition(":")[0] for word in words}
        groups = _mapping(self.section("groups"))
        return words | {member for group in words & set(groups) for member in _strings(groups[group])}


class PolicyEnforcer:
    """The policy in force and those who would replace it. Callers see to it that one call runs at a time."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def restore(self, current: Policy | None) -> None:
        """Makes headscale enforce `current` (None: deny all) and removes what a crash left."""
        for node in self._control.nodes():
            if node.name.startswith(PLACEHOLDER):
                self._control.delete_node(node.id)
        self._enforce(current)

    def apply(self, candidate: Policy, current: Policy | None) -> None:
        self.check(candidate, current)
        self._control.set_policy(json.dumps(candidate.without_tests()))

    def reset(self) -> None:
        self._enforce(None)

    def check(self, candidate: Policy, current: Policy | None) -> None:
        """Raises PolicyRefused with headscale's reasons."""
        self._ask(json.dumps(candidate.without_tests()))
        if candidate.has_tests:
            with self._placeholders(candidate, current):
                self._ask(candidate.text)

    def _ask(self, text: str) -> None:
        try:
            self._control.check_policy(text)
        except HeadscaleError as error:
            if not error.reached:
                raise
            raise _refusal(error.message) from error

    def _enforce(self, current: Policy | None) -> None:
        wanted = DENY_ALL if current is None else json.dumps(current.without_tests())
        if self._control.policy() != wanted:
            self._control.set_policy(wanted)

    @contextmanager
    def _placeholders(self, candidate: Policy, current: Policy | None) -> Generator[None]:
        named, nodes, users = candidate.named_in_tests(), self._control.nodes(), self._control.users()
        tagged = {tag for node in nodes for tag in node.tags}
        owners = {node.user.id for node in nodes if node.user is not None and not node.tags}
        tags = candidate.tags - tagged
        if "autogroup:tagged" not in named:
            tags &= named
        people = [
            user.name
            for user in users
            if user.id not in owners
            and user.name != _PLACEHOLDER_USER
            and ("autogroup:member" in named or not named.isdisjoint(user.tokens))
        ]
        if tags and all(user.name != _PLACEHOLDER_USER for user in users):
            self._control.create_user(_PLACEHOLDER_USER, "")
        placeholders: list[Node] = []
        try:
            self._declare(tags, current)
            for person in people:
                placeholders.append(self._register(person))
            for tag in sorted(tags):
                placeholders.append(self._register(_PLACEHOLDER_USER))
                self._control.tag_node(placeholders[-1].id, [tag])
            yield
        finally:
            for node in placeholders:
                with suppress(
                    HeadscaleError
                ):  # `restore` removes it at the next start; the refusal is what matters now
                    self._control.delete_node(node.id)
            self._enforce(current)

    def _register(self, user: str) -> Node:
        return self._control.register_offline_node(user, f"{PLACEHOLDER}{secrets.token_hex(8)}")

    def _declare(self, tags: Iterable[str], current: Policy | None) -> None:
        missing = set(tags) - (set[str]() if current is None else current.tags)
        if not missing:
            return
        document: dict[str, Any] = json.loads(DENY_ALL) if current is None else current.without_tests()
        key = next((key for key in document if key.lower() == "tagowners"), "tagOwners")
        nobody: list[str] = []
        owners = {**_mapping(document.get(key)), **dict.fromkeys(sorted(missing), nobody)}
        self._control.set_policy(json.dumps({**document, key: owners}))


def _refusal(message: str) -> PolicyRefused:
    """headscale's lines, and failed tests in the hosted API's shape."""
    message = message.removeprefix("parsing policy: ")  # what follows is, nearly always, the hosted API's wording
    head, _, lines = message.partition("test(s) failed:\n")
    if not lines:
        return PolicyRefused(message)
    failures: dict[str, list[str]] = {}
    for line in lines.splitlines():
        if outcome := _OUTCOME.match(line):
            want, got = _VERDICT[outcome["want"]]
            failures.setdefault(outcome["src"], []).append(f'address "{outcome["dst"]}": want: {want}, got: {got}')
        else:
            source, _, reason = line.partition(": ")
            failures.setdefault(source, []).append(reason or line)
    data = [{"user": source, "errors": errors} for source, errors in failures.items()]
    return PolicyRefused(f"{head}test(s) failed", data)


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _strings(value: Any) -> list[str]:
    """All strings in a document, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return [*pairs, *(word for inner in pairs.values() for word in _strings(inner))]
    if isinstance(value, list):
        return [word for inner in cast("list[Any]", value) for word in _strings(inner)]
    return []
