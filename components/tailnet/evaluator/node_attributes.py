"""The section `nodeAttrs`: attributes, app settings and address pools of devices, and which devices have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from components.tailnet.evaluator import ranges, shape
from components.tailnet.evaluator.errors import PolicyError, at, quoted
from components.tailnet.evaluator.selectors import Definitions, Kind, Selector
from components.tailnet.evaluator.written import prefix, unclear, words

_KEYS: Final = {"target", "attr", "app", "ippool"}
# They say nothing lasting of a device.
_NO_TARGETS: Final[tuple[Kind, ...]] = ("self", "internet", "danger-all")
_POOL: Final = ranges.parse("100.64.0.0/10")
# MagicDNS, and ChromeOS's own network.
_RESERVED: Final = ("100.100.100.0/24", "100.115.92.0/23")


@dataclass(frozen=True)
class NodeAttributes:
    """One entry of `nodeAttrs`. `place` is as in `nodeAttrs[2]`; `unclear` names keys that are not understood."""

    place: str
    targets: tuple[Selector, ...]
    attributes: tuple[str, ...]
    apps: Mapping[str, tuple[object, ...]]
    unclear: str = ""

    def __str__(self) -> str:
        return self.place


@dataclass(frozen=True)
class Written:
    """An entry of `nodeAttrs` as written."""

    place: str
    target: tuple[str, ...]
    attr: tuple[str, ...]
    app: Mapping[str, tuple[object, ...]]
    unclear: str

    @classmethod
    def read(cls, place: str, value: object) -> "Written":
        raw = shape.entry(value, place)
        with at(place):
            for text in shape.words(raw.get("ippool"), f"{place}.ipPool"):
                _check_pool(text, f"{place}.ipPool")
        return cls(
            place,
            words(raw.get("target"), f"{place}.target"),
            shape.words(raw.get("attr"), f"{place}.attr"),
            {
                _app(name, place): tuple(shape.items(settings, f"{place}.app[{quoted(name)}]"))
                for name, settings in shape.mapping(raw.get("app"), f"{place}.app").items()
            },
            unclear(raw, _KEYS),
        )

    def attributes(self, names: Definitions) -> NodeAttributes:
        """Raises PolicyError for names that nothing defines."""
        with at(self.place):
            targets = tuple(_target(names, text) for text in self.target)
        return NodeAttributes(self.place, targets, self.attr, self.app, self.unclear)


def read(value: object) -> list[Written]:
    """The section `nodeAttrs`. Raises PolicyError."""
    return [Written.read(f"nodeAttrs[{index}]", item) for index, item in enumerate(shape.items(value, "nodeAttrs"))]


def _target(names: Definitions, text: str) -> Selector:
    if text.startswith(("svc:", "posture:")):
        raise PolicyError(f"nodeAttrs target is not supported: {quoted(text)}")
    # A user of a device, and no device: names of that kind stand in SSH rules only.
    if text == "autogroup:nonroot" or (selector := names.selector(text)).kind in _NO_TARGETS:
        raise PolicyError(f"nodeAttrs target does not support this autogroup: {quoted(text)}")
    return selector


def _app(name: str, place: str) -> str:
    domain, _, path = name.partition("/")
    if "://" in name or not domain or not path:
        raise PolicyError(f"{place}.app: {quoted(name)} must have the form {{domain}}/{{path}}")
    return name


def _check_pool(text: str, place: str) -> None:
    pool = prefix(text)
    if pool is None:
        raise PolicyError(f"{place}: {quoted(text)} is not a prefix of addresses, as in 100.80.0.0/16")
    if not ranges.within(pool, _POOL):
        raise PolicyError(f"nodeAttrs ipPool must be within 100.64.0.0/10: {quoted(text)}")
    for reserved in _RESERVED:
        if ranges.overlap(pool, ranges.parse(reserved)):
            raise PolicyError(
                f"nodeAttrs ipPool must not overlap reserved Tailscale ranges: {quoted(text)} overlaps {quoted(reserved)}"
            )
