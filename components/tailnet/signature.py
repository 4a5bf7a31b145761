"""The line of an owned policy by which other stacks know who writes it (I12)."""

import re
from collections.abc import Iterable

from components.settings import Settings
from components.tailnet.evaluator import PolicyError, shape
from components.tailnet.expected_access import expected_access


def signed(text: str, stack: str) -> str:
    """The policy `text` with its writer in the first line."""
    return f"// Written by the stack {stack}.\n{text}"


def writer(text: str) -> str:
    """The stack that wrote the policy; empty when it carries no signature."""
    signature = re.match(r"// Written by the stack ([-a-z0-9]+)\.\n", text)
    return signature[1] if signature else ""


def shared_tags(text: str, settings: Settings, stack: str) -> list[str]:
    """Tags of this stack that another stack gives in the policy that it writes."""
    if writer(text) in ("", stack):
        return []
    try:
        declared: Iterable[str] = shape.mapping(shape.document(text).get("tagowners"), "tagOwners")
    except PolicyError:
        # The proof says what is wrong with it.
        return []
    return sorted({device.tag for device in expected_access(settings)}.intersection(declared))
