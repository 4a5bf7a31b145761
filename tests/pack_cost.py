"""What the policy pack costs: `python -m tests.pack_cost [INSTANCES...]` previews stacks with and without it, in turn.

In a world of its own (a real API server and a real engine, as the engine tests have). Prints medians of the time that passed, and
of the processors' time that engine, program and pack took: the latter says something on a busy machine too. Fails above the limit.
"""

import argparse
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from sandbox.home import Home
from sandbox.world import People, World
from tests.support.engine_world import Stack, instance
from tests.support.worlds import pulumi_of

PEOPLE: Final = People("sandbox.internal", ("admin@example.com", "alice@example.com"))
# Of a preview without the pack.
LIMIT: Final = 0.10


@dataclass(frozen=True)
class Took:
    """One preview: seconds that passed, and seconds of processors."""

    passed: float
    worked: float


def measured(stack: Stack, instances: int, rounds: int) -> tuple[list[Took], list[Took]]:
    """Each preview without the pack, and with it. In turn, so that a busy machine slows both."""
    wanted = [instance(f"g{number}") for number in range(instances)]
    took: tuple[list[Took], list[Took]] = ([], [])
    for number in range(rounds + 1):
        for place in (0, 1) if number % 2 else (1, 0):
            engine = stack.engine(*wanted)
            if place == 0:
                engine.policy_packs = ()
            start, worked = time.monotonic(), _worked()
            engine.preview()
            # The first of each is for caches.
            if number:
                took[place].append(Took(time.monotonic() - start, _worked() - worked))
    return took


def _worked() -> float:
    """Seconds of processors that this process and all that it has started took, once they have ended."""
    of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in of)


def _ended(*_: object) -> NoReturn:
    sys.exit("The measurement was ended.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and exit: 1 when the pack costs more than the limit."""
    parser = argparse.ArgumentParser(
        "python -m tests.pack_cost", description="Previews with and without the policy pack."
    )
    parser.add_argument("instances", nargs="*", type=int, default=[10, 100], help="how many, for each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="previews of each sort (default 5)")
    options = parser.parse_args(arguments)
    usual = Home.from_env()
    home = Home(Path(tempfile.mkdtemp(prefix="pack-cost-", dir="/tmp")), usual.bin.resolve())
    if usual.go.is_dir():
        home.go.symlink_to(usual.go)
    world = World(home, real=False)
    above = False
    # So that the world is taken down.
    signal.signal(signal.SIGTERM, _ended)
    try:
        world.start(PEOPLE)
        cli = pulumi_of(world)
        print(
            "| instances | preview without | with | cost | processors without | with | cost |\n|---|---|---|---|---|---|---|"
        )
        for instances in options.instances:
            without, with_pack = measured(Stack(world, cli, f"cost-{instances}", False), instances, options.rounds)
            cells = [f"{instances}"]
            for part in ("passed", "worked"):
                before, after = (statistics.median(getattr(one, part) for one in each) for each in (without, with_pack))
                cells += [f"{before:.2f} s", f"{after:.2f} s", f"{after / before - 1:+.1%}"]
                above = above or (part == "passed" and after / before - 1 > LIMIT)
            print(f"| {' | '.join(cells)} |", flush=True)
    finally:
        world.stop(keep_data=False)
        shutil.rmtree(home.root, ignore_errors=True)
    sys.exit(f"The pack costs more than {LIMIT:.0%} of a preview." if above else 0)


if __name__ == "__main__":
    main()
