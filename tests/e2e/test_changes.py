"""Settings and versions change under a gateway that is in use: data and identity stay, and the outage is known (I10)."""

import time

import pytest

from components.constants import ANNOTATION_IMAGE, GATEWAY_CONTAINER, SIDECAR_CONTAINER
from components.settings import Images
from sandbox.errors import SandboxError
from sandbox.kube import Object
from sandbox.node import images, layout, runtime
from sandbox.node.devices import Device
from sandbox.world import World
from tests.support.e2e_world import EGRESS, HOME, LAB, Figures, Gateway, wait_answer, watched, with_
from tests.support.engine_world import Cluster, Stack, Values, eventually, instance, unsealed
from tests.support.openclaw_client import Client

REPOSITORY = Images().gateway.rpartition(":")[0]
# The release before the one that the program deploys by default.
EARLIER = f"{REPOSITORY}:2026.9.5"
# Its exit code when the data is newer than the program.
REFUSED = 78


def test_mode_name_and_key_change_and_the_device_stays_i10(
    home: Gateway, owner: Device, stack: Stack, cluster: Cluster, figures: Figures
) -> None:
    wait_answer(owner, f"{home.url}/healthz")
    home.exec("sh", "-c", "echo kept > /home/node/marker")
    number, _, addresses, machine = home.identity()
    key, keys = unsealed(cluster, home.namespace, "home"), home.auth_keys()

    def change(what: str, to: Values) -> None:
        # Not by address: Serve answers to its name only.
        with watched(owner, f"{home.url}/healthz", "http://alices.sandbox.internal/healthz") as outage:
            stack.up(to, LAB)
            home.wait_ready()
        figures(f"no answer while it was changed: {what}", f"{outage.seconds:.1f} s")
        identity = home.identity()
        assert (identity[0], identity[2], identity[3]) == (number, addresses, machine)
        assert home.exec("cat", "/home/node/marker") == "kept\n"

    # Its state was written by root, with mode 0600; uid 1000 must read it, and the other way round (decision 004).
    change("tun to userspace", with_(HOME, tailscale={"mode": "userspace"}))
    assert home.exec("id", "-u", container=SIDECAR_CONTAINER) == "1000\n"
    assert home.auth_keys() == keys
    renamed = with_(HOME, tailscale={"hostname": "alices"})
    change("userspace to tun, and another hostname", renamed)
    assert home.exec("id", "-u", container=SIDECAR_CONTAINER) == "0\n"
    assert home.identity()[1] == "alices"
    wait_answer(owner, "http://alices.sandbox.internal/healthz")
    assert owner.curl(f"{home.url}/healthz", seconds=3).returncode == 6
    assert home.auth_keys() == keys
    change("auth key rotated", with_(renamed, tailscale={"authKey": {"rotation": "2"}}))
    assert unsealed(cluster, home.namespace, "home") != key
    change("all of it back", HOME)
    assert home.identity()[1] == "openclaw-home"
    wait_answer(owner, f"{home.url}/healthz")


@pytest.fixture(scope="module")
def earlier(world: World) -> str:
    """The earlier release's image, in the node's containerd."""
    try:
        built, store = images.ensure(world.home, [images.openclaw(EARLIER)], lambda _: None)
    except SandboxError as error:
        pytest.fail(f"{error.problem}: the upgrade is tested from {EARLIER}", pytrace=False)
    runtime.import_all(layout.of(world.home), built, store, lambda _: None)
    return EARLIER


def test_an_upgrade_keeps_data_and_a_refused_downgrade_loses_none_i10(
    world: World, cluster: Cluster, stack: Stack, owner: Device, earlier: str, figures: Figures
) -> None:
    """2026.9.5 to 2026.9.6, back (which the gateway refuses, because of its database's version), and forward again."""
    aged = Gateway(world, cluster, "aged")
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

    def edit(image: str) -> None:
        # By hand: `up` would wait for a pod that never becomes ready.
        workload = f"/apis/apps/v1/namespaces/{aged.namespace}/deployments/openclaw"
        change = {"name": GATEWAY_CONTAINER, "image": image}
        # In both places: the guard holds a pod to what its annotation says.
        said = {"annotations": {f"{ANNOTATION_IMAGE}{GATEWAY_CONTAINER}": image}}
        cluster.strategic(workload, {"spec": {"template": {"metadata": said, "spec": {"containers": [change]}}}})

    def exit_code() -> object:
        status: Object = aged.statuses().get(GATEWAY_CONTAINER, {})
        if status.get("image") != earlier:
            return None
        states: list[Object] = [status[name].get("terminated") or {} for name in ("state", "lastState")]
        return next((state["exitCode"] for state in states if "exitCode" in state), None)

    begin = time.monotonic()
    edit(earlier)
    eventually(lambda: exit_code() == REFUSED, "the downgrade to be refused", 90)
    figures("a downgrade is refused with exit 78 after", f"{time.monotonic() - begin:.0f} s")
    # The device stays in the tailnet meanwhile, and nobody else answers in the gateway's place.
    assert aged.identity() == before
    edit(Images().gateway)
    eventually(lambda: aged.ready and exit_code() is None, "the gateway to run again", 120)
    wait_answer(owner, f"{aged.url}/healthz")
    assert client.call(url, "status", token)["ok"]
    assert aged.exec("cat", "/home/node/marker") == "kept\n"
    assert aged.asked("device.pair.list")["paired"]
