"""Reads HuJSON (JSON with comments and trailing commas), the format of tailnet policies."""

import json
import re
from typing import Any, Final, cast

# A string first, so that comment marks and commas inside one are left alone.
_TOKEN: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[\]}])', re.DOTALL)


def loads(text: str) -> object:
    """Raises ValueError with line and column (as in the text given) when it is not HuJSON."""
    return json.loads(_TOKEN.sub(_blank, text))


def loads_object(text: str) -> dict[str, Any]:
    """As `loads`, and the value must be an object."""
    value = loads(text)
    if not isinstance(value, dict):
        raise ValueError("a policy is one object in braces")
    return cast("dict[str, Any]", value)


def _blank(match: re.Match[str]) -> str:
    """Spaces of the same shape, so that positions in errors stay true."""
    token = match.group()
    return token if token.startswith('"') else re.sub(r"[^\n]", " ", token)
