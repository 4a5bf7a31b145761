"""Where faults happen: two instances, what is under them, and two devices that look. With what must be the same afterwards."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property

from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import Outage, answers, watched
from tests.support.engine_world import Cluster, Stack, eventually
from tests.support.faults.breakable import Breakable
from tests.support.faults.breaking import Parts

Identity = tuple[str, str, tuple[str, ...], str]
# The served port of reach `http`, the gateway's own, and that of the sidecar's health and metrics.
PORTS = (80, 18789, 9002)


@dataclass(frozen=True)
class Before:
    """How it was before the fault: devices, pods with restarts of their containers, restarts of the parts."""

    devices: Mapping[str, Identity]
    pods: Mapping[str, tuple[str, Mapping[str, int]]]
    parts: Mapping[str, int]


@dataclass
class Scene:
    """`home` runs the real gateway; that of `spare` only answers its probes, all else of it is as declared."""

    world: World
    cluster: Cluster
    stack: Stack
    home: Breakable
    spare: Breakable
    # Alice's: listed at both instances.
    laptop: Device
    # Mallory's: in the tailnet, listed nowhere.
    nobody: Device
    # What was measured, for the words of the table.
    notes: dict[str, str] = field(default_factory=dict[str, str])
    # When the fault began, as time.monotonic() counts; 0.0 before.
    broken_at: float = 0.0
    _before: Before | None = None

    @cached_property
    def parts(self) -> Parts:
        return Parts(self.world)

    @property
    def instances(self) -> tuple[Breakable, Breakable]:
        return self.home, self.spare

    def instance(self, name: str) -> Breakable:
        return {one.id: one for one in self.instances}[name]

    @property
    def before(self) -> Before:
        assert self._before is not None, "nothing was remembered"
        return self._before

    def remember(self) -> None:
        self._before = Before(
            {one.id: one.identity() for one in self.instances},
            {one.id: (one.uid(), one.restarts()) for one in self.instances},
            self.parts.restarts(),
        )

    def answers(self, gateway: Breakable, seconds: int = 2) -> bool:
        """True when it answers the owner."""
        return answers(self.laptop, f"{gateway.url}/healthz", seconds)

    def reached(self, gateway: Breakable, seconds: float = 60.0) -> None:
        """Returns when it answers the owner."""
        eventually(lambda: self.answers(gateway), f"{gateway.url} answers {self.laptop.name}", seconds)

    def well(self, seconds: float) -> None:
        """Returns when all containers of both are ready, and the owner reaches them."""
        for one in self.instances:
            one.wait_ready(seconds)
            self.reached(one, seconds)

    def watch(self, name: str) -> AbstractContextManager[Outage]:
        return watched(self.laptop, f"{self.instance(name).url}/healthz")

    def closed(self) -> None:
        """Nobody but the listed gets an answer: not by name, not by address, whatever else is broken."""
        targets = [(host, port) for one in self.instances for host in self._hosts(one) for port in PORTS]
        # At once: what gets no answer takes its whole second.
        with ThreadPoolExecutor(len(targets)) as pool:
            urls = [f"http://{host}:{port}/healthz" for host, port in targets]
            reached = [url for url, open_ in zip(urls, pool.map(self._strange, urls), strict=True) if open_]
        assert not reached, f"{self.nobody.name} reached {reached}"

    def _strange(self, url: str) -> bool:
        return answers(self.nobody, url, 1)

    def _hosts(self, gateway: Breakable) -> set[str]:
        """Its name, and the addresses of its devices: those of before, and of any that joined meanwhile."""
        hosts = {gateway.hostname, *(self._before.devices[gateway.id][2] if self._before else ())}
        if self.parts.well("headscale"):
            hosts |= {address for device in gateway.devices() for address in device.ip_addresses}
        return {f"[{host}]" if ":" in host else host for host in hosts}

    def same_devices(self, but: str = "") -> None:
        """Numbers, names, addresses and keys are those of before; of `but` only the name is."""
        for one in self.instances:
            now, before = one.identity(), self.before.devices[one.id]
            if one.id != but:
                assert now == before, f"{one.id} is another device"
            else:
                assert now[1] == before[1], f"{one.id} has another name"
                assert now[0] != before[0]
                assert now[2] != before[2], f"{one.id} has the address of the device that is no more"

    def restarted(self) -> dict[str, dict[str, int]]:
        """Restarts of each container since the fault began, by instance: those of a new pod are all since then."""
        found: dict[str, dict[str, int]] = {}
        for one in self.instances:
            uid, restarts = self.before.pods[one.id]
            same = one.uid() == uid
            found[one.id] = {
                name: count - (restarts.get(name, 0) if same else 0) for name, count in one.restarts().items()
            }
        return found
