"""Tailscale SSH rules: refused as the control server refuses them, and asked who may log in where, and as whom."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

from components.tailnet.evaluator import durations, ranges, shape
from components.tailnet.evaluator.covers import Covers
from components.tailnet.evaluator.errors import PolicyError, at, quoted
from components.tailnet.evaluator.network import Endpoint, Network
from components.tailnet.evaluator.selectors import Definitions, Kind, Selector, trimmed
from components.tailnet.evaluator.written import all_of, any_of, unclear, words

Action: TypeAlias = Literal["accept", "check"]

# A session that is recorded is one that was let in.
_RECORDING: Final = {"recorder", "enforcerecorder"}
_KEYS: Final = {"action", "src", "dst", "users", "checkperiod", "acceptenv", *_RECORDING}
_ROOT, _NONROOT, _LOCALPART = "root", "autogroup:nonroot", "localpart:*@"
_LONGEST_CHECK_PERIOD: Final = 168 * durations.HOUR
# Devices with these selectors belong to people. `shared` are people of other tailnets.
_OF_PEOPLE: Final[tuple[Kind, ...]] = ("people", "member", "role", "shared", "domain")
_OF_TAGS: Final[tuple[Kind, ...]] = ("tag", "tagged")
# SSH is between identities: neither addresses nor `*` can be one.
_SOURCES: Final[tuple[Kind, ...]] = (*_OF_PEOPLE, *_OF_TAGS, "unknown")
_TARGETS: Final[tuple[Kind, ...]] = (*_SOURCES, "self")


@dataclass(frozen=True)
class SshRule:
    """One entry of `ssh`. `place` is as in `ssh[2]`; `unclear` says why nothing can be concluded from its match."""

    place: str
    action: Action
    sources: tuple[Selector, ...]
    targets: tuple[Selector, ...]
    users: tuple[str, ...]
    unclear: str = ""

    def __str__(self) -> str:
        return self.place

    def admits(self, source: Endpoint, user: str, network: Network) -> bool | None:
        """True when `source` may log in as `user` wherever the rule leads; None when that cannot be told."""
        admitted = all_of([self._from.holds(source, network), self._names(user, source)])
        return None if admitted and self.unclear else admitted

    def leads(self, source: Endpoint, to: Endpoint, network: Network) -> bool | None:
        """True when the rule leads those whom it admits from `source` to `to`, by something else than a tag that it names."""
        reached = self._beyond_tags.holds(to, network)
        same = _same_person(source, to)
        if "self" in self._kinds:
            reached = any_of([reached, same])
        # A rule with `localpart:` also lets its sources log in to themselves, wherever else it leads.
        if self.has_localpart and self._kinds - {"self"}:
            reached = any_of([reached, same, _is_itself(source, to)])
        return reached

    @cached_property
    def tags(self) -> frozenset[str]:
        """The tags that it leads to by name."""
        return frozenset(target.text for target in self.targets if target.kind == "tag")

    @cached_property
    def beyond_tags(self) -> tuple[frozenset[str], bool]:
        """A key that is equal for rules that lead to the same destinations."""
        return frozenset(target.text for target in self.targets if target.kind != "tag"), self.has_localpart

    def why(self, source: Endpoint, to: Endpoint, user: str) -> str:
        """The reason when it cannot be told whether it lets `source` in."""
        return f"{self}: {self.unclear or f'whether {source.text} may log in to {to.text} as {user} is not known'}"

    @cached_property
    def _from(self) -> Covers:
        return Covers(self.sources)

    @cached_property
    def _beyond_tags(self) -> Covers:
        return Covers([target for target in self.targets if target.kind not in ("tag", "self")])

    @cached_property
    def _kinds(self) -> frozenset[Kind]:
        return frozenset(target.kind for target in self.targets)

    @cached_property
    def has_localpart(self) -> bool:
        """True when somebody may log in by the first part of their login."""
        return bool(self._domains)

    @cached_property
    def _domains(self) -> frozenset[str]:
        return frozenset(map(_domain, self.users)) - {""}

    @cached_property
    def _users(self) -> frozenset[str]:
        return frozenset(user for user in self.users if not _domain(user))

    def _names(self, user: str, source: Endpoint) -> bool | None:
        """True when the rule's `users` name the login user `user` for somebody of `source`."""
        if not user:
            return False
        if user in self._users or (user != _ROOT and _NONROOT in self._users):
            return True
        return _local_name(user, source, self._domains)


@dataclass(frozen=True)
class Written:
    """An entry of `ssh` as written."""

    place: str
    action: Action
    src: tuple[str, ...]
    dst: tuple[str, ...]
    users: tuple[str, ...]
    recorders: tuple[str, ...]
    unclear: str

    @classmethod
    def read(cls, place: str, value: object) -> "Written":
        raw = shape.entry(value, place)
        with at(place):
            action = _action(trimmed(shape.word(raw.get("action"), f"{place}.action")))
            users = _users(words(raw.get("users"), f"{place}.users"))
            if "" in shape.words(raw.get("acceptenv"), f"{place}.acceptEnv"):
                raise PolicyError("acceptEnv values cannot be empty")
            if raw.get("checkperiod") is not None:
                _check_period(shape.word(raw.get("checkperiod"), f"{place}.checkPeriod"), action)
        src, dst = (words(raw.get(side), f"{place}.{side}") for side in ("src", "dst"))
        recorders = words(raw.get("recorder"), f"{place}.recorder")
        return cls(place, action, src, dst, users, recorders, unclear(raw, _KEYS))

    def rule(self, names: Definitions) -> SshRule:
        """Raises PolicyError for names that nothing defines, and for sources that may not log in there."""
        with at(self.place):
            sources = tuple(_source(names, text) for text in self.src)
            targets = tuple(_target(names, text) for text in self.dst)
            _check_pairs(sources, targets)
            for recorder in self.recorders:
                names.selector(recorder)
        return SshRule(self.place, self.action, sources, targets, self.users, self.unclear)


