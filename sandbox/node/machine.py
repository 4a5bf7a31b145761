"""Takes from the machine, and gives back, all that a node needs of it: kernel settings, control groups, mounts, processes."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.processes import Process, executable, start_time
from sandbox.errors import SandboxError
from sandbox.home import MARKER, Home, write_private

CGROUPS: Final = Path("/sys/fs/cgroup")
TUN: Final = Path("/dev/net/tun")
# Settings of br_netfilter: each network namespace has its own, and a new one has them on.
_BRIDGES: Final = Path("/proc/sys/net/bridge")
# Changed by the kubelet at its start, but for the first, which pods and client devices need to reach each other.
_SETTINGS: Final = (
    *("net/ipv4/ip_forward", "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"),
    *("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"),
)
_NEEDED: Final = {12: "CAP_NET_ADMIN", 21: "CAP_SYS_ADMIN", 7: "CAP_SETUID", 18: "CAP_SYS_CHROOT"}
_CONTROLLERS: Final = ("cpu", "cpuacct", "cpuset", "memory", "pids")
_CONTAINER_LOGS: Final = Path("/var/log/containers")
_CNI_RESULTS: Final = Path("/var/lib/cni/results")
_SHIM_SOCKETS: Final = Path("/run/containerd/s")
_PLUGIN_SOCKET: Final = Path("/var/lib/kubelet/device-plugins/kubelet.sock")


def available(home: Home) -> str | None:
    """None when a real node can run here; else the first reason why not, for people to read.

    Only what nobody can change on this machine: what can be installed is (sandbox/needs.py).
    """
    if sys.platform != "linux":
        return "a real node needs Linux"
    if os.geteuid() != 0:
        return "a real node needs root"
    held = int(_status("CapEff"), 16)
    if lacking := [name for bit, name in _NEEDED.items() if not held >> bit & 1]:
        return f"this root lacks {', '.join(lacking)} (an unprivileged container?)"
    if shutil.which("apt-get") is None:
        return "a real node's containerd comes from Debian packages, and there is no apt-get"
    if not _hierarchies():
        return f"{CGROUPS} has no control groups with {', '.join(_CONTROLLERS)}"
    if not TUN.is_char_device() and not (_module("tun") and TUN.is_char_device()):
        return f"{TUN} is missing and the module tun cannot be loaded"
    if not _filesystem("overlay") and not (_module("overlay") and _filesystem("overlay")):
        return "the kernel has no overlayfs"
    if not _bridge_filter():
        return "the kernel has no br_netfilter, without which no NetworkPolicy holds between pods of a node"
    if any(not sandboxed for sandboxed in _kubelets()):
        return "this machine is a node of a real cluster: two kubelets would share one plugin socket"
    if _type_of(home.root) == "overlay":
        return f"{home.root} is on an overlayfs, which cannot hold another; set SANDBOX_HOME to a volume"
    return None


def _bridge_filter() -> bool:
    """True when iptables can see the packets of bridges. Those of this machine stay as they were."""
    if not _BRIDGES.is_dir() and _module("br_netfilter") and _BRIDGES.is_dir():
        for setting in _BRIDGES.glob("bridge-nf-call-*"):
            setting.write_text("0")
    return _BRIDGES.is_dir()


def _kubelets() -> Iterator[bool]:
    """For each kubelet that runs on this machine, whether it is a sandbox's."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text() == "kubelet\n":
                    yield f"\0{MARKER}=".encode() in b"\0" + (entry / "environ").read_bytes()


def _status(field: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))


def _module(name: str) -> bool:
    if shutil.which("modprobe") is None:
        return False
    return subprocess.run(["modprobe", name], capture_output=True, check=False).returncode == 0


def _filesystem(name: str) -> bool:
    return any(line.split()[-1] == name for line in Path("/proc/filesystems").read_text().splitlines())


def _type_of(path: Path) -> str:
    """Type of the file system that a path is, or will be, on."""
    best, kind = "", ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        point = _unescaped(before.split()[4])
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, after.split()[0]
    return kind


def _hierarchies() -> list[Path]:
    """Roots of the control group trees in which the node gets a group: one each on v1, a single one on v2."""
    if (CGROUPS / "cgroup.controllers").exists():
        offered = (CGROUPS / "cgroup.controllers").read_text().split()
        return [CGROUPS] if {"cpu", "cpuset", "memory", "pids"} <= set(offered) else []
    roots = [CGROUPS / name for name in _CONTROLLERS]
    if not all((root / "cgroup.procs").exists() for root in roots):
        return []
    return [path for path in sorted(CGROUPS.iterdir()) if (path / "cgroup.procs").exists() and not path.is_symlink()]


