"""What the policy pack costs: `python -m tests.pack_cost [INSTANCES...]` previews stacks with and without it, in turn.

In a world of its own (a real API server and a real engine, as the engine tests have). Prints medians, and fails above the limit.
"""

import argparse
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sandbox.home import Home
from sandbox.world import People, World
from tests.support.engine_world import Stack, instance
from tests.support.worlds import pulumi_of

PEOPLE: Final = People("sandbox.internal", ("admin@example.com", "alice@example.com"))
# Of a preview without the pack.
LIMIT: Final = 0.10


def measured(stack: Stack, instances: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each preview without the pack, and with it. In turn, so that a busy machine slows both."""
    wanted = [instance(f"g{number}") for number in range(instances)]
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for place in (0, 1) if number % 2 else (1, 0):
            engine = stack.engine(*wanted)
            if place == 0:
                engine.policy_packs = ()
            start = time.monotonic()
            engine.preview()
            # The first of each is for caches.
            if number:
                seconds[place].append(time.monotonic() - start)
    return seconds


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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The measurement was ended."))
    try:
        world.start(PEOPLE)
        cli = pulumi_of(world)
        print("| instances | preview without | preview with | cost |\n|---|---|---|---|")
        for instances in options.instances:
            without, with_pack = (
                statistics.median(one)
                for one in measured(Stack(world, cli, f"cost-{instances}", False), instances, options.rounds)
            )
            cost = with_pack / without - 1
            above = above or cost > LIMIT
            print(f"| {instances} | {without:.2f} s | {with_pack:.2f} s | {cost:+.1%} |", flush=True)
    finally:
        world.stop(keep_data=False)
        shutil.rmtree(home.root, ignore_errors=True)
    sys.exit(f"The pack costs more than {LIMIT:.0%} of a preview." if above else 0)


if __name__ == "__main__":
    main()
