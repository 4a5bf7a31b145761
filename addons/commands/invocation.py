"""What all commands share: the console of the stack, the screen, questions, and which instance is meant."""

from dataclasses import dataclass
from typing import Annotated, Final, Protocol

import typer
from rich.console import Console as Screen
from rich.text import Text

from addons.console import Console
from addons.status.model import Report

# sysexits.h; 1 to 3 say how the gateways are.
USAGE: Final = 64
# As a shell has it for a command that Ctrl-C ended.
INTERRUPTED: Final = 130

ID = Annotated[str, typer.Argument(metavar="ID", help="The instance, as the stack calls it.")]
ANY_ID = Annotated[str, typer.Argument(metavar="[ID]", help="The instance; without it, all.", show_default=False)]
YES = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class Open(Protocol):
    """Opens the console of the stack of that name; of the one that is meant without a name."""

    def __call__(self, name: str = "", *, stays: bool = False) -> Console: ...


@dataclass
class Invocation:
    """One run of the command line. `command` is the first word after the options."""

    open: Open
    command: str = ""
    stack: str = ""


def console(context: typer.Context, *, stays: bool = False) -> Console:
    """That of the stack which was named, or is selected. `stays`: it reads by itself from now on."""
    invocation: Invocation = context.obj
    return invocation.open(invocation.stack, stays=stays)


def screen() -> Screen:
    """Where everything goes that is no error."""
    return Screen(highlight=False)


def fail(problem: str, hint: str) -> None:
    """One line on standard error, and the hint below it."""
    errors = Screen(stderr=True, highlight=False)
    errors.print(Text.assemble(("error: ", "bold red"), " ".join(problem.split())), soft_wrap=True)
    if hint:
        errors.print(Text(f"  {' '.join(hint.split())}"), soft_wrap=True)


def agreed(question: str, yes: bool) -> bool:
    """Asks; `--yes` answers. Without anybody who could, the answer is no."""
    if yes:
        return True
    try:
        return typer.confirm(question)
    except typer.Abort:
        print("\nNobody answered: that is a no. `--yes` answers beforehand.")
        return False


def chosen(report: Report, instance: str) -> Report:
    """The same with this instance alone; with all of them, where none was named."""
    if not instance:
        return report
    found = tuple(one for one in report.instances if one.id == instance)
    if not found:
        raise typer.BadParameter(f"there is no instance {instance}. {names(report)}")
    return report.model_copy(update={"instances": found, "health": found[0].health})


def names(report: Report) -> str:
    """Those that there are, for who named another."""
    return f"There are: {', '.join(one.id for one in report.instances)}" if report.instances else "The stack has none"


def help_without_command(context: typer.Context) -> None:
    """A group alone does nothing: it says what it could do."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(USAGE)
