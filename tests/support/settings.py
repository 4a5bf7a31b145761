"""Reads a configuration, and the lines of its error."""

from typing import Any

import pytest

from components.settings import SettingsError
from components.settings.load import parse


def lines(config: Any) -> list[str]:
    """The problems of a configuration, one a line, without the heading."""
    with pytest.raises(SettingsError) as raised:
        parse(config)
    head, *problems = str(raised.value).splitlines()
    assert head.startswith(f"{len(problems)} problem")
    return [line.strip() for line in problems]
