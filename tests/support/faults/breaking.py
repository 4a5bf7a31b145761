"""The hands that break things: signals, parts that are away, packets that are lost."""

import contextlib
import signal
import time
from collections.abc import Generator
from typing import Final

import httpx

from engine.processes import Process, start_time
from sandbox.node import layout, network
from sandbox.supervisor import Supervisor
from sandbox.world import World
from tests.support.engine_world import eventually

# All datagrams but DNS: no direct path, no STUN.
UDP: Final = "udp dport != 53 drop"


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """A signal to one process of our world, by its number and start time."""
    started = start_time(pid)
    assert started is not None, f"there is no process {pid}"
    Process(pid, started).signal(number)


class Parts:
    """The supervised parts: stopped and started through process-compose, killed by their number."""

    def __init__(self, world: World) -> None:
        self._supervisor = Supervisor(world.home)

    def pid(self, name: str) -> int:
        return self._supervisor.states()[name].pid

    def well(self, name: str) -> bool:
        state = self._supervisor.states().get(name)
        return state is not None and state.running and state.ready

    def names(self) -> list[str]:
        return list(self._supervisor.states())

    def restarts(self) -> dict[str, int]:
        """Restarts of each part, as `make status` shows them."""
        return {name: state.restarts for name, state in self._supervisor.states().items()}

    @contextlib.contextmanager
    def without(self, name: str) -> Generator[None]:
        """Nobody starts the part again until the block ends."""
        self._ask("PATCH", f"/process/stop/{name}")
        eventually(lambda: not self._supervisor.states()[name].running, f"{name} stops")
        try:
            yield
        finally:
            self._ask("POST", f"/process/start/{name}")
            # process-compose gives up a part whose probe failed while what it needs was away; `make up` starts it again, too.
            for other, state in self._supervisor.states().items():
                if other != name and not state.running:
                    self._ask("POST", f"/process/start/{other}")
            eventually(lambda: all(map(self.well, self.names())), f"all parts are well after {name}")

    def kill(self, name: str) -> float:
        """SIGKILL; seconds until the supervisor has a well one again."""
        before, begin = self.pid(name), time.monotonic()
        kill(before)
        eventually(lambda: self.pid(name) not in (0, before) and self.well(name), f"{name} is back")
        return time.monotonic() - begin

    def _ask(self, method: str, path: str) -> None:
        transport = httpx.HTTPTransport(uds=str(self._supervisor.socket))
        with httpx.Client(transport=transport, base_url="http://process-compose", timeout=15) as client:
            client.request(method, path).raise_for_status()


@contextlib.contextmanager
def dropped(world: World, *rules: str) -> Generator[None]:
    """Silently lose packets of pods and devices: a table of its own, on our bridges only."""
    node = layout.of(world.home)
    table, inside = f"{node.table}f", f'{{ "{node.pod_bridge}", "{node.client_bridge}" }}'
    lines = "\n".join(f"iifname {inside} {rule}" for rule in rules)
    chains = "\n".join(
        f"chain {hook} {{ type filter hook {hook} priority -20; policy accept;\n{lines}\n}}"
        for hook in ("forward", "input")
    )
    network.run(["nft", "-f", "-"], f"table inet {table} {{\n{chains}\n}}\n")
    try:
        yield
    finally:
        network.run(["nft", "delete", "table", "inet", table])
