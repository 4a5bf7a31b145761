"""Faults of keys and of the device's name: expired, lost, corrupted, foreign, taken."""

import base64
import shutil
import time

from components.constants import SIDECAR_CONTAINER, UNSEAL_CONTAINER
from sandbox.node.devices import Device
from sandbox.tailnet import headscale
from sandbox.tailnet.client import Control
from tests.support.e2e_world import HOME, MALLORY, answers, wait_answer
from tests.support.engine_world import Stack
from tests.support.fault_fixtures import Record
from tests.support.fault_world import QUICK_GATEWAY, SPARE, Breakable, closed, reached, until

pytest_plugins = ["tests.support.fault_fixtures"]
SEALED = "authkey.jwe"


def pulumi_up_refresh(stack: Stack, spare: Breakable) -> float:
    """The one command that many signs name; seconds until the sidecar is ready."""
    began = time.monotonic()
    stack.refresh(HOME, SPARE)
    with spare.quick(lambda: stack.up(HOME, SPARE)) as applied:
        pass
    applied.result()
    spare.play(QUICK_GATEWAY)
    spare.wait(seconds=120)
    return time.monotonic() - began


def expire_key(control: Control, tag: str) -> None:
    """As an administrator revokes it, or time does."""
    for key in control.auth_keys():
        if tag in key.acl_tags:
            control.expire_auth_key(key.id)


def forget(spare: Breakable) -> None:
    """The tailnet volume is empty, as a new one is. While no pod is there."""
    for entry in spare.volume("tailnet-state").iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def joined_again(spare: Breakable, laptop: Device, nobody: Device, old: str) -> tuple[str, float]:
    """The new device of a lost one: its name, and seconds until the address works after the old one was removed."""
    new = next(node for node in spare.devices() if node.id != old)
    closed(nobody, spare)
    assert not answers(laptop, f"{spare.url}/healthz", 2), "the address still belongs to the device that is no more"
    with headscale.connected(spare.world.home.tailnet) as control:
        control.delete_node(old)
        control.rename_node(new.id, f"openclaw-{spare.id}")
    return new.given_name, wait_answer(laptop, f"{spare.url}/healthz", 90)


