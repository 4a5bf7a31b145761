"""containerd, runc and the CNI plugins from Debian's packages, unpacked beside our tools: the machine's own stay as they are."""

import fcntl
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sandbox import apt
from sandbox.home import MARKER, Home
from sandbox.node.layout import Layout

UNPACKED: Final = ("containerd", "runc", "containernetworking-plugins")
_SHIM: Final = "containerd-shim-runc-v2"


def directory(home: Home) -> Path:
    """The directory in which they are unpacked: beside the built tools, for all sandboxes that share those."""
    return home.bin.parent / "packages"


def fetch(home: Home, report: Callable[[str], None]) -> None:
    """Download and unpack what is not there yet. Safe against another sandbox that does the same."""
    place = directory(home)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name("packages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (place / "complete").exists():
            return
        report(f"unpacking {', '.join(UNPACKED)}")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        with tempfile.TemporaryDirectory(prefix="openclaw-sandbox-") as work:
            for archive in apt.download(UNPACKED, Path(work)):
                subprocess.run(["dpkg-deb", "-x", str(archive), str(place)], check=True, capture_output=True)
        (place / "complete").touch()


def path(layout: Layout) -> str:
    """PATH of containerd: our shim before anybody's."""
    return f"{layout.run}/shim:{layout.packages}/usr/bin:{layout.packages}/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


def shim(layout: Layout) -> Path:
    """The program that each pod's shim runs."""
    return layout.packages / "usr" / "bin" / _SHIM


def write_shim(layout: Layout) -> None:
    """The wrapper that containerd starts instead of the shim."""
    # Shims outlive containerd on purpose, and are nobody's children: without the marker they are no crash's leftovers.
    wrapper = layout.run / "shim" / _SHIM
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(f'#!/bin/sh\nunset {MARKER}\nexec {shlex.quote(str(shim(layout)))} "$@"\n')
    wrapper.chmod(0o755)
