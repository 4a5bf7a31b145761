"""The command line of an owner: its commands, its exit codes, and errors in one line."""

import contextlib
import io
import signal
import sys
from typing import Annotated, Any, Final, cast

import typer

from addons import stack
from addons.commands.changes import disable, dns, enable, hostname, rotate_key
from addons.commands.devices import devices
from addons.commands.invocation import INTERRUPTED, USAGE, Invocation, Open, fail, help_without_command
from addons.commands.pairings import pairings
from addons.commands.serve import serve
from addons.commands.status import doctor, open_page, status
from addons.status.model import Health
from components.unexpected import described, record
from engine.errors import UserError

# typer brings its own click, and of its errors it exports only those below this one.
_UsageError: Final = typer.BadParameter.__mro__[1]
_JUDGING: Final = ("status", "doctor")

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The gateways of a stack: how they are, and what their owner may change.",
    epilog="Exit codes of status and doctor: 0 healthy, 1 degraded, 2 down, 3 unknown. 64: the command was wrong.",
)


@app.callback()
def of_stack(
    context: typer.Context,
    stack: Annotated[str, typer.Option(help="The stack; without it, the selected one.", show_default=False)] = "",
) -> None:
    """Which stack it is about."""
    invocation: Invocation = context.obj
    invocation.command, invocation.stack = context.invoked_subcommand or "", stack
    help_without_command(context)


app.command()(status)
app.command()(doctor)
app.command(name="open")(open_page)
app.command()(serve)
app.add_typer(pairings, name="pairings")
app.command()(devices)
for _change in (enable, disable, hostname, rotate_key, dns):
    app.command()(_change)


def main() -> None:
    """Runs the command of this process, and ends it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot show is no reason to fail.
        with contextlib.suppress(io.UnsupportedOperation):
            cast(io.TextIOWrapper, stream).reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str], opened: Open | None = None, prog_name: str = "python -m addons") -> int:
    """The exit code of a command. Bad input and failures are one line and a hint, never a traceback."""
    invocation = Invocation(opened or stack.console)
    try:
        return int(app(arguments, prog_name=prog_name, obj=invocation, standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except UserError as error:
        fail(error.problem, error.hint)
    except Exception as error:
        if isinstance(error, _UsageError):
            fail(cast(Any, error).format_message(), f"`{prog_name} --help` has the commands")
            return USAGE
        fail(
            f"This was not expected: {described(error)}",
            f"Run the command again; if it fails again, report it with {record(error)}",
        )
    # For whoever reads exit codes: where there is no judgement, nobody knows how the gateways are.
    return Health.UNKNOWN.exit_code if invocation.command in _JUDGING else 1
