"""`serve`: the page and the API of a stack, for browsers of this machine."""

from getpass import getuser
from typing import Annotated

import typer

from addons.commands.invocation import console, screen

DEFAULT_PORT = 7080


def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = DEFAULT_PORT,
    behind_serve: Annotated[
        str, typer.Option(metavar="NAME", help="The name at which Tailscale Serve answers.", show_default=False)
    ] = "",
    login: Annotated[
        list[str] | None, typer.Option(help="A Tailscale login that may manage, behind Serve.", show_default=False)
    ] = None,
) -> None:
    """Serve the page and the API, until Ctrl-C."""
    # Only here: it takes half a second to import, and no other command needs it.
    from addons.server import Settings, serve

    settings = Settings(port, getuser(), behind_serve, frozenset(login or ()))
    where = screen()
    source = console(context, stays=True)
    where.print(f"The stack {source.stack}. Each link logs one browser in, once:")
    serve(source, settings, lambda link: where.print(f"  {link}", soft_wrap=True))
