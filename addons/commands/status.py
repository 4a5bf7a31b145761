"""`status`, `doctor` and `open`: they change nothing."""

import webbrowser
from typing import Annotated

import typer
from rich.console import Console as Screen
from rich.console import RenderableType
from rich.live import Live

from addons.commands.invocation import ANY_ID, chosen, console, names, screen
from addons.console import Console
from addons.errors import AddonsError
from addons.status.doctor import diagnose
from addons.status.model import Health, Report
from addons.status.terminal import Terminal


def status(
    context: typer.Context,
    instance: ANY_ID = "",
    as_json: Annotated[bool, typer.Option("--json", help="As the API has it.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show what changes.")] = False,
) -> None:
    """Say how the gateways are. Exit code: 0 healthy, 1 degraded, 2 down, 3 unknown."""
    where = screen()
    if watch and (as_json or not where.is_terminal):
        raise typer.BadParameter("--watch is for a terminal, and not with --json")
    source = console(context, stays=watch)
    report = chosen(source.report(), instance)
    if watch:
        report = _watched(source, where, report, instance)
    elif as_json:
        one = report.instances[0] if instance else report
        print(one.model_dump_json(indent=2, ensure_ascii=True))
    else:
        where.print(_shown(where, report, instance))
    raise typer.Exit(report.health.exit_code)


def doctor(context: typer.Context, instance: ANY_ID = "") -> None:
    """Look for the cause of trouble, step by step, and stop at the first one. Exit code: as of status."""
    source, where = console(context), screen()
    for one in chosen(source.report(), instance).instances:
        source.refresh(one.id)
    found = [diagnose(one) for one in chosen(source.report(), instance).instances]
    for diagnosis in found:
        where.print(Terminal.of(where).diagnosis(diagnosis))
    worst = max((one.cause.health for one in found if one.cause), key=lambda one: one.rank, default=Health.HEALTHY)
    raise typer.Exit(worst.exit_code)


def open_page(context: typer.Context, instance: ANY_ID = "") -> None:
    """Open a gateway's page in the browser of this machine."""
    report = console(context).report()
    if not instance and len(report.instances) != 1:
        raise typer.BadParameter(f"say which one. {names(report)}")
    one = chosen(report, instance).instances[0]
    if not one.opens:
        raise AddonsError(f"{one.id} has no address: {one.headline}", one.hint)
    print(one.opens)
    if one.opens.startswith("http") and not webbrowser.open(one.opens):
        raise AddonsError("No browser could be started here", "Open the address above on a device of the tailnet")


def _watched(source: Console, where: Screen, report: Report, instance: str) -> Report:
    """Until Ctrl-C; ages grow each second, everything else when it changes."""
    version = 0
    try:
        with Live(_shown(where, report, instance), console=where, auto_refresh=False) as live:
            while True:
                version = source.wait(version, 1.0)
                report = chosen(source.report(), instance)
                live.update(_shown(where, report, instance), refresh=True)
    except KeyboardInterrupt:
        return report


def _shown(where: Screen, report: Report, instance: str) -> RenderableType:
    terminal = Terminal.of(where)
    return terminal.detail(report.instances[0]) if instance else terminal.overview(report)