def make_cgroup(name: str) -> None:
    """The group that all pods are in: the kubelet insists that it is there."""
    for root in _hierarchies():
        group = root / name.lstrip("/")
        group.mkdir(exist_ok=True)
        if (root / "cgroup.controllers").exists():
            for controller in ("cpu", "cpuset", "memory", "pids", "io", "hugetlb"):
                for level in (root, group):
                    with contextlib.suppress(OSError):  # not offered here
                        (level / "cgroup.subtree_control").write_text(f"+{controller}")
        for setting in ("cpuset.cpus", "cpuset.mems"):
            # On v1 an empty set takes no process.
            if (root / setting).exists() and (root / setting).read_text().strip():
                (group / setting).write_text((root / setting).read_text())


def remove_cgroup(name: str) -> None:
    """Kill what is left in the group and remove it."""
    groups = [root / name.lstrip("/") for root in _hierarchies()]
    deadline = time.monotonic() + 10
    while left := {pid for group in groups if group.exists() for pid in _inside(group)}:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise SandboxError(
                f"processes {sorted(left)} of pods do not end", "See what holds them: ps -o pid,stat,cmd"
            )
        time.sleep(0.02)
    for group in groups:
        if group.exists():
            for directory, _, _ in os.walk(group, topdown=False):
                Path(directory).rmdir()


def _inside(group: Path) -> Iterator[int]:
    for directory, _, _ in os.walk(group):
        with contextlib.suppress(OSError):
            yield from (int(line) for line in Path(directory, "cgroup.procs").read_text().split())


def end_shims(program: Path, address: Path) -> None:
    """Kill the shims that were started from `program` for the containerd behind `address`."""
    shims: list[Process] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and executable(int(entry.name)) == program.resolve():
            with contextlib.suppress(OSError):
                started = start_time(int(entry.name))
                if str(address).encode() in (entry / "cmdline").read_bytes().split(b"\0") and started is not None:
                    shims.append(Process(int(entry.name), started))
    for process in shims:
        process.signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(process.alive() for process in shims) and time.monotonic() < deadline:
        time.sleep(0.01)


def remember_settings(record: Path) -> None:
    """Note the kernel's settings before the node changes them, once; let packets pass between our bridges."""
    if not record.exists():
        settings = {name: Path("/proc/sys", name).read_text().strip() for name in _SETTINGS}
        write_private(record, json.dumps(settings, indent=1))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def restore_settings(record: Path) -> None:
    """Put them back, unless another sandbox on this machine needs them."""
    if record.exists():
        needed = any(_kubelets())
        for name, value in json.loads(record.read_text()).items():
            path = Path("/proc/sys", name)
            if not needed and path.read_text().strip() != value:
                path.write_text(value)
        record.unlink()


def mounts(below: Path) -> list[Path]:
    """Mount points at or below a directory, the deepest and latest first."""
    points = [
        Path(_unescaped(line.split()[4])) for line in Path("/proc/self/mountinfo").read_text().splitlines() if line
    ]
    return [point for point in reversed(points) if point.is_relative_to(below)]


def unmount(below: Path) -> None:
    """Unmount everything below; afterwards nothing is mounted there, or this raises."""
    for _ in range(5):
        left = mounts(below.resolve())
        if not left:
            return
        for point in left:
            subprocess.run(["umount", str(point)], capture_output=True, check=False)
        time.sleep(0.05)
    for point in mounts(below.resolve()):
        # Still held, by a process in another mount namespace as a rule: it vanishes with its last user.
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, check=False)
    if left := mounts(below.resolve()):
        raise SandboxError(f"{left[0]} cannot be unmounted", f"Find who uses it: fuser -vm {left[0]}")


def remove_tree(directory: Path) -> None:
    """Delete a directory, but never what is mounted in it."""
    if directory.exists():
        unmount(directory)
        shutil.rmtree(directory)


def remove_strays(containerd_state: Path, pod_logs: Path) -> None:
    """Removes the files of shims, CNI and the kubelet that cannot be moved. By our containers' ids: call it while they
    are still on record in containerd's state directory, and when their processes have ended."""
    bundles = list(containerd_state.glob("io.containerd.runtime.v2.task/*/*"))
    for bundle in bundles:
        with contextlib.suppress(OSError):
            Path((bundle / "address").read_text().removeprefix("unix://")).unlink()
    ids = {bundle.name for bundle in bundles}
    if _CNI_RESULTS.is_dir():
        for result in _CNI_RESULTS.iterdir():
            if any(part in ids for part in result.name.split("-")):
                result.unlink()
    if _CONTAINER_LOGS.is_dir():
        for link in _CONTAINER_LOGS.iterdir():
            if link.is_symlink() and link.readlink().is_relative_to(pod_logs):
                link.unlink()
    if _PLUGIN_SOCKET.is_socket() and not _answers(_PLUGIN_SOCKET):
        _PLUGIN_SOCKET.unlink()
    for directory in (_SHIM_SOCKETS, _CNI_RESULTS, _PLUGIN_SOCKET.parent, _CONTAINER_LOGS / "-"):
        for level in (directory, directory.parent):
            with contextlib.suppress(OSError):  # absent, or others' are in there
                level.rmdir()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _unescaped(point: str) -> str:
    """A path of mountinfo, where blanks and the like are octal."""
    return point.encode().decode("unicode_escape") if "\\" in point else point
