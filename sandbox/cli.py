"""The command line: `up`, `down`, `status`, `logs`, `tools`, `join`, `demo`, `addons`."""

import signal
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from components.outputs import InstanceOutput
from components.unexpected import described, record
from engine.errors import UserError
from sandbox import environment
from sandbox.errors import SandboxError
from sandbox.home import Home, exclusive
from sandbox.processes import belongs

# What the first `pulumi up` takes, for the estimate; most of it is the start of two gateways.
_GATEWAYS_SECONDS = 30.0
# A shell's exit status for a command that Ctrl-C ended.
INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A one-machine world in which the real program runs.",
)
console = Console(highlight=False)


def main() -> None:
    """Bad input and failures end in one line, never in a traceback."""
    # Ended by whatever started us, we end what we started as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        environment.prepare()
        app()
    except UserError as error:
        _say(error.problem, error.hint)
        sys.exit(1)
    except Exception as error:
        _say(*explained(error))
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as ended:
        # typer makes a SystemExit of a Ctrl-C.
        if isinstance(ended, SystemExit) and ended.code != INTERRUPTED:
            raise
        console.print("[bold red]stopped.[/] `up` continues from here.")
        sys.exit(INTERRUPTED)


def explained(error: Exception) -> tuple[str, str]:
    """Describes an exception that nobody expected, and the next step; its details go to a file."""
    try:
        logs = Home.from_env().logs
    except Exception:  # it may be the one that failed
        logs = None
    log = record(error, logs)
    said = " ".join(str(error).split())[:300]
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", f"Fix that, then run the command again. Details: {log}"
    return (
        f"{described(error)}{f': {said}' if said else ''}",
        f"This error was not expected. Run the command again; if it fails again, report it with {log}",
    )


def _say(problem: str, hint: str) -> None:
    console.print(Text.assemble(("error: ", "bold red"), problem), soft_wrap=True)
    if hint:
        console.print(f"  {hint}", markup=False, soft_wrap=True)


class Stages:
    """Shows one line for each stage that ended, and beneath them what is going on."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.status = console.status("looking") if console.is_terminal else None
        self._said = ""

    @contextmanager
    def shown(self) -> Generator[None]:
        if self.status is None:
            yield
        else:
            with self.status:
                yield

    def doing(self, message: str, left: float = 0.0) -> None:
        """Something long is under way; `left` is the estimate of what remains, in seconds."""
        rest = f", about {_duration(left)} left" if left > 0 else ""
        if self.status is not None:
            self.status.update(f"{message}{rest}")
        elif message != self._said:
            self._said = message
            console.print(f"  {message}{rest}", soft_wrap=True)

    def done(self, stage: str, what: str, seconds: float) -> None:
        console.print(f"  [green]✓[/] {stage:<24}{what:<34}{seconds:7.1f} s")

    def total(self) -> float:
        return time.monotonic() - self.begin


@app.command()
def up() -> None:
    """Bring the world up and apply the stack `sandbox`; again, only what is missing or changed."""
    from sandbox import kubectl, pulumi_tools, world

    home = Home.from_env()
    stages = Stages()
    with exclusive(home, "sandbox up"), stages.shown():
        here, kind = world.World.chosen(home)
        console.print(f"  {kind}", style="dim", soft_wrap=True)
        home.create()
        plugins, cli = pulumi_tools.choose(home, pulumi_tools.choice(), stages.doing)
        console.print(f"  {plugins.description}", style="dim", soft_wrap=True)
        own_cli = ["pulumi"] if cli == pulumi_tools.own_cli(home) else []
        here.start(report=stages.done, progress=stages.doing, extra_tools=[*own_cli, *kubectl.needed()])
        begin = time.monotonic()
        engine = here.engine(cli)
        if console.is_terminal:
            engine.on_change = lambda urn: stages.doing(f"pulumi up: {urn.rpartition('::')[2]}", _GATEWAYS_SECONDS)
        stages.doing("pulumi up", _GATEWAYS_SECONDS)
        engine.end_orphaned_update(lambda pid: belongs(pid, home.world_id()))
        result = engine.up()
        stages.done("pulumi up", summary(result.changes), time.monotonic() - begin)
    show_instances(home, result.outputs.get("instances", {}))
    if here.real:
        console.print("  See two devices use it: make demo. Join one: python -m sandbox join NAME PERSON")
    console.print(f"  export KUBECONFIG={home.kubeconfig} PATH={home.bin}:$PATH", soft_wrap=True)
    console.print(f"Up in [bold]{stages.total():.1f} s[/].")


@app.command()
def down(purge: Annotated[bool, typer.Option(help="Remove the built tools as well.")] = False) -> None:
    """Stop and remove everything; the built tools stay."""
    from sandbox import world

    home = Home.from_env()
    begin = time.monotonic()
    with exclusive(home, "sandbox down"):
        world.World(home).stop(purge=purge)
    console.print(f"Down in [bold]{time.monotonic() - begin:.1f} s[/].")


@app.command()
def status() -> None:
    """Show each part's state, and the instances."""
    from sandbox import world

    home = Home.from_env()
    here = world.World(home)
    states = here.states()
    table = Table("part", "state", "pid", "restarts")
    for name, state in states.items():
        word = "[green]ready[/]" if state.ready else f"[yellow]{state.detail}, not ready[/]"
        table.add_row(
            name, word if state.running else f"[red]{state.detail}[/]", str(state.pid or ""), str(state.restarts)
        )
    console.print(table)
    if not any(state.running for state in states.values()):
        console.print("Nothing is running. Start it with `python -m sandbox up`.")
        raise typer.Exit(3)
    show_instances(home, here.instances())