def test_a_name_that_another_device_wants_stays_with_the_gateway(
    spare: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    before = spare.identity()
    name = f"openclaw-{spare.id}"
    with headscale.connected(spare.world.home.tailnet) as control:
        user = next(user for user in control.users() if user.login == MALLORY)
        other = control.register_offline_node(user.name, name)
    try:
        assert other.given_name != name
        spare.replace_pod()
        spare.wait()
        assert spare.identity() == before
        reached(laptop, spare)
        closed(nobody, spare)
    finally:
        with headscale.connected(spare.world.home.tailnet) as control:
            control.delete_node(other.id)
    record(
        fault="hostname taken by another device",
        sees=f"nothing: the later device gets another name (`{name}-` and a suffix)",
        sign="device list of the tailnet: two devices of one hostname",
        holds="the gateway keeps its name, address and key, also when its pod is replaced",
        over="no recovery needed",
    )


def test_an_expired_key_is_not_missed_while_the_state_is_there_and_named_when_it_is_not(
    stack: Stack, spare: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    before = spare.identity()
    with headscale.connected(spare.world.home.tailnet) as control:
        expire_key(control, f"tag:openclaw-{spare.id}")
    began = time.monotonic()
    spare.replace_pod()
    spare.wait()
    reached(laptop, spare)
    took = time.monotonic() - began
    assert spare.identity() == before
    closed(nobody, spare)
    record(
        fault="auth key expired or revoked, state there",
        sees="nothing, also when the pod is replaced",
        sign="`pulumi up --refresh` replaces the key",
        holds="same device, name and address; the key is not asked for",
        over=f"not missed: a replaced pod answers after {took:.0f} s",
    )

    with spare.absent():
        forget(spare)
    began = time.monotonic()
    until(lambda: "authkey" in spare.said(SIDECAR_CONTAINER).lower(), "the sidecar says what is wrong")
    until(lambda: "failed to auth tailscale" in spare.said(SIDECAR_CONTAINER), "the sidecar gives up")

    def reason() -> str:
        # A container that restarts just now has said nothing yet, and the log of the one before it is gone.
        lines = spare.said(SIDECAR_CONTAINER).splitlines()
        return next((line for line in lines if "backend error" in line.lower()), "")

    said = until(reason, "the sidecar names the reason")
    time.sleep(max(0.0, 30 - (time.monotonic() - began)))
    restarts = spare.restarts()[SIDECAR_CONTAINER]
    assert restarts <= 4, "no storm: the kubelet's back-off doubles"
    assert [node.id for node in spare.devices()] == [before[0]]
    closed(nobody, spare)
    mended = pulumi_up_refresh(stack, spare)
    name, back = joined_again(spare, laptop, nobody, before[0])
    record(
        fault="auth key expired or revoked, state lost",
        sees="no answer; the pod does not become ready",
        sign=f"log of the sidecar: `{said.strip()[-120:]}`",
        holds=f"no device appears, {restarts} restarts in 30 s (back-off doubles), stranger without an answer",
        over=f"`pulumi up --refresh` ({mended:.0f} s) mints a key; it joins as `{name}`: then as for a lost volume, {back:.0f} s",
    )


def test_a_lost_tailnet_volume_makes_a_new_device_by_itself(
    spare: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    before = spare.identity()
    with spare.absent():
        forget(spare)
    joined = spare.wait()
    name, back = joined_again(spare, laptop, nobody, before[0])
    assert spare.identity()[2] != before[2]
    record(
        fault="tailnet volume lost or emptied",
        sees="no answer at the address",
        sign=f"device list of the tailnet: `{name}` beside the device that is offline for good",
        holds="the gateway's data; the name is not taken over; stranger without an answer",
        over=f"joins by itself after {joined:.0f} s, as a new device; remove the old one and rename the new one: {back:.0f} s",
    )


def test_a_sealed_key_that_is_corrupted_or_foreign_is_refused_by_name(
    stack: Stack, spare: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    before, good = spare.identity(), spare.secret("tailnet-authkey")
    parts = base64.b64decode(good["data"][SEALED]).decode().split(".")
    parts[3] = ("B" if parts[3][0] == "A" else "A") + parts[3][1:]
    with spare.absent():
        spare.put_secret(good, **{SEALED: ".".join(parts)})
    damaged = "unseal: the sealed auth key does not open: it was changed, or sealed with another key."
    until(lambda: damaged in spare.said(UNSEAL_CONTAINER), "the unsealer says what is wrong")
    assert not spare.up()
    closed(nobody, spare)

    other = Breakable(spare.world, spare.cluster, "home").secret("tailnet-authkey")
    with spare.absent():
        spare.put_secret(good, **{SEALED: base64.b64decode(other["data"][SEALED]).decode()})
    foreign = (
        'unseal: the sealed auth key belongs to "openclaw-home/home", not to "openclaw-spare/spare". It is not used.'
    )
    until(lambda: foreign in spare.said(UNSEAL_CONTAINER), "the unsealer says whose key it is")
    time.sleep(10)
    restarts = spare.restarts()[UNSEAL_CONTAINER]
    assert restarts <= 4
    closed(nobody, spare)

    mended = pulumi_up_refresh(stack, spare)
    reached(laptop, spare)
    assert spare.identity() == before
    holds = "neither sidecar nor gateway starts; same device afterwards; stranger without an answer"
    over = f"`pulumi up --refresh`: {mended:.0f} s"
    record(
        fault="sealed key corrupted",
        sees="no answer from the next start of the pod on",
        sign=f"log of `unseal`: `{damaged}`",
        holds=holds,
        over=over,
    )
    record(
        fault="sealed key of another instance",
        sees="no answer from the next start of the pod on",
        sign='log of `unseal`: `unseal: the sealed auth key belongs to "...", not to "...". It is not used.`',
        holds=holds,
        over=over,
    )


def test_a_missing_kek_stops_the_next_pod_and_a_missing_sealed_key_does_not(
    stack: Stack, spare: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    before = spare.identity()
    spare.remove_secret("tailnet-authkey")
    with spare.absent():
        pass
    took = spare.wait()
    assert "(from the state volume)" in spare.said(UNSEAL_CONTAINER)
    reached(laptop, spare)
    assert spare.identity() == before
    record(
        fault="sealed key's Secret deleted",
        sees="nothing",
        sign="log of `unseal`: `opened the auth key of ... (from the state volume)`",
        holds="same device, no new key",
        over=f"not missed: a replaced pod is ready after {took:.0f} s",
    )

    gone = str(spare.remove_secret("tailnet-kek")["metadata"]["name"])
    reached(laptop, spare)
    with spare.absent():
        pass
    sign = f'secret "{gone}" not found'
    until(lambda: sign in spare.events(), "the kubelet says what is missing")
    assert not spare.up()
    closed(nobody, spare)
    mended = pulumi_up_refresh(stack, spare)
    reached(laptop, spare)
    assert spare.identity() == before
    record(
        fault="key-encryption key's Secret deleted",
        sees="nothing while the pod runs; its next one does not start",
        sign='event of the pod: `MountVolume.SetUp failed for volume "tailnet-kek" : secret "...-tailnet-kek-..." not found`',
        holds="no container starts; same device afterwards; stranger without an answer",
        over=f"`pulumi up --refresh`: {mended:.0f} s",
    )
