"""`enable`, `disable`, `hostname`, `rotate-key` and `dns`: each is previewed, asked and followed."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import SecretStr

from addons.changes.model import Change, Kind
from addons.commands.dialogue import Dialogue
from addons.commands.invocation import ID, YES, agreed, chosen, console, screen
from addons.errors import AddonsError


def enable(context: typer.Context, instance: ID, yes: YES = False) -> None:
    """Switch private access on."""
    _change(context, Change(instance=instance, kind=Kind.ENABLE), yes)


def disable(context: typer.Context, instance: ID, yes: YES = False) -> None:
    """Switch private access off. Data and device are kept."""
    _change(context, Change(instance=instance, kind=Kind.DISABLE), yes)


def hostname(
    context: typer.Context,
    instance: ID,
    name: Annotated[str, typer.Argument(help="The new name in the tailnet.")],
    yes: YES = False,
) -> None:
    """Give a gateway another name."""
    _change(context, Change(instance=instance, kind=Kind.HOSTNAME, value=name), yes)


def rotate_key(
    context: typer.Context,
    instance: ID,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="A file with a key of your own; `-` is the standard input.", show_default="the stack mints one"
        ),
    ] = None,
    yes: YES = False,
) -> None:
    """Give the sidecar a new auth key. Device, name and address stay."""
    if key_file is None:
        _change(context, Change(instance=instance, kind=Kind.ROTATE_KEY), yes)
    else:
        _change(context, Change(instance=instance, kind=Kind.AUTH_KEY), yes, _key(key_file))


def dns(
    context: typer.Context,
    instance: ID,
    preferred: Annotated[Literal["name", "address"], typer.Argument(help="The MagicDNS name, or the raw address.")],
    yes: YES = False,
) -> None:
    """Choose what is printed, exported and opened."""
    _change(context, Change(instance=instance, kind=Kind.ADDRESS, value=preferred), yes)


def _change(context: typer.Context, change: Change, yes: bool, key: SecretStr | None = None) -> None:
    source = console(context)
    chosen(source.report(), change.instance)
    Dialogue(source, screen(), lambda question: agreed(question, yes)).run(change, key)


def _key(file: Path) -> SecretStr:
    """Never an argument: those are in the list of processes, and in the shell's history."""
    try:
        text = (sys.stdin.read() if str(file) == "-" else file.read_text()).strip()
    except (OSError, UnicodeDecodeError):
        raise AddonsError(f"{file} cannot be read", "Put the key alone into a text file") from None
    if len(text.split()) != 1:
        raise AddonsError(f"{file} does not hold one key", "Put the key alone into it")
    return SecretStr(text)
