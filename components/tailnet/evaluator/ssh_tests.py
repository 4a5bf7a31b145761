"""The shape of `sshTests`, refused as the control server refuses it. What the tests say of the rules: ssh_assertions.py."""

from dataclasses import dataclass
from typing import Final

from components.tailnet.evaluator import ranges, shape
from components.tailnet.evaluator.errors import PolicyError, at, quoted
from components.tailnet.evaluator.selectors import Definitions, trimmed
from components.tailnet.evaluator.written import unclear, words

_KEYS: Final = {"src", "dst", "accept", "deny", "check"}


@dataclass(frozen=True)
class SshTest:
    """One entry of `sshTests`: as each user of `accept` everybody of `src` may log in to all of `dst`, as those of
    `check` only after a check, as those of `deny` nobody to any."""

    place: str
    src: str
    dst: tuple[str, ...]
    accept: tuple[str, ...]
    deny: tuple[str, ...]
    check: tuple[str, ...]
    unclear: str = ""

    @classmethod
    def read(cls, place: str, value: object) -> "SshTest":
        raw = shape.entry(value, place)
        lists = {name: words(raw.get(name), f"{place}.{name}") for name in ("dst", "accept", "deny", "check")}
        return cls(place, trimmed(shape.word(raw.get("src"), f"{place}.src")), **lists, unclear=unclear(raw, _KEYS))

    def known(self, names: Definitions) -> "SshTest":
        """The test. Raises PolicyError for one that no tailnet could pass or fail."""
        with at(self.place):
            self._check(names)
        return self

    def _check(self, names: Definitions) -> None:
        if not self.src:
            raise PolicyError("SSH tests entry must have a non-empty src")
        if not self.dst:
            raise PolicyError("SSH tests entry must have at least one dst")
        for text in self.dst:
            if text.startswith("tag:") and text not in names.tags:
                # `tag:server:22` too: there is no port to a login.
                raise PolicyError(f"SSH tests dst contains unknown tag {quoted(text)}")
            if text == "autogroup:internet" or _is_wide(text, names):
                raise PolicyError(f"SSH tests dst contains disallowed element {quoted(text)}")


def read(value: object) -> list[SshTest]:
    """The section `sshTests`. Raises PolicyError."""
    return [SshTest.read(f"sshTests[{index}]", item) for index, item in enumerate(shape.items(value, "sshTests"))]


def _is_wide(text: str, names: Definitions) -> bool:
    """True when it is a range of addresses, or a host's name for one."""
    try:
        addresses = names.hosts[text] if text in names.hosts else ranges.parse(text)
    except ValueError:
        return False
    return any(first != last for first, last in addresses)
