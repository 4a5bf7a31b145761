"""Programs of the gateway's image on a device: containers beside the kubelet's, with the device's network and name."""

import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.settings import Images
from sandbox.node.layout import Layout

# The image's user.
USER: Final = 1000


def new_name(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:12]}"


def kill(node: Layout, name: str) -> None:
    """Ends the first process of a container, and so all of it; one that ended meanwhile is no error."""
    subprocess.run([*_ctr(node), "tasks", "kill", "--signal", "SIGKILL", name], capture_output=True, check=False)


def _ctr(node: Layout) -> list[str]:
    return [str(node.packages / "usr/bin/ctr"), "--address", str(node.socket), "--namespace", "k8s.io"]


@dataclass(frozen=True)
class Container:
    """One program. `process`: the one whose network and hostname it shares; `mounts`: place and mode by source.

    `group`: its control group, which `down` empties; without one it is in its caller's, where it leaves nothing behind.
    """

    process: int
    mounts: Mapping[Path, tuple[str, str]]
    variables: Mapping[str, str]
    directory: str = "/app"
    group: str = ""

    def command(self, node: Layout, name: str, *arguments: str) -> list[str]:
        """The command line that runs it until it ends, under a name that no other container has."""
        options = ["--rm", "--cgroup", self.group, "--runc-binary", str(node.packages / "usr/sbin/runc")]
        options += ["--cwd", self.directory]
        for kind, file in {"network": "net", "uts": "uts"}.items():
            options += ["--with-ns", f"{kind}:/proc/{self.process}/ns/{file}"]
        for source, (target, mode) in self.mounts.items():
            options += ["--mount", f"type=bind,src={source},dst={target},options=rbind:{mode}"]
        options += [part for key, value in self.variables.items() for part in ("--env", f"{key}={value}")]
        return [*_ctr(node), "run", *options, Images().gateway, name, *arguments]