@app.command()
def logs(
    part: Annotated[str | None, typer.Argument(help="A name that `status` lists, or pulumi-<stack>.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Number of lines from the end.")] = 50,
) -> None:
    """Print the end of a part's log; without a name, list the logs."""
    from sandbox import world

    paths = world.World(Home.from_env()).logs()
    if part is None:
        for name, path in sorted(paths.items()):
            console.print(f"{name:<26}{path}", soft_wrap=True)
        return
    if part not in paths:
        raise SandboxError(f"there is no log of {part}", f"Known: {', '.join(sorted(paths)) or 'none'}")
    for line in paths[part].read_text(errors="replace").splitlines()[-lines:]:
        console.print(line, markup=False, soft_wrap=True)


@app.command()
def tools(
    names: Annotated[list[str] | None, typer.Argument(help="Tools to build; without a name, all.")] = None,
) -> None:
    """Build tools into the cache; without a name also the images, where pods can run."""
    from sandbox import builds, needs, world
    from sandbox import tools as toolchain
    from sandbox.node import images

    home = Home.from_env()
    stages = Stages()
    with stages.shown():
        wanted = names or [*toolchain.TOOLS]
        real = not names and world.World.chosen(home)[0].real
        if not set(wanted) - toolchain.TOOLS.keys():
            needs.ensure(home, real, wanted, stages.doing)
        seconds = builds.ensure(home, wanted, stages.doing, images=real and images.missing(home))
    stages.done("tools and images" if real else "tools", "built" if seconds else "cached", seconds)


@app.command()
def join(
    name: Annotated[str, typer.Argument(help="Name of the device in the tailnet.")],
    person: Annotated[str, typer.Argument(help="Person who owns it, such as alice@example.com.")],
) -> None:
    """Join a client device to the tailnet, in a network namespace of its own."""
    from sandbox import demo

    device = demo.join(Home.from_env(), name, person)
    console.print(f"{name} is in the tailnet as {', '.join(device.status()['TailscaleIPs'])}. Run something in it:")
    console.print(f"  {' '.join(device.command('bash'))}", markup=False, soft_wrap=True)


@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
def addons(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="As of `python -m addons`; without any, the page.")
    ] = None,
) -> None:
    """Show the gateways' status, change them, or serve the page of both."""
    from sandbox import console as over
    from sandbox import pulumi_tools, world

    home = Home.from_env()
    here = world.World.chosen(home)[0]
    if not here.instances():
        raise SandboxError("no gateway is declared", "Run `make up` first")
    stages = Stages()
    with stages.shown():
        cli = pulumi_tools.choose(home, pulumi_tools.choice(), stages.doing)[1]
    raise typer.Exit(over.run(home, here.engine(cli), arguments or []))


@app.command(name="demo")
def show() -> None:
    """Show an agent that answers its owner through the tailnet and works on her machine, and a stranger who gets nothing."""
    from sandbox import demo, pulumi_tools, world

    home = Home.from_env()
    here = world.World(home, real=True)
    people = world.people_of(world.STACK_FILE).owners
    instances = here.instances()
    if not instances:
        raise SandboxError("no gateway is declared", "Run `make up` first")
    stages = Stages()
    instance, person = next(iter(people.items()))

    def user_data() -> str:
        cli = pulumi_tools.choose(home, pulumi_tools.choice(), stages.doing)[1]
        return str(here.engine(cli).outputs()["join"][demo.NODE])

    console.print(
        f"  {instance} is the gateway of {person}; {demo.STRANGER} is in the tailnet too.", style="dim", soft_wrap=True
    )
    failed = 0
    with stages.shown():
        token = here.token(instance)
        for step in demo.Demo(home, instance, instances[instance], token, person, user_data, stages.doing).steps():
            failed += not step.holds
            _show_step(step.who, step.what, step.seen, step.seconds, step.holds)
    if failed:
        raise SandboxError(f"{failed} of these came out wrong", "`python -m sandbox logs` lists the logs")
    console.print(f"Shown in [bold]{stages.total():.1f} s[/].")


def _show_step(who: str, what: str, seen: str, seconds: float, holds: bool) -> None:
    mark = ("  ✓ ", "green") if holds else ("  ✗ ", "red")
    line = Text.assemble(mark, (f"{who:<16}", "bold"), f"{what:<34}", (f"{' '.join(seen.split()):<24}", "cyan"))
    console.print(line.append(f"{seconds:6.1f} s", "dim"), soft_wrap=True)


def summary(changes: dict[str, int]) -> str:
    """`12 create, 3 same`; `no changes` where nothing but `same` and `read` happened."""
    acted = {kind: count for kind, count in changes.items() if count and kind not in ("same", "read")}
    return ", ".join(f"{count} {kind}" for kind, count in sorted(acted.items())) or "no changes"


def show_instances(home: Home, instances: Mapping[str, InstanceOutput]) -> None:
    """The table of gateways: where each is, whether its pod is ready, how to read its token."""
    from sandbox.world import pods_ready

    if not instances:
        console.print("No instance is declared.")
        return
    ready = pods_ready(home, [instance["namespace"] for instance in instances.values()])
    table = Table("instance", Column("address", overflow="fold"), "hostname", "namespace", "pod")
    for name, instance in sorted(instances.items()):
        state = ready.get(str(instance["namespace"]), "none")
        color = "green" if state == "Ready" else "yellow"
        table.add_row(
            name,
            instance["address"],
            instance["hostname"],
            str(instance["namespace"]),
            f"[{color}]{state}[/]",
        )
    console.print(table)
    for name, instance in sorted(instances.items()):
        console.print(f"  token of {name}: {instance['tokenCommand']}", markup=False, soft_wrap=True, style="dim")


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
