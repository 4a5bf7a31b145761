"""`devices`: the stack's devices in the tailnet, and those that were left over."""

from typing import Annotated

import typer
from rich.text import Text

from addons.commands.invocation import YES, agreed, console, screen
from addons.errors import AddonsError
from addons.status import words


def devices(
    context: typer.Context,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only those that no instance and no node of the stack has.")
    ] = False,
    remove: Annotated[
        str, typer.Option(metavar="DEVICE", help="Remove one of those from the tailnet.", show_default=False)
    ] = "",
    yes: YES = False,
) -> None:
    """List the stack's devices in the tailnet, and those that were left over."""
    source, where = console(context), screen()
    left_over = source.left_over()
    if remove:
        device = next((one for one in left_over if one.id == remove), None)
        if device is None:
            raise AddonsError(f"{remove} is not a device that was left over", "`devices --stale` lists them")
        doubt = f" Careful: {device.doubt}." if device.doubt else ""
        leaves = f"{device.name} ({', '.join(device.tags)}) leaves the tailnet, and needs a key to come back.{doubt}"
        where.print(Text(leaves))
        if not agreed("Remove it?", yes):
            raise AddonsError("Nothing was removed")
        source.remove_device(device.id)
        where.print(Text(f"Removed {device.name}."))
        return
    report = source.report()
    for one in () if stale else report.instances:
        addresses = ", ".join(one.addresses or ()) or "address not known"
        where.print(Text(f"{one.id}: {one.dns_name or one.declared.hostname}, {addresses}; {words.state(one)}"))
    for device in left_over:
        seen = words.age(device.last_seen, report.at)
        doubt = f"; {device.doubt}" if device.doubt else ""
        where.print(Text(f"left over: {device.name} ({device.id}, {', '.join(device.tags)}), last seen {seen}{doubt}"))
    if not left_over:
        where.print("No device was left over.")
