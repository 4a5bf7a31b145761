"""Settings and versions change under a gateway that is in use: data and identity stay, and the outage is known (I10)."""

import time

import pytest

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER
from components.settings import Images
from sandbox.errors import SandboxError
from sandbox.kube import Object
from sandbox.node import images
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support import quick_gateway
from tests.support.e2e_world import (
    ALICE,
    EGRESS,
    HOME,
    LAB,
    Figures,
    Gateway,
    apply,
    quick,
    wait_answer,
    watched,
    with_,
)
from tests.support.engine_world import Cluster, Stack, Values, eventually, instance, unsealed
from tests.support.faults.breakable import Breakable
from tests.support.openclaw_client import Client

REPOSITORY = Images().gateway.rpartition(":")[0]
# The release before the one that the program deploys by default.
EARLIER = f"{REPOSITORY}:2026.9.5"
# Its exit code when the data is newer than the program.
REFUSED = 78


def test_mode_name_and_key_change_and_the_device_stays_i10(
    world: World, cluster: Cluster, stack: Stack, owner: Device, figures: Figures
) -> None:
    declared = quick("moved", people=[ALICE])
    apply(cluster, stack, HOME, LAB, declared)
    moved = Gateway(world, cluster, "moved")
    moved.wait_ready()
    wait_answer(owner, f"{moved.url}/healthz")
    moved.exec("sh", "-c", "echo kept > /home/node/marker")
    number, _, addresses, machine = moved.identity()
    key, keys = unsealed(cluster, moved.namespace, "moved"), moved.auth_keys()

    def change(what: str, to: Values) -> None:
        # Not by address: Serve answers to its name only.
        with watched(owner, f"{moved.url}/healthz", "http://alices.sandbox.internal/healthz") as outage:
            stack.up(HOME, LAB, to)
            moved.wait_ready()
        figures(f"no answer of its sidecar while it was changed: {what}", f"{outage.seconds:.1f} s")
        identity = moved.identity()
        assert (identity[0], identity[2], identity[3]) == (number, addresses, machine)
        assert moved.exec("cat", "/home/node/marker") == "kept\n"

    # Its state was written by root, with mode 0600; uid 1000 must read it, and the other way round (decision 004).
    change("tun to userspace", with_(declared, tailscale={"mode": "userspace"}))
    assert moved.exec("id", "-u", container=SIDECAR_CONTAINER) == "1000\n"
    assert moved.auth_keys() == keys
    renamed = with_(declared, tailscale={"hostname": "alices"})
    change("userspace to tun, and another hostname", renamed)
    assert moved.exec("id", "-u", container=SIDECAR_CONTAINER) == "0\n"
    assert moved.identity()[1] == "alices"
    wait_answer(owner, "http://alices.sandbox.internal/healthz")
    assert owner.curl(f"{moved.url}/healthz", seconds=3).returncode == 6
    assert moved.auth_keys() == keys
    change("auth key rotated", with_(renamed, tailscale={"authKey": {"rotation": "2"}}))
    assert unsealed(cluster, moved.namespace, "moved") != key
    change("all of it back", declared)
    assert moved.identity()[1] == "openclaw-moved"
    wait_answer(owner, f"{moved.url}/healthz")


@pytest.fixture(scope="module")
def earlier(world: World) -> str:
    """The earlier release's image, in the node's containerd."""
    try:
        quick_gateway.import_image(world, images.openclaw(EARLIER, warm=False))
    except SandboxError as error:
        pytest.fail(f"{error.problem}: the upgrade is tested from {EARLIER}", pytrace=False)
    return EARLIER


def test_an_upgrade_keeps_data_and_a_refused_downgrade_loses_none_i10(
    world: World, cluster: Cluster, stack: Stack, owner: Device, earlier: str, figures: Figures
) -> None:
    """2026.9.5 to 2026.9.6, back (which the gateway refuses, because of its database's version), and forward again."""
    aged = Breakable(world, cluster, "aged")
    declared = instance("aged", storage={"retain": False}, extraEgress=[EGRESS])
    stack.up(HOME, LAB, with_(declared, gateway={"image": earlier}))
    aged.wait_ready()
    wait_answer(owner, f"{aged.url}/healthz")
    assert "2026.9.5" in aged.openclaw("--version")
    url, token = f"ws://{aged.hostname}", aged.token()
    client = Client.named(world, owner, "aged-laptop")
    client.pair(aged, url, token)
    aged.exec("sh", "-c", "echo kept > /home/node/marker")
    before = aged.identity()

    with watched(owner, f"{aged.url}/healthz") as outage:
        stack.up(HOME, LAB, declared)
        aged.wait_ready()
    figures("no answer during the upgrade 2026.9.5 to 2026.9.6", f"{outage.seconds:.1f} s")
    assert "2026.9.6" in aged.openclaw("--version")
    # Still paired: what the gateway itself keeps has come along.
    assert client.call(url, "status", token)["ok"]
    assert aged.exec("cat", "/home/node/marker") == "kept\n"
    assert aged.identity() == before

    def exit_code() -> object:
        status: Object = aged.statuses().get(GATEWAY_CONTAINER, {})
        if status.get("image") != earlier:
            return None
        states: list[Object] = [status[name].get("terminated") or {} for name in ("state", "lastState")]
        return next((state["exitCode"] for state in states if "exitCode" in state), None)

    begin = time.monotonic()
    aged.run_image(earlier)
    eventually(lambda: exit_code() == REFUSED, "the downgrade to be refused", 90)
    figures("a downgrade is refused with exit 78 after", f"{time.monotonic() - begin:.0f} s")
    # The device stays in the tailnet meanwhile, and nobody else answers in the gateway's place.
    assert aged.identity() == before
    aged.run_image(Images().gateway)
    eventually(lambda: aged.ready and exit_code() is None, "the gateway to run again", 120)
    wait_answer(owner, f"{aged.url}/healthz")
    assert client.call(url, "status", token)["ok"]
    assert aged.exec("cat", "/home/node/marker") == "kept\n"
    assert aged.asked("device.pair.list")["paired"]
