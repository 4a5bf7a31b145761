"""Faults of keys and of the device's name: expired, lost, corrupted, foreign, taken."""

import base64
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from components.constants import SIDECAR_CONTAINER, UNSEAL_CONTAINER
from sandbox.tailnet import headscale
from tests.support.e2e_world import HOME, MALLORY, wait_answer
from tests.support.engine_world import eventually, steps
from tests.support.faults.breakable import SPARE, Breakable
from tests.support.faults.fault import Fault, seconds
from tests.support.faults.scene import Scene
from tests.support.faults.signs import Sign, event, log

SEALED = "authkey.jwe"


def pulumi_up_refresh(scene: Scene) -> None:
    """The one command that many signs name."""
    began = time.monotonic()
    scene.stack.refresh(HOME, SPARE)
    scene.stack.up(HOME, SPARE)
    scene.spare.wait(seconds=120)
    scene.notes["mended"] = seconds(time.monotonic() - began)


def not_started(scene: Scene) -> None:
    assert not scene.spare.up(), "the sidecar of spare runs"


# -- the name


@contextmanager
def name_wanted(scene: Scene) -> Generator[None]:
    name = f"openclaw-{scene.spare.id}"
    with headscale.connected(scene.world.home.tailnet) as control:
        user = next(user for user in control.users() if user.login == MALLORY)
        other = control.register_offline_node(user.name, name)
    try:
        assert other.given_name != name
        scene.spare.replace_pod()
        scene.spare.wait()
        yield
        scene.same_devices()
    finally:
        with headscale.connected(scene.world.home.tailnet) as control:
            control.delete_node(other.id)


def two_of_one_hostname(scene: Scene, gateway: Breakable) -> bool:
    with headscale.connected(scene.world.home.tailnet) as control:
        return [node.name for node in control.nodes()].count(f"openclaw-{gateway.id}") == 2


# -- the auth key, and the device that it made


def expire_key(scene: Scene) -> None:
    """As an administrator revokes it, or time does."""
    with headscale.connected(scene.world.home.tailnet) as control:
        for key in control.auth_keys():
            if f"tag:openclaw-{scene.spare.id}" in key.acl_tags:
                control.expire_auth_key(key.id)


def forget(spare: Breakable) -> None:
    """The tailnet volume is empty, as a new one is. While no pod is there."""
    for entry in spare.volume("tailnet-state").iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def joined_again(scene: Scene) -> None:
    """The new device of a lost one gets the old one's name, once that is removed."""
    old = scene.before.devices[scene.spare.id][0]
    new = next(node for node in scene.spare.devices() if node.id != old)
    scene.closed()
    assert not scene.answers(scene.spare), "the address still belongs to the device that is no more"
    with headscale.connected(scene.world.home.tailnet) as control:
        control.delete_node(old)
        control.rename_node(new.id, f"openclaw-{scene.spare.id}")
    back = wait_answer(scene.laptop, f"{scene.spare.url}/healthz", 90)
    scene.notes |= {"name": new.given_name, "renamed": seconds(back)}


@contextmanager
def key_expired(scene: Scene) -> Generator[None]:
    expire_key(scene)
    scene.spare.replace_pod()
    scene.spare.wait()
    yield
    scene.same_devices()
    pulumi_up_refresh(scene)


def key_is_replaced(scene: Scene, gateway: Breakable) -> bool:
    scene.stack.refresh(HOME, SPARE)
    return f"{gateway.id}-authkey" in steps(scene.stack.preview(HOME, SPARE))


@contextmanager
def key_and_state_lost(scene: Scene) -> Generator[None]:
    expire_key(scene)
    with scene.spare.absent():
        forget(scene.spare)
    yield
    pulumi_up_refresh(scene)
    joined_again(scene)


def no_device_appears(scene: Scene) -> None:
    assert [node.id for node in scene.spare.devices()] == [scene.before.devices[scene.spare.id][0]]


@contextmanager
def state_lost(scene: Scene) -> Generator[None]:
    kept = scene.spare.volume("gateway-home") / "fault-test"
    kept.write_text("kept")
    with scene.spare.absent():
        forget(scene.spare)
    scene.notes["joined"] = seconds(scene.spare.wait())
    yield
    joined_again(scene)
    assert kept.read_text() == "kept"


def new_device(scene: Scene, gateway: Breakable) -> str:
    old = scene.before.devices[gateway.id][0]
    return next((node.given_name for node in gateway.devices() if node.id != old), "")


# -- the sealed key and its key-encryption key


@contextmanager
def sealed_key_corrupted(scene: Scene) -> Generator[None]:
    good = scene.spare.secret("tailnet-authkey")
    parts = base64.b64decode(good["data"][SEALED]).decode().split(".")
    parts[3] = ("B" if parts[3][0] == "A" else "A") + parts[3][1:]
    with scene.spare.absent():
        scene.spare.put_secret(good, **{SEALED: ".".join(parts)})
    yield
    pulumi_up_refresh(scene)


