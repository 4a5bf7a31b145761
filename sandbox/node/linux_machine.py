"""A Linux machine as an execution node, set up with what the stack exports for it, to the letter.

What cloud-init and systemd would do stands here: files where the user-data puts them, and the unit's own command lines,
each in a container with the network and the name of the device. Node.js and OpenClaw come from the gateway's image.
"""

import json
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.nodes import linux
from sandbox.errors import SandboxError
from sandbox.node import containers, devices
from sandbox.node.containers import Container
from sandbox.node.devices import Device
from sandbox.node.layout import Layout

# Seconds to end by itself.
_PATIENCE: Final = 20
# Files of root's that the node reads.
_PUBLIC: Final = (f"{linux.LIB}/enrol.mjs", linux.CONFIG_FILE)


@dataclass(frozen=True)
class LinuxMachine:
    """The machine. `files`: what the user-data writes, by path."""

    device: Device
    files: dict[str, str]

    @classmethod
    def of(cls, device: Device, user_data: str) -> "LinuxMachine":
        """A switched-on device with the files of cloud-init user-data; not in the tailnet yet. Safe to repeat."""
        first, _, text = user_data.partition("\n")
        if first != "#cloud-config":
            raise SandboxError(f"{device.name} was given no cloud-init user-data", "Run `make up` again")
        written: list[dict[str, Any]] = json.loads(text)["write_files"]
        machine = cls(device, {file["path"]: file["content"] for file in written})
        if not machine.home.exists():
            machine._install()
        return machine

    def _install(self) -> None:
        for path in (linux.KEY_FILE, linux.SECRET_FILE):
            if not self.files[path].strip():
                raise SandboxError(f"{path} of {self.device.name} is empty", "See `pulumi stack output join`")
        self.library.mkdir()
        for path in _PUBLIC:
            if path in self.files:
                (self.library / Path(path).name).write_text(self.files[path])
        self.home.mkdir(parents=True)
        for program in linux.PROGRAM:
            link = self.home / Path(program).relative_to(linux.HOME)
            link.parent.mkdir(parents=True)
            link.symlink_to("/usr/local/bin/node" if link.name == "node" else "/app/openclaw.mjs")
        (self.home / Path(linux.SECRET_FILE).name).write_text(self.files[linux.SECRET_FILE])
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, containers.USER, containers.USER, follow_symlinks=False)

    @property
    def home(self) -> Path:
        """The node's own directory, as this machine sees it."""
        return self.device.directory / "node-home"

    @property
    def library(self) -> Path:
        return self.device.directory / "node-library"

    @property
    def enrolled(self) -> bool:
        """Somebody approved it, and it has a credential of its own."""
        return (self.home / Path(linux.MARKER).name).exists()

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
        node = self.device.layout
        mounts = {
            self.home: (linux.HOME, "rw"),
            self.library: (linux.LIB, "ro"),
            self.device.directory / "etc" / "resolv.conf": ("/etc/resolv.conf", "ro"),
        }
        if linux.CONFIG_FILE in self.files:
            mounts[self.library / Path(linux.CONFIG_FILE).name] = (linux.CONFIG_FILE, "ro")
        lines = self.files[f"{linux.ETC}/environment"].splitlines()
        variables = {name: value for name, _, value in (line.partition("=") for line in lines)}
        # Below the pods' group: `down` ends what is in it, whoever started it and however that ended.
        group = f"{node.cgroup}/{self.device.name}"
        container = Container(
            self.device.process, mounts, {**variables, "ENROL_REPEAT_MS": "5000"}, directory=linux.HOME, group=group
        )
        name = containers.new_name("node")
        log = node.home.logs / f"{name}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                container.command(node, name, *command),
                env=devices.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                # It outlives the command line that started it.
                start_new_session=True,
            )
        return Running(node, name, process, log)

    def serve(self) -> None:
        """Has the node's host running until the device is switched off, as its unit would after the enrolment."""
        if devices.recorded(self._host) is None:
            devices.record(self._host, self.start(self.command("ExecStart")).process.pid)

    @property
    def _host(self) -> Path:
        return self.device.directory / devices.PROGRAM


@dataclass(frozen=True)
class Running:
    """A command that runs on the machine, in a container of this name; stop it before the world goes."""

    node: Layout
    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def stop(self) -> None:
        """As systemd ends it: a node host whose browser relay listens does not end when it is asked to."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                containers.kill(self.node, self.name)
                self.process.wait(30)
