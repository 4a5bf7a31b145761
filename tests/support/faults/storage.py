"""Faults of the two volumes: full, unwritable."""

import contextlib
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER, UNSEAL_CONTAINER
from components.settings import Images
from sandbox.errors import SandboxError
from sandbox.node import network
from tests.support import quick_gateway
from tests.support.engine_world import eventually
from tests.support.faults.breakable import Breakable
from tests.support.faults.breaking import kill
from tests.support.faults.fault import Fault, seconds
from tests.support.faults.keys import not_started
from tests.support.faults.scene import Scene
from tests.support.faults.signs import Sign, log


def fill(volume: Path) -> Path:
    """Writes until nothing more fits."""
    file = volume / "fill"
    with contextlib.suppress(SandboxError):  # dd ends with the error that is wanted
        network.run(["dd", "if=/dev/zero", f"of={file}", "bs=4k"])
    return file


def well_again(scene: Scene, container: str, seconds_at_most: float) -> str:
    """Seconds until the container is ready and the owner is answered; the device is the same."""
    began = time.monotonic()
    scene.spare.wait(container, seconds_at_most)
    scene.reached(scene.spare)
    scene.same_devices()
    return seconds(time.monotonic() - began)


# -- the tailnet's volume


@contextmanager
def small_tailnet_volume(scene: Scene) -> Generator[Path]:
    with scene.spare.bounded("tailnet-state", 1) as volume:
        scene.spare.wait()
        scene.reached(scene.spare)
        yield volume


@contextmanager
def tailnet_volume_full(scene: Scene) -> Generator[None]:
    with small_tailnet_volume(scene) as volume:
        file = fill(volume)
        # Whoever runs does not need to write.
        scene.reached(scene.spare, 5)
        restarts = scene.spare.restarts()[SIDECAR_CONTAINER]
        kill(scene.spare.pid(SIDECAR_CONTAINER))
        eventually(lambda: scene.spare.restarts()[SIDECAR_CONTAINER] > restarts + 1, "the sidecar fails")
        yield
        file.unlink()
        scene.notes["freed"] = well_again(scene, SIDECAR_CONTAINER, 120)


@contextmanager
def tailnet_volume_full_at_start(scene: Scene) -> Generator[None]:
    with small_tailnet_volume(scene) as volume:
        file = fill(volume)
        scene.spare.replace_pod()
        yield
        file.unlink()
        scene.notes["freed"] = well_again(scene, SIDECAR_CONTAINER, 120)


@contextmanager
def tailnet_volume_unwritable(scene: Scene) -> Generator[None]:
    with small_tailnet_volume(scene) as volume:
        network.run(["mount", "-o", "remount,ro", str(volume)])
        try:
            scene.reached(scene.spare, 5)
            scene.spare.replace_pod()
            yield
        finally:
            network.run(["mount", "-o", "remount,rw", str(volume)])
        # The pod keeps the mount that it was given.
        began = time.monotonic()
        scene.spare.replace_pod()
        well_again(scene, SIDECAR_CONTAINER, 60)
        scene.notes["again"] = seconds(time.monotonic() - began)


# -- the gateway's volume


def kept_pages(pages: Path) -> bool:
    """True when the gateway has ended its copy of the Control UI: its directory has the name of a digest."""
    names = [entry.name for entry in pages.iterdir()] if pages.is_dir() else []
    return bool(names) and not any(name.startswith(".") for name in names)


@contextmanager
def small_gateway_volume(scene: Scene) -> Generator[Path]:
    """The real gateway on a volume of 192 MiB, with something on it; afterwards the quick one again."""
    spare = scene.spare
    spare.scale(0)
    spare.run_image(Images().gateway)
    # A test before may have ended the real gateway while it started: up to 54 MB of a half-made cache may be left, for an hour.
    shutil.rmtree(spare.volume("gateway-home") / ".openclaw" / "cache", ignore_errors=True)
    with spare.bounded("gateway-home", 192) as volume:
        scene.notes["started"] = seconds(spare.wait(GATEWAY_CONTAINER, 180))
        scene.reached(spare)
        # It goes on writing when it is ready, and would give back what it could not end.
        pages = volume / ".openclaw" / "cache" / "control-ui-assets"
        eventually(lambda: kept_pages(pages), "the pages of the Control UI are kept")
        (volume / ".openclaw" / "fault-test").write_text("kept")
        try:
            yield volume
        finally:
            spare.scale(0)
            spare.run_image(quick_gateway.IMAGE)


def writes_again(spare: Breakable) -> None:
    assert spare.exec("cat", "/home/node/.openclaw/fault-test") == "kept"
    spare.exec("sh", "-c", "head -c 16m /dev/zero > /home/node/.openclaw/more")


