"""The console of one stack, made of its parts."""

from addons.console import Console
from addons.errors import AddonsError


def console(name: str = "") -> Console:
    """The console of the stack of that name; of the selected one without a name. AddonsError when it cannot be had."""
    raise AddonsError(
        f"The stack {name} cannot be opened" if name else "No stack can be opened", "Select one: pulumi stack select"
    )
