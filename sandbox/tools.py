"""The pinned Go tools: what they are, what a world needs of them, and what makes a build of one stale."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.cuts import CUTS, Cuts, modfile
from sandbox.errors import SandboxError
from sandbox.home import Home

MODULES: Final = Path(__file__).parent / "toolchain"


@dataclass(frozen=True)
class Tool:
    """One binary. `seconds` is what building it took on 2 cores, for the estimate only."""

    name: str
    family: str
    package: str
    seconds: int

    @property
    def output(self) -> str:
        """What Go calls it: the last part of its package that is no version."""
        return next(part for part in reversed(self.package.split("/")) if not re.fullmatch(r"v\d+", part))


@dataclass(frozen=True)
class Family:
    """Tools of one go.mod. `{v}` in the flags stands for the version of `module` that go.mod pins."""

    module: str
    ldflags: str = ""
    tags: str = ""


_K8S: Final = "k8s.io/component-base/version"
FAMILIES: Final = {
    "process-compose": Family("github.com/f1bonacc1/process-compose", tags="nomsgpack"),
    "pulumi": Family(
        "github.com/pulumi/pulumi/pkg/v3",
        "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={v}",
        "osusergo,grpcnotrace",
    ),
    # Clients compare minors. Others that are made of the same packages are built with them: those are compiled once.
    "kubernetes": Family(
        "k8s.io/kubernetes",
        f"-X {_K8S}.gitVersion={{v}} -X {_K8S}.gitMajor=1 -X {_K8S}.gitMinor={{minor}} "
        "-X k8s.io/client-go/pkg/version.gitVersion={v}",
    ),
    # headscale holds a client (tsnet), and so much of what tailscaled is made of: that is compiled once. No state is in AWS.
    "tailscale": Family(
        "tailscale.com",
        "-X tailscale.com/version.shortStamp={bare} -X tailscale.com/version.longStamp={bare}",
        "ts_omit_aws",
    ),
}

TOOLS: Final = {
    tool.name: tool
    for tool in (
        Tool("process-compose", "process-compose", "github.com/f1bonacc1/process-compose/src", 20),
        Tool("etcd", "kubernetes", "go.etcd.io/etcd/server/v3", 10),
        Tool("kwok", "kubernetes", "sigs.k8s.io/kwok/cmd/kwok", 10),
        Tool("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 130),
        Tool("kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", 40),
        Tool("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 15),
        Tool("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", 15),
        Tool("headscale", "tailscale", "github.com/juanfont/headscale/cmd/headscale", 85),
        Tool("pulumi", "pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", 80),
        Tool("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", 25),
        Tool("kube-router", "kubernetes", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router", 10),
        Tool("tailscaled", "tailscale", "tailscale.com/cmd/tailscaled", 40),
        Tool("tailscale", "tailscale", "tailscale.com/cmd/tailscale", 15),
        Tool("containerboot", "tailscale", "tailscale.com/cmd/containerboot", 5),
        Tool("derper", "tailscale", "tailscale.com/cmd/derper", 15),
        # Judges NetworkPolicies, in tests only.
        Tool("cyclonus", "kubernetes", "github.com/mattfenwick/cyclonus/cmd/cyclonus", 5),
    )
}
_COMMON: Final = (
    "process-compose",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "headscale",
)
# What a world with a simulated node runs. `pulumi` and `kubectl` are built only where no installed one fits.
SIMULATED: Final = (*_COMMON, "kwok")
# What one with a real node runs, and what its images are made of.
REAL: Final = (*_COMMON, "kubelet", "kube-router", "derper", "tailscaled", "tailscale", "containerboot")
ENVIRONMENT: Final = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def version(family: str) -> str:
    """The version that the family's go.mod pins, such as `v1.36.2`."""
    pinned = _pinned((MODULES / family / "go.mod").read_text(), FAMILIES[family].module)
    if pinned is None:
        raise SandboxError(
            f"sandbox/toolchain/{family}/go.mod pins no {FAMILIES[family].module}", "Add it with `go get`"
        )
    return pinned


def _pinned(text: str, module: str) -> str | None:
    """The version of a module that a go.mod requires."""
    match = re.search(rf"^(?:require\s+|\t){re.escape(module)}\s+(v\S+)", text, re.MULTILINE)
    return match[1] if match else None


def flags(family: str) -> list[str]:
    """Flags of `go build`; none of the tools needs cgo, and a static binary also runs inside an image."""
    pinned, spec = version(family), FAMILIES[family]
    stamp = spec.ldflags.format(v=pinned, bare=pinned.removeprefix("v"), minor=pinned.split(".")[1])
    # Nobody debugs them: without DWARF the compiler has a tenth less to do.
    common = ["-trimpath", "-buildvcs=false", "-mod=readonly", "-gcflags=all=-dwarf=false"]
    return [*common, *tags(family), f"-ldflags=-s -w {stamp}".rstrip()]


def tags(family: str) -> list[str]:
    """Those flags that decide which packages there are."""
    return [f"-tags={FAMILIES[family].tags}"] if FAMILIES[family].tags else []


def modules(go: Path, family: str, copy: Path, environment: Mapping[str, str]) -> list[str]:
    """The flag that says where the family's modules are pinned, if not in its own go.mod; makes, in `copy`, what it names."""
    left_out = cuts(family)
    if not left_out:
        return []
    return [f"-modfile={modfile(go, MODULES / family, left_out, copy, {**environment, **ENVIRONMENT})}"]


def cuts(family: str) -> Cuts:
    """What is left out of modules that the family's go.mod pins."""
    text = (MODULES / family / "go.mod").read_text()
    return {module: left_out for module, left_out in CUTS.items() if _pinned(text, module)}


def cache_key(tool: Tool, go_version: str) -> str:
    """Changes when anything that goes into the binary does."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((MODULES / tool.family / name).read_bytes())
    parts = [tool.package, *flags(tool.family), "CGO_ENABLED=0", go_version, repr(cuts(tool.family))]
    digest.update("\n".join(parts).encode())
    return digest.hexdigest()


def go_needed() -> tuple[int, ...]:
    """The newest `go` directive of all go.mod files."""
    directives = [re.search(r"^go (\S+)", path.read_text(), re.MULTILINE) for path in MODULES.glob("*/go.mod")]
    return max(tuple(int(part) for part in match[1].split(".")) for match in directives if match)


def missing(home: Home, names: Sequence[str], go_version: str) -> list[Tool]:
    """The tools whose binary is absent or was built from something else."""
    return [TOOLS[name] for name in names if not _is_built(home, TOOLS[name], go_version)]


def _is_built(home: Home, tool: Tool, go_version: str) -> bool:
    key = home.bin / ".keys" / tool.name
    return (home.bin / tool.name).is_file() and key.is_file() and key.read_text() == cache_key(tool, go_version)
