"""A policy's ipsets, as the addresses that are left of what they add and remove."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from components.tailnet.evaluator import ranges
from components.tailnet.evaluator.errors import PolicyError, quoted
from components.tailnet.evaluator.ranges import Ranges

_NAME: Final = "ipset:"
# Read for all ipsets of a policy together; more is not judged in sensible time.
_MOST_RANGES: Final = 300_000


class IpSets:
    """Resolves ipsets, each once: they may name each other in any number and depth."""

    def __init__(self, written: Mapping[str, Sequence[str]], addresses: Callable[[str], Ranges]) -> None:
        """`addresses` resolves what is no ipset: hosts and addresses."""
        self._written = written
        self._addresses = addresses
        self._made: dict[str, Ranges] = {}
        self._read = 0

    def addresses(self, name: str) -> Ranges:
        """Raises PolicyError for one that is not defined, or contains itself."""
        # Those that are being made, the innermost last, with what they name.
        pending: dict[str, Iterator[str]] = {}
        self._open(name, pending)
        while pending:
            current = next(reversed(pending))
            inner = next((inner for inner in pending[current] if inner not in self._made), None)
            if inner is None:
                del pending[current]
                self._made[current] = self._combined(current)
            elif inner in pending:
                raise PolicyError(f"ipset {quoted(inner)} contains itself")
            else:
                self._open(inner, pending)
        return self._made[name]

    def _open(self, name: str, pending: dict[str, Iterator[str]]) -> None:
        if name not in self._written:
            raise PolicyError(f"ipset not defined in policy: {quoted(name)}")
        pending[name] = iter([text for _, text in map(_layer, self._written[name]) if text.startswith(_NAME)])

    def _combined(self, name: str) -> Ranges:
        layers = [(adds, self._entry(text)) for adds, text in map(_layer, self._written[name])]
        if len(layers) == 1 and layers[0][0]:
            return layers[0][1]
        self._read += sum(len(addresses) for _, addresses in layers)
        if self._read > _MOST_RANGES:
            raise PolicyError(f"the ipsets have more than {_MOST_RANGES} ranges of addresses: too many to be judged")
        return ranges.layered(layers)

    def _entry(self, text: str) -> Ranges:
        if text.startswith(_NAME):
            return self._made[text]
        return ranges.INTERNET if text == "autogroup:internet" else self._addresses(text)


def _layer(entry: str) -> tuple[bool, str]:
    """Splits an entry into its operation (add or remove) and its operand."""
    word, _, rest = entry.partition(" ")
    return (word == "add", rest.strip(" ")) if word in ("add", "remove") else (True, entry)
