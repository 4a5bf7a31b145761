"""Faults of the two volumes: full, unwritable."""

import contextlib
import shutil
import time
from pathlib import Path

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER, UNSEAL_CONTAINER
from sandbox.errors import SandboxError
from sandbox.node import network
from sandbox.node.devices import Device
from tests.support.fault_fixtures import Record
from tests.support.fault_world import REAL_GATEWAY, Breakable, closed, kill, reached, until

pytest_plugins = ["tests.support.fault_fixtures"]


def fill(volume: Path) -> Path:
    """Writes until nothing more fits."""
    file = volume / "fill"
    with contextlib.suppress(SandboxError):  # dd ends with the error that is wanted
        network.run(["dd", "if=/dev/zero", f"of={file}", "bs=4k"])
    return file


def test_a_tailnet_volume_that_is_full_or_unwritable_is_named_at_the_next_start(
    spare: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    before = spare.identity()
    with spare.bounded("tailnet-state", 1) as volume:
        spare.wait()
        reached(laptop, spare)
        file = fill(volume)
        # Whoever runs does not need to write.
        reached(laptop, spare, 5)
        restarts = spare.restarts()[SIDECAR_CONTAINER]
        kill(spare.pid(SIDECAR_CONTAINER))
        until(lambda: spare.restarts()[SIDECAR_CONTAINER] > restarts + 1, "the sidecar fails")
        full = "no space left on device"
        said = next(
            line for line in spare.said(SIDECAR_CONTAINER).splitlines() if line.startswith("boot:") and full in line
        )
        assert "failed to unset serve config" in said
        assert spare.restarts()[GATEWAY_CONTAINER] == 0
        closed(nobody, spare)
        file.unlink()
        began = time.monotonic()
        spare.wait(seconds=120)
        reached(laptop, spare)
        freed = time.monotonic() - began
        assert spare.identity() == before
        record(
            fault="tailnet volume full",
            sees="nothing while the sidecar runs; no answer from its next start on",
            sign="log of the sidecar: `boot: ... failed to unset serve config: ... no space left on device`; of a new pod's "
            "`unseal`: `cannot write ... (ENOSPC). Is the volume full or read-only?`",
            holds="state, device, name and address; the gateway is not restarted; stranger without an answer",
            over=f"by itself {freed:.0f} s after there is room again (the kubelet's back-off)",
        )

        network.run(["mount", "-o", "remount,ro", str(volume)])
        try:
            reached(laptop, spare, 5)
            spare.replace_pod()
            sign = "unseal: cannot write /var/lib/ts-state/sealed-authkey.jwe (EROFS). Is the volume full or read-only?"
            until(lambda: sign in spare.said(UNSEAL_CONTAINER), "the unsealer says what is wrong")
            assert not spare.up()
            closed(nobody, spare)
        finally:
            network.run(["mount", "-o", "remount,rw", str(volume)])
        # The pod keeps the mount that it was given.
        began = time.monotonic()
        spare.replace_pod()
        spare.wait()
        reached(laptop, spare)
        again = time.monotonic() - began
        assert spare.identity() == before
        record(
            fault="tailnet volume unwritable",
            sees="nothing while the pod runs; its next one does not start",
            sign=f"log of `unseal`: `{sign}`",
            holds="state, device, name and address; neither sidecar nor gateway starts; stranger without an answer",
            over=f"once it is writable, `kubectl delete pod`: {again:.0f} s",
        )
    spare.wait()
    assert spare.identity() == before


def test_a_full_gateway_volume_loses_nothing_and_works_again_when_there_is_room(
    spare: Breakable, laptop: Device, nobody: Device, record: Record
) -> None:
    before = spare.identity()
    spare.scale(0)
    spare.play(REAL_GATEWAY, wait=False)
    # Other tests ended the real gateway while it started: each time up to 54 MB of a half-made cache may be left, for an hour.
    shutil.rmtree(spare.volume("gateway-home") / ".openclaw" / "cache", ignore_errors=True)
    with spare.bounded("gateway-home", 192) as volume:
        started = spare.wait(GATEWAY_CONTAINER, 180)
        reached(laptop, spare)
        # It goes on writing when it is ready, and would give back what it could not end.
        pages = volume / ".openclaw" / "cache" / "control-ui-assets"
        until(lambda: kept_pages(pages), "the pages of the Control UI are kept")
        (volume / ".openclaw" / "fault-test").write_text("kept")
        file = fill(volume)
        time.sleep(12)  # one period of the readiness probe
        ready = spare.up(GATEWAY_CONTAINER)
        health = laptop.curl(f"{spare.url}/healthz").stdout
        page = laptop.curl("--fail", "--output", "/dev/null", f"{spare.url}/").returncode
        # The gateway may have given up some log meanwhile.
        fill(volume)
        refused = spare.attempt("sh", "-c", "head -c 16m /dev/zero > /home/node/.openclaw/more").stderr
        assert "No space left on device" in refused
        # As upstream has it (openclaw#96084): no probe sees it, so nothing restarts, and the page still comes.
        assert ready
        assert '"ok":true' in health
        assert page == 0
        assert spare.restarts()[GATEWAY_CONTAINER] == 0
        closed(nobody, spare)
        said = [
            line for line in spare.said(GATEWAY_CONTAINER).splitlines() if "ENOSPC" in line or "SQLITE_FULL" in line
        ]

        # At its next start it copies its database first, on that volume, and writes into it.
        kill(spare.pid(GATEWAY_CONTAINER))
        sign = until(lambda: refusal(spare), "the gateway says why it does not start", 120)
        closed(nobody, spare)
        assert spare.restarts()[SIDECAR_CONTAINER] == 0
        file.unlink()
        began = time.monotonic()
        spare.wait(GATEWAY_CONTAINER, 180)
        reached(laptop, spare)
        freed = time.monotonic() - began
        assert spare.exec("cat", "/home/node/.openclaw/fault-test") == "kept"
        spare.exec("sh", "-c", "head -c 16m /dev/zero > /home/node/.openclaw/more")
        assert spare.identity() == before
        record(
            fault="gateway volume full",
            sees="page and health still answer; what must be stored fails",
            sign="none in the probes (openclaw#96084): `kubectl exec ... df /home/node` shows 100 %"
            + (f"; log of the gateway: `{said[-1][-120:]}`" if said else "; nothing in the log of an idle gateway"),
            holds="data kept, no restart, same device, stranger without an answer",
            over=f"by itself as soon as there is room (a start of the gateway took {started:.0f} s here)",
        )
        record(
            fault="gateway volume full when the gateway starts",
            sees="`502`: the gateway ends at each start (CrashLoopBackOff)",
            sign=f"log of the gateway: `{sign[:230]} ...`",
            holds="data kept, the sidecar is not restarted, same device, stranger without an answer",
            over=f"by itself {freed:.0f} s after there is room again (the kubelet's back-off and a start); see below",
        )


def refusal(gateway: Breakable) -> str:
    """Why the gateway ended at its start, if that is for want of room."""
    lines = [line for line in gateway.said(GATEWAY_CONTAINER).splitlines() if "Gateway failed to start" in line]
    return next((line for line in lines if any(why in line for why in ("ENOSPC", "is full", "is not open"))), "")


def kept_pages(pages: Path) -> bool:
    """True when the gateway has ended its copy of the Control UI: its directory has the name of a digest."""
    names = [entry.name for entry in pages.iterdir()] if pages.is_dir() else []
    return bool(names) and not any(name.startswith(".") for name in names)
