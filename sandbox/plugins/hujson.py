"""HuJSON, the policy file's format: JSON with comments and trailing commas."""

import json
import re
from typing import Any

# Strings first, so that nothing inside one counts as a comment or a comma.
_TOKEN = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)


def standardize(text: str) -> str:
    """Plain JSON text. Line numbers in a parse error stay those of the original, except after block comments."""
    return _TRAILING_COMMA.sub(lambda m: m[1] or "", _TOKEN.sub(lambda m: m[1] or " ", text))


def same(first: str, second: str) -> bool:
    """Whether only the formatting differs. Order matters, and so do comments, as in the official plugin."""
    if first == second:
        return True
    try:
        pairs: list[Any] = [json.loads(standardize(text), object_pairs_hook=list) for text in (first, second)]
    except ValueError:
        return False
    return pairs[0] == pairs[1] and _comments(first) == _comments(second)


def _comments(text: str) -> list[str]:
    return [found[0].strip() for found in _TOKEN.finditer(text) if found[1] is None]
