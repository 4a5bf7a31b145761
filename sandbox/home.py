"""One sandbox's directory: fixed places, ports chosen once, and the lock that lets one command change it."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.errors import SandboxError

REPO: Final = Path(__file__).resolve().parent.parent
# Every process of a sandbox carries this variable: it is how orphans of a crash are told from other people's processes.
MARKER: Final = "OPENCLAW_SANDBOX_WORLD"


@dataclass(frozen=True)
class Home:
    """One sandbox's directory. `SANDBOX_HOME` moves it, `SANDBOX_BIN` shares the built tools between several."""

    root: Path
    bin: Path

    @classmethod
    def from_env(cls) -> "Home":
        root = Path(os.environ.get("SANDBOX_HOME") or REPO / ".sandbox").absolute()
        return cls(root, Path(os.environ.get("SANDBOX_BIN") or root / "bin").absolute())

    @property
    def kubeconfig(self) -> Path:
        """Admin kubeconfig, 0600."""
        return self.root / "kubeconfig"

    @property
    def state(self) -> Path:
        """The engine's file backend."""
        return self.root / "state"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def plugins(self) -> Path:
        """Executables of the stand-in plugins."""
        return self.root / "plugins"

    @property
    def run(self) -> Path:
        """Process state, sockets, ports, the cluster's data."""
        return self.root / "run"

    @property
    def volumes(self) -> Path:
        """Data of the PersistentVolumes."""
        return self.root / "volumes"

    @property
    def tailnet(self) -> Path:
        """headscale's files."""
        return self.root / "tailnet"

    @property
    def pulumi(self) -> Path:
        """PULUMI_HOME."""
        return self.root / "pulumi"

    @property
    def go(self) -> Path:
        """A Go distribution, where the machine has none that fits."""
        return self.root / "go"

    @property
    def official(self) -> Path:
        """Pulumi's own CLI and plugins, downloaded; beside the built tools."""
        return self.bin.parent / "official"

    @property
    def cluster(self) -> str:
        """The cluster's name: another home is another cluster."""
        return f"sandbox-{hashlib.sha256(str(self.root).encode()).hexdigest()[:8]}"

    @property
    def exists(self) -> bool:
        return self.run.is_dir()

    def create(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        for directory in (self.state, self.logs, self.plugins, self.run, self.volumes, self.tailnet, self.pulumi):
            directory.mkdir(exist_ok=True)
        # They hold keys, tokens, data, and a control socket without a password.
        for directory in (self.state, self.run, self.volumes, self.tailnet, self.pulumi):
            directory.chmod(0o700)

    def remove(self, purge: bool = False) -> None:
        """Everything but the built tools; with `purge` the tools as well."""
        for directory in (self.state, self.logs, self.plugins, self.volumes, self.tailnet, self.pulumi, self.run):
            shutil.rmtree(directory, ignore_errors=True)
        self.kubeconfig.unlink(missing_ok=True)
        if purge:
            shutil.rmtree(self.go, ignore_errors=True)
            if self.bin.parent == self.root:
                shutil.rmtree(self.bin, ignore_errors=True)
                shutil.rmtree(self.official, ignore_errors=True)
            (self.root / "lock").unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.root.rmdir()

    def world_id(self) -> str:
        """Random name of this world, made once; the value of MARKER in each of its processes."""
        return self.secret("world", 16)

    def secret(self, name: str, size: int = 32) -> str:
        """A random word, made once and kept 0600."""
        path = self.run / name
        if not path.exists():
            write_private(path, secrets.token_hex(size))
        return path.read_text().strip()

    def port(self, name: str) -> int:
        """A loopback port, free when it was first asked for and the same ever after."""
        path = self.run / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        if name not in ports:
            ports[name] = _free_port(set(ports.values()))
            write_private(path, json.dumps(ports, indent=1))
        return ports[name]

    def environment(self) -> dict[str, str]:
        """Environment of every process that belongs to this world."""
        return {
            **os.environ,
            MARKER: self.world_id(),
            "SANDBOX_HOME": str(self.root),
            "SANDBOX_BIN": str(self.bin),
            "PATH": os.pathsep.join([str(self.plugins), str(self.bin), os.environ.get("PATH", os.defpath)]),
        }


def write_private(path: Path, text: str) -> None:
    """Write 0600 and all at once, so that a crash leaves the old text or the new."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def _free_port(taken: set[int]) -> int:
    # Below the ephemeral range (32768-60999): no outgoing connection can sit on it when a part restarts.
    for _ in range(200):
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as probe:
            if port not in taken and probe.connect_ex(("127.0.0.1", port)) != 0:
                with contextlib.suppress(OSError):
                    probe_bind(port)
                    return port
    raise SandboxError("no free loopback port between 20000 and 32000", "Stop the programs that use them")


def probe_bind(port: int) -> None:
    """Raises OSError when the port cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


@contextlib.contextmanager
def exclusive(home: Home, command: str) -> Generator[None]:
    """One `up` or `down` at a time per home; the second is told who is first. The kernel drops it with the process."""
    home.root.mkdir(parents=True, exist_ok=True)
    with (home.root / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise SandboxError(f"{owner} is using {home.root}", "Wait for it, or stop it with Ctrl-C there") from None
        file.truncate(0)
        file.write(f"`{command}` (pid {os.getpid()})")
        file.flush()
        yield
        file.truncate(0)