@contextmanager
def gateway_volume_full(scene: Scene) -> Generator[None]:
    with small_gateway_volume(scene) as volume:
        file = fill(volume)
        time.sleep(12)  # one period of the readiness probe
        ready = scene.spare.up(GATEWAY_CONTAINER)
        health = scene.laptop.curl(f"{scene.spare.url}/healthz").stdout
        page = scene.laptop.curl("--fail", "--output", "/dev/null", f"{scene.spare.url}/").returncode
        # As upstream has it (openclaw#96084): no probe sees it, so nothing restarts, and the page still comes.
        assert ready
        assert '"ok":true' in health
        assert page == 0
        # The gateway may have given up some log meanwhile.
        fill(volume)
        yield
        file.unlink()
        writes_again(scene.spare)


def nothing_more_fits(scene: Scene) -> None:
    refused = scene.spare.attempt("sh", "-c", "head -c 16m /dev/zero > /home/node/.openclaw/more").stderr
    assert "No space left on device" in refused


def disk_is_full(scene: Scene, spare: Breakable) -> bool:
    return "100%" in spare.exec("df", "/home/node")


def what_it_said(scene: Scene, spare: Breakable) -> str:
    """Where more is seen, if anywhere."""
    said = [line for line in spare.said(GATEWAY_CONTAINER).splitlines() if "ENOSPC" in line or "SQLITE_FULL" in line]
    return f"log of the gateway: `{said[-1][-120:]}`" if said else "nothing in the log of an idle gateway"


@contextmanager
def gateway_volume_full_at_start(scene: Scene) -> Generator[None]:
    with small_gateway_volume(scene) as volume:
        file = fill(volume)
        # At its next start it copies its database first, on that volume, and writes into it.
        kill(scene.spare.pid(GATEWAY_CONTAINER))
        yield
        file.unlink()
        scene.notes["freed"] = well_again(scene, GATEWAY_CONTAINER, 180)
        writes_again(scene.spare)


def refusal(scene: Scene, spare: Breakable) -> str:
    """Why the gateway ended at its start, if that is for want of room."""
    lines = [line for line in spare.said(GATEWAY_CONTAINER).splitlines() if "Gateway failed to start" in line]
    reasons = ("ENOSPC", "is full", "is not open")
    return next((line[:230] for line in lines if any(why in line for why in reasons)), "")


FAULTS: Final = (
    Fault(
        name="tailnet volume full",
        breaks="spare",
        inject=tailnet_volume_full,
        # With the kubelet's back-off: as many as there are in two minutes.
        restarts={SIDECAR_CONTAINER: 6},
        sees="nothing while the sidecar runs; no answer from its next start on",
        signs=[log(SIDECAR_CONTAINER, "boot: ... failed to unset serve config: ... no space left on device")],
        holds="state, name and address",
        over="by itself {freed} s after there is room again (the kubelet's back-off)",
    ),
    Fault(
        name="tailnet volume full when the pod starts",
        breaks="spare",
        inject=tailnet_volume_full_at_start,
        answers=False,
        restarts={UNSEAL_CONTAINER: 6},
        during=not_started,
        sees="no answer; the pod does not start",
        signs=[log(UNSEAL_CONTAINER, "unseal: cannot write ... (ENOSPC). Is the volume full or read-only?")],
        holds="state, name and address; neither sidecar nor gateway starts",
        over="by itself {freed} s after there is room again (the kubelet's back-off)",
    ),
    Fault(
        name="tailnet volume unwritable",
        breaks="spare",
        inject=tailnet_volume_unwritable,
        answers=False,
        restarts={UNSEAL_CONTAINER: 6},
        during=not_started,
        sees="nothing while the pod runs; its next one does not start",
        signs=[
            log(
                UNSEAL_CONTAINER,
                "unseal: cannot write /var/lib/ts-state/sealed-authkey.jwe (EROFS). Is the volume full or read-only?",
            )
        ],
        holds="state, name and address; neither sidecar nor gateway starts",
        over="once it is writable, `kubectl delete pod`: {again} s",
    ),
    Fault(
        name="gateway volume full",
        breaks="spare",
        inject=gateway_volume_full,
        answers=True,
        during=nothing_more_fits,
        sees="page and health still answer; what must be stored fails",
        signs=[
            Sign("none in the probes (openclaw#96084): `kubectl exec ... df /home/node` shows 100 %", disk_is_full),
            Sign("{found}", what_it_said),
        ],
        holds="data kept",
        over="by itself as soon as there is room (a start of the gateway took {started} s here)",
    ),
    Fault(
        name="gateway volume full when the gateway starts",
        breaks="spare",
        inject=gateway_volume_full_at_start,
        answers=False,
        restarts={GATEWAY_CONTAINER: 6},
        sees="`502`: the gateway ends at each start (CrashLoopBackOff)",
        signs=[Sign("log of the gateway: `{found} ...`", refusal, 120)],
        holds="data kept",
        over="by itself {freed} s after there is room again (the kubelet's back-off and a start); see below",
    ),
)
