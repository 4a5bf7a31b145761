"""Faults of the network around a gateway: no UDP, no relay, no control server."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from components.constants import SIDECAR_CONTAINER
from tests.support.engine_world import eventually
from tests.support.faults.breaking import UDP, dropped
from tests.support.faults.fault import Fault
from tests.support.faults.scene import Scene
from tests.support.faults.signs import laptop_status, log, netcheck


@contextmanager
def without_udp(scene: Scene) -> Generator[None]:
    with dropped(scene.world, UDP):
        time.sleep(1)
        yield

    def direct() -> bool:
        return scene.answers(scene.home) and "direct" in scene.laptop.tailscale("status").stdout

    eventually(direct, "a direct path again")


def requests_by_relay(scene: Scene) -> None:
    assert 'relay "local"' in scene.laptop.tailscale("status").stdout
    begin = time.monotonic()
    assert all(scene.answers(scene.home) for _ in range(10))
    scene.notes["each"] = f"{(time.monotonic() - begin) * 100:.0f}"


@contextmanager
def without_relay_and_udp(scene: Scene) -> Generator[None]:
    with scene.parts.without("derper"):
        # UDP is open: the relay is not missed.
        scene.reached(scene.home, 10)
        with dropped(scene.world, UDP):
            yield


def sidecar_is_left_alone(scene: Scene) -> None:
    """It is not the sidecar's fault."""
    assert scene.home.up()


@contextmanager
def without_control_server(scene: Scene) -> Generator[None]:
    with scene.parts.without("headscale"):
        scene.spare.replace_pod()
        # Longer than TS_BOOT_TIMEOUT, after which the sidecar gives up and is started again.
        eventually(lambda: scene.spare.restarts().get(SIDECAR_CONTAINER) == 1, "the sidecar's boot times out", 90)
        yield


def spare_waits(scene: Scene) -> None:
    assert not scene.spare.up()


FAULTS: Final = (
    Fault(
        name="UDP blocked",
        breaks="home",
        inject=without_udp,
        answers=True,
        watched="home",
        pause=60,
        during=requests_by_relay,
        sees="a pause, then everything works, relayed over TCP 443",
        signs=[netcheck("UDP: false"), laptop_status('relay "..."')],
        over="by itself: answers again after {pause} s, then {each} ms a request; direct again once UDP passes",
    ),
    Fault(
        name="relay (DERP) down",
        breaks="home",
        inject=without_relay_and_udp,
        answers=False,
        during=sidecar_is_left_alone,
        sees="nothing while UDP passes; without UDP as well, no answer",
        signs=[netcheck("UDP: false"), netcheck("Nearest DERP: unknown (no response to latency probes)")],
        over="by itself: {back} s after relay and UDP are back",
    ),
    Fault(
        name="control server down for a minute",
        breaks="spare",
        inject=without_control_server,
        answers=False,
        watched="home",
        during=spare_waits,
        restarts={SIDECAR_CONTAINER: 2},
        sees="nothing; a pod that is replaced meanwhile is not ready until the control server is back",
        signs=[log(SIDECAR_CONTAINER, "Received error: fetch control key: ...")],
        holds="traffic goes on (longest pause {pause} s), one restart a minute",
        over="by itself: {back} s after the control server is back",
    ),
)
