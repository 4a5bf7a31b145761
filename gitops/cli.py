"""The command line of a pipeline: its commands, its exit codes, and errors in one line."""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from addons.changes.owners_stack import owners_stack
from addons.commands.invocation import INTERRUPTED, USAGE, fail, help_without_command
from components.unexpected import described, record
from engine.directory import StackDirectory
from engine.errors import StackLocked, UserError
from gitops import destroy_check, issues, rbac
from gitops.apply import apply as apply_plan
from gitops.drift import drift as find_drift
from gitops.errors import Stale
from gitops.markdown import markdown
from gitops.model import Outcome, Summary
from gitops.offline import offline as judge_offline
from gitops.preview import Files
from gitops.preview import preview as preview_stack

Open = Callable[[str], StackDirectory]
# What a pipeline shows beside its job; each service has its own.
_SHOWN_IN: Final = "GITHUB_STEP_SUMMARY"
# typer brings its own click, and of its errors it exports only those below this one.
_UsageError: Final = typer.BadParameter.__mro__[1]

STACK = Annotated[str, typer.Option("--stack", help="The stack; without it, the selected one.", show_default=False)]
OUT = Annotated[Path, typer.Option("--out", help="Where the plan and the summaries are left.")]
ACCEPT = Annotated[
    list[Outcome] | None,
    typer.Option("--accept", help="An outcome that is no failure here: the exit code is then 0.", show_default=False),
]

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Changes of a stack by a pipeline: previewed, judged, explained, and applied as reviewed.",
    epilog="Exit codes: 0 no change (apply: done), 2 change, 3 refused, 4 drift, 5 locked, 1 error, 64 the command was wrong.",
)


@app.callback()
def without_command(context: typer.Context) -> None:
    """Says which commands there are, where none was named."""
    help_without_command(context)


@app.command()
def preview(
    context: typer.Context,
    stack: STACK = "",
    out: OUT = Path("gitops-out"),
    offline: Annotated[
        bool, typer.Option("--offline", help="Judge the files alone: no backend, cluster, tailnet or secret is asked.")
    ] = False,
    accept: ACCEPT = None,
) -> int:
    """Say what an update would do, and keep its plan."""
    opened, files = _opened(context, stack), Files(out)
    return _ended(judge_offline(opened, files) if offline else preview_stack(opened, files), accept)


@app.command()
def apply(
    context: typer.Context,
    plan: Annotated[Path, typer.Option("--plan", help="The directory that `preview --out` wrote.")],
    stack: STACK = "",
) -> int:
    """Do what was previewed, or nothing."""
    summary = apply_plan(_opened(context, stack), Files(plan), _say)
    done = "there was nothing to do" if summary.outcome is Outcome.UNCHANGED else "applied as previewed"
    _say(f"{summary.stack}: {done}")
    return 0


@app.command()
def drift(
    context: typer.Context,
    stack: STACK = "",
    out: OUT = Path("gitops-out"),
    issue: Annotated[
        bool, typer.Option("--issue", help="Open or update one issue of the repository, or close it (GITHUB_TOKEN).")
    ] = False,
    accept: ACCEPT = None,
) -> int:
    """Say what differs from the program, which should be nothing."""
    summary = find_drift(_opened(context, stack), Files(out))
    if issue:
        _say(issues.tell(summary, os.environ))
    return _ended(summary, accept)


@app.command(name="destroy-check")
def check_destroy(context: typer.Context, stack: STACK = "") -> int:
    """Say what a destroy would remove, and what it would keep."""
    found = destroy_check.destroy_check(_opened(context, stack))
    for line in destroy_check.lines(found):
        print(line)
    return (
        Outcome.REFUSED if found["protected"] else Outcome.CHANGE if found["removed"] else Outcome.UNCHANGED
    ).exit_code


@app.command(name="rbac")
def write_rbac(context: typer.Context, stack: STACK = "") -> int:
    """Write the accounts of a preview and of an apply as manifests, for `kubectl apply -f -`."""
    print(rbac.document(_opened(context, stack)), end="")
    return 0


def main() -> None:
    """Runs the command of this process, and ends it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot show is no reason to fail.
        with contextlib.suppress(io.UnsupportedOperation):
            cast(io.TextIOWrapper, stream).reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str], opened: Open | None = None, prog_name: str = "python -m gitops") -> int:
    """The exit code of a command. Bad input and failures are one line and a hint, never a traceback."""
    try:
        return int(app(arguments, prog_name=prog_name, obj=opened or _owners, standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except UserError as error:
        fail(error.problem, error.hint)
        return _outcome(error).exit_code
    except Exception as error:
        if isinstance(error, _UsageError):
            fail(cast(Any, error).format_message(), f"`{prog_name} --help` has the commands")
            return USAGE
        fail(
            f"This was not expected: {described(error)}",
            f"Run the command again; if it fails again, report it with {record(error)}",
        )
        return Outcome.ERROR.exit_code


def _owners(stack: str) -> StackDirectory:
    return owners_stack(Path.cwd(), stack)


def _opened(context: typer.Context, stack: str) -> StackDirectory:
    opened: Open = context.obj
    return opened(stack)


def _say(line: str) -> None:
    # At once: a log of a pipeline is no terminal.
    print(line, flush=True)


def _outcome(error: UserError) -> Outcome:
    if isinstance(error, StackLocked):
        return Outcome.LOCKED
    return Outcome.REFUSED if isinstance(error, Stale) else Outcome.ERROR


def _ended(summary: Summary, accept: list[Outcome] | None) -> int:
    """Shows the summary, and returns the exit code."""
    text = markdown(summary)
    print(text, end="")
    if shown_in := os.environ.get(_SHOWN_IN):
        with Path(shown_in).open("a") as file:
            file.write(text)
    return 0 if summary.outcome in (accept or ()) else summary.outcome.exit_code
