"""`pairings`: who asks to be let in, and the answer."""

from typing import Annotated

import typer
from rich.text import Text

from addons.commands.invocation import YES, agreed, console, help_without_command, screen
from addons.errors import AddonsError
from addons.status.terminal import pairing

REQUEST = Annotated[str, typer.Argument(help="The request that `list` shows, or its first letters.")]

pairings = typer.Typer(invoke_without_command=True, callback=help_without_command, help="Who asks to be let in.")


@pairings.command(name="list")
def list_requests(context: typer.Context) -> None:
    """List who asks to be let in, and how long that lasts."""
    report, where = console(context).report(), screen()
    for one in report.instances:
        if one.pairings is None:
            where.print(Text(f"{one.id}: not known"))
        for asked in one.pairings or ():
            where.print(Text.assemble((one.id, "bold"), ": ", pairing(asked, report.at)))
    if not any(one.pairings is None or one.pairings for one in report.instances):
        where.print("Nobody asks to be let in.")


@pairings.command()
def approve(context: typer.Context, request: REQUEST, yes: YES = False) -> None:
    """Let a browser, a client or a node in."""
    _decide(context, request, "Let it in?", yes, approve=True)


@pairings.command()
def reject(context: typer.Context, request: REQUEST, yes: YES = False) -> None:
    """Refuse a browser, a client or a node."""
    _decide(context, request, "Refuse it?", yes, approve=False)


def _decide(context: typer.Context, request: str, question: str, yes: bool, *, approve: bool) -> None:
    source, where = console(context), screen()
    report = source.report()
    asked = [(one, each) for one in report.instances for each in one.pairings or () if each.request.startswith(request)]
    if len(asked) != 1:
        says = "More than one request begins" if asked else "No request begins"
        raise AddonsError(f"{says} with {request}", "`pairings list` has those that wait; they end after five minutes")
    instance, waiting = asked[0]
    where.print(Text.assemble((instance.id, "bold"), ": ", pairing(waiting, report.at)))
    if not agreed(question, yes):
        raise AddonsError("Nothing was decided")
    where.print(Text(source.decide(instance.id, waiting.request, approve)))
