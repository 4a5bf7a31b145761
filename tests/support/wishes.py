"""The common wishes of docs/gateway.md: title, and the instances of its block."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

_PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "gateway.md"


@dataclass(frozen=True)
class Wish:
    """A block of the page: the part `instances` of a stack's configuration."""

    title: str
    instances: list[dict[str, Any]]


WISHES: Final = [
    Wish(title, yaml.safe_load(block))
    for title, block in re.findall(r"### ([^\n]+)\n(?:(?!\n#).)*?```yaml\n(.*?)```", _PAGE.read_text(), re.DOTALL)
]
