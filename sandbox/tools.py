"""The pinned Go tools: what they are, what makes a build of one stale, and building those that are missing."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sandbox.errors import SandboxError
from sandbox.golang import Go, find_go
from sandbox.home import Home

MODULES: Final = Path(__file__).parent / "toolchain"


@dataclass(frozen=True)
class Tool:
    """One binary. `seconds` is what building it took on 2 cores, for the estimate only."""

    name: str
    family: str
    package: str
    seconds: int


@dataclass(frozen=True)
class Family:
    """Tools of one go.mod. `{v}` in the flags stands for the version of `module` that go.mod pins."""

    module: str
    ldflags: str = ""
    tags: str = ""


_K8S: Final = "k8s.io/component-base/version"
FAMILIES: Final = {
    "process-compose": Family("github.com/f1bonacc1/process-compose"),
    "etcd": Family("go.etcd.io/etcd/server/v3"),
    "pulumi": Family(
        "github.com/pulumi/pulumi/pkg/v3",
        "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={v}",
        "osusergo,grpcnotrace",
    ),
    "kwok": Family("sigs.k8s.io/kwok"),
    # kwokctl parses the components' --version, and clients compare minors.
    "kubernetes": Family(
        "k8s.io/kubernetes",
        f"-X {_K8S}.gitVersion={{v}} -X {_K8S}.gitMajor=1 -X {_K8S}.gitMinor={{minor}} "
        "-X k8s.io/client-go/pkg/version.gitVersion={v}",
    ),
    "headscale": Family("github.com/juanfont/headscale"),
    "tailscale": Family(
        "tailscale.com", "-X tailscale.com/version.shortStamp={bare} -X tailscale.com/version.longStamp={bare}"
    ),
    "coredns": Family("github.com/coredns/coredns"),
}

TOOLS: Final = {
    tool.name: tool
    for tool in (
        Tool("process-compose", "process-compose", "github.com/f1bonacc1/process-compose/src", 40),
        Tool("etcd", "etcd", "go.etcd.io/etcd/server/v3", 25),
        Tool("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", 75),
        Tool("kwokctl", "kwok", "sigs.k8s.io/kwok/cmd/kwokctl", 15),
        Tool("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 130),
        Tool("kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", 40),
        Tool("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 15),
        Tool("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", 15),
        Tool("headscale", "headscale", "github.com/juanfont/headscale/cmd/headscale", 85),
        Tool("pulumi", "pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", 180),
        Tool("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", 25),
        Tool("tailscaled", "tailscale", "tailscale.com/cmd/tailscaled", 90),
        Tool("tailscale", "tailscale", "tailscale.com/cmd/tailscale", 15),
        Tool("containerboot", "tailscale", "tailscale.com/cmd/containerboot", 15),
        Tool("derper", "tailscale", "tailscale.com/cmd/derper", 15),
        Tool("coredns", "coredns", "github.com/coredns/coredns", 70),
    )
}
# What a world with a simulated node runs. `pulumi` is here only where no installed one fits (engine.cli).
SIMULATED: Final = (
    "process-compose",
    "etcd",
    "kwok",
    "kwokctl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "headscale",
)

# What a real node adds, and what its images are made of.
REAL: Final = ("kubelet", "coredns", "derper", "tailscaled", "tailscale", "containerboot")


class Progress(Protocol):
    """Told what the builder is at; `left` is the estimate for everything still to do."""

    def __call__(self, message: str, left: float) -> None: ...


def version(family: str) -> str:
    """The version that the family's go.mod pins, such as `v1.36.2`."""
    text = (MODULES / family / "go.mod").read_text()
    match = re.search(rf"^(?:require\s+|\t){re.escape(FAMILIES[family].module)}\s+(v\S+)", text, re.MULTILINE)
    if match is None:
        raise SandboxError(
            f"sandbox/toolchain/{family}/go.mod pins no {FAMILIES[family].module}", "Add it with `go get`"
        )
    return match[1]


