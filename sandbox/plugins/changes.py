"""The differences between two sets of inputs, path by path, as the engine's detailed diff wants them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.plugins.values import UNKNOWN, Path, is_list, is_map

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")


@dataclass(frozen=True)
class Change:
    path: Path
    kind: Literal["add", "delete", "update"]

    @property
    def text(self) -> str:
        """The path as the engine writes it: `spec.containers[0].image`, `metadata.labels["a.b/c"]`."""
        text = ""
        for key in self.path:
            if isinstance(key, int):
                text += f"[{key}]"
            elif _PLAIN_KEY.match(key):
                text += f".{key}" if text else key
            else:
                text += '["' + key.replace("\\", "\\\\").replace('"', '\\"') + '"]'
        return text

    def touches(self, pattern: Path) -> bool:
        """True when the change is at, under or above `pattern`; "*" in a pattern stands for any key."""
        return all(ours == theirs or theirs == "*" for ours, theirs in zip(self.path, pattern, strict=False))


def changes(old: Any, new: Any, path: Path = ()) -> list[Change]:
    """All differences, in a stable order. A new value that is not known yet counts as an update."""
    if is_map(old) and is_map(new):
        keys: Iterable[str] = sorted(old.keys() | new.keys())
        differences: list[Change] = []
        for key in keys:
            if key not in new:
                differences.append(Change((*path, key), "delete"))
            elif key not in old:
                differences.append(Change((*path, key), "add"))
            else:
                differences += changes(old[key], new[key], (*path, key))
        return differences
    if is_list(old) and is_list(new):
        shared = min(len(old), len(new))
        differences = [c for index in range(shared) for c in changes(old[index], new[index], (*path, index))]
        differences += [Change((*path, index), "delete") for index in range(shared, len(old))]
        differences += [Change((*path, index), "add") for index in range(shared, len(new))]
        return differences
    # `True == 1` in Python, but not in JSON.
    same = old == new and isinstance(old, bool) == isinstance(new, bool) and new is not UNKNOWN
    return [] if same else [Change(path, "update")]
