"""The Addons over the sandbox's own stack, as its owner has them: status, changes and the page."""

from collections.abc import Sequence

from addons import cli
from addons.changes.journal import Journal
from addons.stack import StackConsole
from engine.stack import Engine
from sandbox.home import Home


def run(home: Home, engine: Engine, arguments: Sequence[str]) -> int:
    """The exit code of an Addons command; none is the page."""

    def opened(name: str = "", *, stays: bool = False) -> StackConsole:
        return over(home, engine, stays=stays)

    return cli.run([*arguments] or ["serve"], opened, "python -m sandbox addons")


def over(home: Home, engine: Engine, *, stays: bool) -> StackConsole:
    """The console of one of the sandbox's stacks. What it remembers of changes goes with the sandbox."""
    return StackConsole(engine.directory(), Journal(home.run / "addons" / engine.stack), stays=stays)
