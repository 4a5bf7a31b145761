"""A Linux machine as an execution node: device "node-1", set up with what the stack exports for it, to the letter.

What cloud-init and systemd would do stands here: files where the user-data puts them, and the unit's own command lines,
each in a container with the network of the device. Node.js and OpenClaw come from the gateway's image.
"""

import json
import os
import shlex
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.nodes import linux
from components.settings import Images
from sandbox.node import devices, layout
from sandbox.node.devices import Device
from sandbox.world import World

# The image's user stands for the node's own.
_USER: Final = 1000


@dataclass(frozen=True)
class NodeMachine:
    """The machine. `files`: what the user-data writes, by path."""

    world: World
    device: Device
    files: dict[str, str]

    @classmethod
    def of(cls, world: World, user_data: str) -> "NodeMachine":
        """The switched-on machine with its files; not in the tailnet yet."""
        first, _, text = user_data.partition("\n")
        assert first == "#cloud-config"
        written: list[dict[str, Any]] = json.loads(text)["write_files"]
        device = devices.start(layout.of(world.home), devices.NODE_1)
        machine = cls(world, device, {file["path"]: file["content"] for file in written})
        machine._install()
        return machine

    def _install(self) -> None:
        for path in (linux.KEY_FILE, linux.SECRET_FILE):
            assert self.files[path].strip(), path
        self.home.mkdir(parents=True)
        for program in linux.PROGRAM:
            link = self.home / Path(program).relative_to(linux.HOME)
            link.parent.mkdir(parents=True)
            link.symlink_to("/usr/local/bin/node" if link.name == "node" else "/app/openclaw.mjs")
        (self.home / Path(linux.SECRET_FILE).name).write_text(self.files[linux.SECRET_FILE])
        self.library.mkdir()
        (self.library / "enrol.mjs").write_text(self.files[f"{linux.LIB}/enrol.mjs"])
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, _USER, _USER, follow_symlinks=False)

    @property
    def home(self) -> Path:
        """The node's own directory, as this machine sees it."""
        return self.device.directory / "node-home"

    @property
    def library(self) -> Path:
        return self.device.directory / "node-library"

    def join(self) -> subprocess.CompletedProcess[str]:
        """Runs the join script's own `tailscale up`, with the key where the script expects it."""
        lines = self.files[linux.JOIN].splitlines()
        (up,) = [line.strip() for line in lines if line.strip().startswith("tailscale up ")]
        self.device.run("mkdir", "-p", str(Path(linux.KEY_FILE).parent))
        self.device.run("tee", linux.KEY_FILE, text=self.files[linux.KEY_FILE])
        return self.device.tailscale(*shlex.split(up)[1:], "--timeout=30s")

    def command(self, entry: str) -> list[str]:
        """The command line of the unit's ExecStartPre or ExecStart."""
        unit = self.files[f"/etc/systemd/system/{linux.USER}.service"]
        (line,) = [line for line in unit.splitlines() if line.startswith(f"{entry}=")]
        return shlex.split(line.removeprefix(f"{entry}="))

    def start(self, command: list[str]) -> "Running":
        """Runs a command of the unit, with the unit's environment."""
        node = layout.of(self.world.home)
        mounts = {
            self.home: (linux.HOME, "rw"),
            self.library: (linux.LIB, "ro"),
            self.device.directory / "etc" / "resolv.conf": ("/etc/resolv.conf", "ro"),
        }
        options = ["--rm", "--cgroup", "", "--runc-binary", str(node.packages / "usr/sbin/runc"), "--cwd", linux.HOME]
        options += ["--with-ns", f"network:/proc/{self.device.command()[2]}/ns/net"]
        for source, (target, mode) in mounts.items():
            options += ["--mount", f"type=bind,src={source},dst={target},options=rbind:{mode}"]
        for line in self.files[f"{linux.ETC}/environment"].splitlines():
            options += ["--env", line]
        options += ["--env", "ENROL_REPEAT_MS=5000"]
        ctr = [str(node.packages / "usr/bin/ctr"), "--address", str(node.socket), "--namespace", "k8s.io"]
        name = f"node-{uuid.uuid4().hex[:12]}"
        log = self.world.home.logs / f"{name}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [*ctr, "run", *options, Images().gateway, name, *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        return Running(process, log)


@dataclass(frozen=True)
class Running:
    """A command that runs on the machine; stop it before the world goes."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def stop(self) -> None:
        """As systemd ends it."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