def flags(family: str) -> list[str]:
    """Flags of `go build`; none of the tools needs cgo, and a static binary also runs inside an image."""
    pinned, spec = version(family), FAMILIES[family]
    stamp = spec.ldflags.format(v=pinned, bare=pinned.removeprefix("v"), minor=pinned.split(".")[1])
    tags = [f"-tags={spec.tags}"] if spec.tags else []
    return ["-trimpath", "-buildvcs=false", "-mod=readonly", *tags, f"-ldflags=-s -w {stamp}".rstrip()]


def cache_key(tool: Tool, go_version: str) -> str:
    """Changes when anything that goes into the binary does."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((MODULES / tool.family / name).read_bytes())
    digest.update("\n".join([tool.package, *flags(tool.family), "CGO_ENABLED=0", go_version]).encode())
    return digest.hexdigest()


def go_needed() -> tuple[int, ...]:
    """The newest `go` directive of all go.mod files."""
    found = [re.search(r"^go (\S+)", path.read_text(), re.MULTILINE) for path in MODULES.glob("*/go.mod")]
    return max(tuple(int(part) for part in match[1].split(".")) for match in found if match)


def missing(home: Home, names: Sequence[str], go_version: str) -> list[Tool]:
    """The tools whose binary is absent or was built from something else."""
    return [TOOLS[name] for name in names if not _is_built(home, TOOLS[name], go_version)]


def ensure(home: Home, names: Sequence[str], progress: Progress) -> float:
    """Build what is missing; returns the seconds it took. Safe against a second builder of the same directory."""
    unknown = sorted(set(names) - TOOLS.keys())
    if unknown:
        raise SandboxError(f"unknown tool {', '.join(unknown)}", f"Known: {', '.join(TOOLS)}")
    home.bin.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    go = find_go(home, go_needed(), progress)
    if not missing(home, names, go.version):
        return 0.0
    with _builder_lock(home.bin, progress):
        todo = missing(home, names, go.version)
        left = float(sum(tool.seconds for tool in todo)) * 2 / max(2, os.cpu_count() or 2)
        for family in dict.fromkeys(tool.family for tool in todo):
            group = [tool for tool in todo if tool.family == family]
            expected = sum(tool.seconds for tool in group) * 2 / max(2, os.cpu_count() or 2)
            _build(home, go, family, group, lambda message, spent, base=left: progress(message, max(0.0, base - spent)))
            left -= expected
    return time.monotonic() - begin


def _is_built(home: Home, tool: Tool, go_version: str) -> bool:
    key = home.bin / ".keys" / tool.name
    return (home.bin / tool.name).is_file() and key.is_file() and key.read_text() == cache_key(tool, go_version)


class _Tick(Protocol):
    def __call__(self, message: str, spent: float) -> None: ...


def _build(home: Home, go: Go, family: str, group: list[Tool], tick: _Tick) -> None:
    names = ", ".join(tool.name for tool in group)
    staging = home.bin / f".build-{family}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    home.logs.mkdir(parents=True, exist_ok=True)
    log = home.logs / f"build-{family}.log"
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    # A package path ending in `src` or `v3` names its binary otherwise, so a lone package gets its name explicitly.
    output = f"{staging}/" if len(group) > 1 else str(staging / group[0].name)
    command = [str(go.path), "build", *flags(family), "-o", output, *(tool.package for tool in group)]
    begin = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=MODULES / family, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            while process.poll() is None:
                tick(f"building {names} {version(family)}", time.monotonic() - begin)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
    if process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SandboxError(f"building {names} failed (go build exit {process.returncode})", f"Log: {log}\n{tail}")
    keys = home.bin / ".keys"
    keys.mkdir(exist_ok=True)
    for tool in group:
        # The old key goes first: a crash between the two lines means a rebuild, never a wrong match.
        (keys / tool.name).unlink(missing_ok=True)
        (staging / tool.name).replace(home.bin / tool.name)
        (keys / tool.name).write_text(cache_key(tool, go.version))
    shutil.rmtree(staging)


@contextlib.contextmanager
def _builder_lock(directory: Path, progress: Progress) -> Generator[None]:
    with (directory / ".lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress("waiting for another process that builds the same tools", 0.0)
                time.sleep(1)
        yield
