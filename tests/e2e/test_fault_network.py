"""Faults of the network around a gateway: no UDP, no relay, no control server."""

import time

from components.constants import SIDECAR_CONTAINER
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import answers, watched
from tests.support.fault_fixtures import Record
from tests.support.fault_world import UDP, Breakable, Parts, closed, dropped, reached, until

pytest_plugins = ["tests.support.fault_fixtures"]


def test_without_udp_the_relay_carries_everything(
    world: World, watched_gateway: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    gateway, url = watched_gateway, f"{watched_gateway.url}/healthz"
    reached(laptop, gateway)
    before, restarts = gateway.identity(), gateway.restarts()
    with watched(laptop, url) as outage, dropped(world, UDP):
        time.sleep(1)
        switched = reached(laptop, gateway)
        begin = time.monotonic()
        assert all(answers(laptop, url, 2) for _ in range(10))
        each = (time.monotonic() - begin) / 10
        assert 'relay "local"' in laptop.tailscale("status").stdout
        report = gateway.tailscale("netcheck")
        assert "* UDP: false" in report
        closed(nobody, gateway)
    until(lambda: reached(laptop, gateway) and "direct" in laptop.tailscale("status").stdout, "a direct path again")
    assert gateway.identity() == before
    assert gateway.restarts() == restarts
    record(
        fault="UDP blocked",
        sees="a pause, then everything works, relayed over TCP 443",
        sign='`tailscale netcheck` in the sidecar: `UDP: false`; `tailscale status` on the laptop: `relay "..."`',
        holds="same device, no restart, stranger without an answer",
        over=f"by itself: answers again after {max(switched + 1, outage.seconds):.0f} s, then {each * 1000:.0f} ms a "
        "request; direct again once UDP passes",
    )


def test_without_relay_and_udp_nobody_gets_in_until_the_relay_is_back(
    world: World, parts: Parts, watched_gateway: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    gateway, url = watched_gateway, f"{watched_gateway.url}/healthz"
    reached(laptop, gateway)
    before, restarts = gateway.identity(), gateway.restarts()
    with parts.without("derper"):
        # UDP is open: the relay is not missed.
        assert reached(laptop, gateway, 10) < 10
        with dropped(world, UDP):
            until(lambda: not answers(laptop, url, 1), "no path is left")
            report = gateway.tailscale("netcheck")
            assert "* UDP: false" in report
            assert "* Nearest DERP: unknown (no response to latency probes)" in report
            closed(nobody, gateway)
            # Not the sidecar's fault: nothing restarts it.
            assert gateway.up()
    back = reached(laptop, gateway)
    assert gateway.identity() == before
    assert gateway.restarts() == restarts
    record(
        fault="relay (DERP) down",
        sees="nothing while UDP passes; without UDP as well, no answer",
        sign="`tailscale netcheck` in the sidecar: `Nearest DERP: unknown (no response to latency probes)`",
        holds="same device, no restart, stranger without an answer",
        over=f"by itself: {back:.1f} s after relay and UDP are back",
    )


def test_traffic_goes_on_without_the_control_server_and_a_restarted_sidecar_waits_for_it(
    parts: Parts, watched_gateway: Breakable, spare: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    gateway = watched_gateway
    reached(laptop, gateway)
    before, restarts = (gateway.identity(), spare.identity()), gateway.restarts()
    with watched(laptop, f"{gateway.url}/healthz") as outage:
        with parts.without("headscale"):
            spare.replace_pod()
            # Longer than TS_BOOT_TIMEOUT, after which the sidecar gives up and is started again.
            until(lambda: spare.restarts().get(SIDECAR_CONTAINER) == 1, "the sidecar's boot times out", 90)
            assert "fetch control key" in spare.said(SIDECAR_CONTAINER)
            assert not spare.up()
            closed_without_control = not answers(nobody, f"{gateway.url}/healthz", 2)
        waited = spare.wait(seconds=120)
    assert closed_without_control
    assert outage.seconds < 3
    assert spare.restarts()[SIDECAR_CONTAINER] <= 2
    back = reached(laptop, spare)
    assert (gateway.identity(), spare.identity()) == before
    assert gateway.restarts() == restarts
    record(
        fault="control server down for a minute",
        sees="nothing; a pod that is replaced meanwhile is not ready until the control server is back",
        sign="log of the sidecar: `Received error: fetch control key: ...`",
        holds=f"traffic goes on (longest pause {outage.seconds:.1f} s), one restart a minute, same devices",
        over=f"by itself: {waited + back:.0f} s after the control server is back",
    )
