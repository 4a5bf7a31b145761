"""Reads HuJSON (JSON with comments and trailing commas), the format of tailnet policies."""

import json
import re
from typing import Any, Final, cast

# A string first, so that comment marks and commas inside one are left alone. Two passes: one pattern for both would take
# `, /* a */ "b": 1 /* c */ }` for a trailing comma.
_STRING: Final = r'"(?:\\.|[^"\\])*"'
_COMMENT: Final = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING_COMMA: Final = re.compile(rf"{_STRING}|,(?=\s*[\]}}])", re.DOTALL)


def loads(text: str) -> object:
    """Raises ValueError with line and column (as in the text given) when it is not HuJSON."""
    try:
        return json.loads(text)  # without comments: ten times as fast, for the policies of many gateways
    except ValueError:
        pass
    return json.loads(_TRAILING_COMMA.sub(_blank, _COMMENT.sub(_blank, text)))


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