def read(value: object) -> list[Written]:
    """The section `ssh`. Raises PolicyError."""
    return [Written.read(f"ssh[{index}]", item) for index, item in enumerate(shape.items(value, "ssh"))]


def _action(word: str) -> Action:
    if word in ("accept", "check"):
        return word
    raise PolicyError(f"{quoted(word)} is not a valid action" if word else "action must be specified")


def _users(users: tuple[str, ...]) -> tuple[str, ...]:
    if not users:
        raise PolicyError("users must be specified")
    for user in users:
        if user in ("", "*"):
            raise PolicyError(f"user {quoted(user)} is not valid")
    return users


def _check_period(word: str, action: Action) -> None:
    duration = 0 if word == "always" else durations.parse(word)
    if action != "check":
        raise PolicyError('checkPeriod is only valid with action "check"')
    if duration < 0:
        raise PolicyError(f"checkPeriod {durations.text_of(duration)} must be a positive duration")
    if duration > _LONGEST_CHECK_PERIOD:
        raise PolicyError(f"checkPeriod {durations.text_of(duration)} is above the max (168h)")


def _source(names: Definitions, text: str) -> Selector:
    selector = _named(names, text, "src")
    if selector.kind in ("self", "internet"):
        raise PolicyError(f"{quoted(text)} not valid on the src side of a rule")
    if selector.kind not in _SOURCES:
        raise PolicyError(f"invalid src {quoted(text)}")
    return selector


def _target(names: Definitions, text: str) -> Selector:
    selector = _named(names, text, "dst")
    # A group is no device: its people's devices are named by themselves, or by autogroup:self.
    if selector.kind not in _TARGETS or text.startswith("group:"):
        raise PolicyError(f"invalid dst {quoted(text)}")
    return selector


def _named(names: Definitions, text: str, side: str) -> Selector:
    # Neither an address nor a host's name is looked up here: the control server refuses both in the same words.
    if text != "*" and "@" not in text and ":" not in text:
        raise PolicyError(f"invalid {side} {quoted(text)}")
    if text == _NONROOT or text.startswith(("svc:", "posture:")):
        raise PolicyError(f"invalid {side} {quoted(text)}")
    try:
        return names.selector(text)
    except PolicyError:
        if text.startswith(("tag:", "group:", "autogroup:")):
            raise
        raise PolicyError(f"invalid {side} {quoted(text)}") from None


def _check_pairs(sources: Sequence[Selector], targets: Sequence[Selector]) -> None:
    """Nobody logs in to a person's device but that person: neither a tagged device nor somebody else."""
    tagged = any(source.kind in _OF_TAGS for source in sources)
    for target in targets:
        if target.kind == "self" and tagged:
            raise PolicyError("autogroup:self can only be used with users, groups, or supported autogroups")
        if target.kind in _OF_PEOPLE and tagged:
            raise PolicyError(f"tags in src cannot access user-owned devices: {quoted(target.text)}")
        if target.kind == "people" and {source.text.lower() for source in sources} != {target.text.lower()}:
            raise PolicyError(
                f"dst {quoted(target.text)} requires that user as the only src: use autogroup:self instead"
            )


def _domain(user: str) -> str:
    """The domain of `localpart:*@domain`; empty for every other user, which is then a name of its own."""
    domain = user.removeprefix(_LOCALPART) if user.startswith(_LOCALPART) else ""
    return "" if "@" in domain else domain.lower()


def _local_name(user: str, source: Endpoint, domains: Set[str]) -> bool | None:
    """True when `user` is how somebody is called in one of the domains."""
    if not source.user or not domains:
        # Tagged devices have no login. Which device an address is, nobody may know.
        return None if source.anonymous and domains else False
    name, _, home = source.user.rpartition("@")
    if "@" not in source.user:
        return None
    if home not in domains:
        return False
    # Logins are compared in lower case; the user on the machine is not. The pattern itself may mean everybody.
    if _is_unnamed(source.user) or _domain(user) == home or (user != name and user.lower() == name):
        return None
    return user == name


def _same_person(source: Endpoint, to: Endpoint) -> bool | None:
    if not source.user or source.user != to.user:
        return False
    return None if _is_unnamed(source.user) else True


def _is_unnamed(user: str) -> bool:
    """True when it stands for somebody whom nothing names (see endpoints.py), and two of them may be two: no login."""
    return "@" not in user or " " in user


def _is_itself(source: Endpoint, to: Endpoint) -> bool | None:
    if not source.tags or source.tags != to.tags:
        return False
    return ranges.overlap(source.addresses, to.addresses) if source.addresses and to.addresses else None