@contextmanager
def sealed_key_foreign(scene: Scene) -> Generator[None]:
    good, other = scene.spare.secret("tailnet-authkey"), scene.home.secret("tailnet-authkey")
    with scene.spare.absent():
        scene.spare.put_secret(good, **{SEALED: base64.b64decode(other["data"][SEALED]).decode()})
    yield
    pulumi_up_refresh(scene)


@contextmanager
def sealed_key_gone(scene: Scene) -> Generator[None]:
    keys, gone = scene.spare.auth_keys(), scene.spare.remove_secret("tailnet-authkey")
    try:
        with scene.spare.absent():
            pass
        scene.notes["ready"] = seconds(scene.spare.wait())
        yield
        scene.same_devices()
        assert scene.spare.auth_keys() == keys
    finally:
        scene.spare.put_secret(gone)


@contextmanager
def kek_gone(scene: Scene) -> Generator[None]:
    gone = str(scene.spare.remove_secret("tailnet-kek")["metadata"]["name"])
    scene.reached(scene.spare)
    with scene.spare.absent():
        pass
    eventually(lambda: f'secret "{gone}" not found' in scene.spare.events(), "the kubelet says what is missing")
    yield
    pulumi_up_refresh(scene)


FAULTS: Final = (
    Fault(
        name="hostname taken by another device",
        breaks="spare",
        inject=name_wanted,
        answers=True,
        sees="nothing: the later device gets another name (`openclaw-spare-` and a suffix)",
        signs=[Sign("device list of the tailnet: two devices of one hostname", two_of_one_hostname)],
        holds="the gateway keeps its name, address and key, also when its pod is replaced",
        over="no recovery needed",
    ),
    Fault(
        name="auth key expired or revoked, state there",
        breaks="spare",
        inject=key_expired,
        answers=True,
        sees="nothing, also when the pod is replaced",
        signs=[Sign("`pulumi up --refresh` replaces the key", key_is_replaced)],
        holds="the key is not asked for",
        over="not missed: a replaced pod answers after {answered} s",
    ),
    Fault(
        name="auth key expired or revoked, state lost",
        breaks="spare",
        inject=key_and_state_lost,
        answers=False,
        lasts=30,
        restarts={SIDECAR_CONTAINER: 4},
        during=no_device_appears,
        new_device=True,
        sees="no answer; the pod does not become ready",
        signs=[
            log(SIDECAR_CONTAINER, "backend error: authkey expired"),
            log(SIDECAR_CONTAINER, "failed to auth tailscale"),
        ],
        holds="no device appears; no storm in 30 s, as the back-off doubles",
        over="`pulumi up --refresh` ({mended} s) mints a key; it joins as `{name}`: then as for a lost volume, {renamed} s",
    ),
    Fault(
        name="tailnet volume lost or emptied",
        breaks="spare",
        inject=state_lost,
        answers=False,
        new_device=True,
        sees="no answer at the address",
        signs=[Sign("device list of the tailnet: `{found}` beside the device that is offline for good", new_device)],
        holds="the gateway's data; the name is not taken over",
        over="joins by itself after {joined} s, as a new device; remove the old one and rename the new one: {renamed} s",
    ),
    Fault(
        name="sealed key corrupted",
        breaks="spare",
        inject=sealed_key_corrupted,
        answers=False,
        restarts={UNSEAL_CONTAINER: 4},
        during=not_started,
        sees="no answer from the next start of the pod on",
        signs=[
            log(
                UNSEAL_CONTAINER,
                "unseal: the sealed auth key does not open: it was changed, or sealed with another key.",
            )
        ],
        holds="neither sidecar nor gateway starts",
        over="`pulumi up --refresh`: {mended} s",
    ),
    Fault(
        name="sealed key of another instance",
        breaks="spare",
        inject=sealed_key_foreign,
        answers=False,
        lasts=25,
        restarts={UNSEAL_CONTAINER: 4},
        during=not_started,
        sees="no answer from the next start of the pod on",
        signs=[
            log(
                UNSEAL_CONTAINER,
                'unseal: the sealed auth key belongs to "openclaw-home/home", not to "openclaw-spare/spare". It is not used.',
            )
        ],
        holds="neither sidecar nor gateway starts",
        over="`pulumi up --refresh`: {mended} s",
    ),
    Fault(
        name="sealed key's Secret deleted",
        breaks="spare",
        inject=sealed_key_gone,
        answers=True,
        sees="nothing",
        signs=[log(UNSEAL_CONTAINER, "opened the auth key of ... (from the state volume)")],
        holds="no new key",
        over="not missed: a replaced pod is ready after {ready} s",
    ),
    Fault(
        name="key-encryption key's Secret deleted",
        breaks="spare",
        inject=kek_gone,
        answers=False,
        during=not_started,
        sees="nothing while the pod runs; its next one does not start",
        signs=[event('MountVolume.SetUp failed for volume "tailnet-kek" : secret "...-tailnet-kek-..." not found')],
        holds="no container starts",
        over="`pulumi up --refresh`: {mended} s",
    ),
)
