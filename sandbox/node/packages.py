"""containerd, runc and the CNI plugins from Debian's packages, unpacked beside our tools: the machine's own stay as they are."""

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sandbox.errors import SandboxError
from sandbox.home import MARKER
from sandbox.node.layout import Layout

UNPACKED: Final = ("containerd", "runc", "containernetworking-plugins")
# Command -> package: what is called by name, and harmless to install.
COMMANDS: Final = {
    "debootstrap": "debootstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mount": "mount",
    "dnsmasq": "dnsmasq-base",
}
_SHIM: Final = "containerd-shim-runc-v2"


def absent() -> list[str]:
    """Packages whose commands this machine lacks."""
    return [package for command, package in COMMANDS.items() if shutil.which(command) is None]


def ensure(layout: Layout, report: Callable[[str], None]) -> None:
    """Install the commands and unpack the rest; what is there already is left."""
    if packages := absent():
        report(f"installing {', '.join(packages)} with apt-get")
        _apt("install", "-y", "--no-install-recommends", *packages)
    directory = layout.packages
    if not (directory / "complete").exists():
        report(f"unpacking {', '.join(UNPACKED)}")
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        with tempfile.TemporaryDirectory(prefix="openclaw-sandbox-") as work:
            # apt's unprivileged downloader must be able to write here.
            Path(work).chmod(0o777)
            _apt("download", *UNPACKED, cwd=Path(work))
            for archive in sorted(Path(work).glob("*.deb")):
                subprocess.run(["dpkg-deb", "-x", str(archive), str(directory)], check=True, capture_output=True)
        (directory / "complete").touch()
    _write_shim(layout)


def path(layout: Layout) -> str:
    """PATH of containerd: our shim before anybody's."""
    return f"{layout.run}/shim:{layout.packages}/usr/bin:{layout.packages}/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


def shim(layout: Layout) -> Path:
    """The program that each pod's shim runs."""
    return layout.packages / "usr" / "bin" / _SHIM


def _write_shim(layout: Layout) -> None:
    # Shims outlive containerd on purpose, and are nobody's children: without the marker they are no crash's leftovers.
    wrapper = layout.run / "shim" / _SHIM
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(f'#!/bin/sh\nunset {MARKER}\nexec {shlex.quote(str(shim(layout)))} "$@"\n')
    wrapper.chmod(0o755)


def _apt(*arguments: str, cwd: Path | None = None) -> None:
    # The lists may be absent (images of machines have none) or too old: then a second try with new ones.
    for words in (arguments, ("update",), arguments):
        result = subprocess.run(
            ["apt-get", "-q", *words], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if result.returncode == 0 and words is arguments:
            return
    tail = " | ".join(result.stderr.splitlines()[-3:])
    raise SandboxError(f"apt-get {shlex.join(arguments)} failed: {tail}", "Run it by hand to see why")
