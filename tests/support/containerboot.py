"""A sidecar as the kubelet would start it, without a kubelet: the rendered container's environment and files, the real
containerboot, tailscaled and tailscale, each noting the arguments that it was given."""

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

from components import credential, names, sidecar, workload
from components.settings.load import parse
from components.tailnet import credentials

STARTED = "Startup complete, waiting for shutdown signal"


def config(name: str, tailnet: dict[str, Any], **sidecar: Any) -> dict[str, Any]:
    """One gateway in userspace (so that no test needs a device of the kernel), with a given credential."""
    return {
        "tailnet": {"name": "sandbox.internal", "ownership": "external", **tailnet},
        "instances": [
            {
                "id": name,
                "people": ["alice@example.com"],
                "tailscale": {"mode": "userspace", "reach": "http", **sidecar},
            }
        ],
    }


@dataclass
class Boot:
    """The sidecar of one configuration, with its volumes in `place`. It may be started again and again."""

    place: Path
    bin: Path
    port: int
    container: dict[str, Any] = field(default_factory=dict[str, Any])

    def render(self, raw: dict[str, Any]) -> None:
        """Writes what the program would deploy, and the files that the kubelet and the init container would put there."""
        settings = parse(raw)
        (instance,) = settings.instances
        named, given = names.of(instance.id), credentials.given(instance, settings)
        assert given is not None
        self.container = asyncio.run(_container(raw))
        for mount in self.container["volumeMounts"]:
            self._directory(mount["name"]).mkdir(parents=True, exist_ok=True)
        serve = sidecar.serve_json(instance.tailscale, f"{named.hostname}.{settings.tailnet.name}")
        (self._directory("tailnet-serve") / sidecar.SERVE_KEY).write_text(serve)
        if isinstance(given.secret, str):
            self.put_secret(given.secret)

    def put_secret(self, text: str) -> None:
        """The text that the init container would have unsealed."""
        (self._directory("tailnet-authkey") / "authkey").write_text(text)

    def put_token(self, text: str) -> None:
        """Writes the token that the kubelet would have asked the API server for."""
        (self._directory("tailnet-token") / credential.TOKEN_KEY).write_text(text)

    @property
    def log(self) -> str:
        return (self.place / "log").read_text()

    def calls(self) -> list[str]:
        """The command lines so far, in order, with the container's own paths."""
        path = self.place / "calls"
        text = path.read_text() if path.exists() else ""
        for inside, outside in self._paths().items():
            text = text.replace(outside, inside)
        return text.splitlines()

    @contextmanager
    def running(self) -> Generator[subprocess.Popen[bytes]]:
        """containerboot, until the block ends; then as the kubelet ends it, with time to say goodbye."""
        (self.place / "calls").unlink(missing_ok=True)
        with (self.place / "log").open("wb") as log:
            process = subprocess.Popen(
                [*self._as_in_the_pod(), self.bin / "containerboot"],
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            # Harmless when it has ended by itself.
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            finally:
                # In a pod its end is everybody's: tailscaled has a group of its own, but this session.
                subprocess.run(["pkill", "-KILL", "--session", str(process.pid)], check=False)
                process.wait()

    def until(self, process: subprocess.Popen[bytes], text: str, seconds: float = 20.0) -> None:
        """Waits for a line of the log; fails with the log when containerboot ends before, or takes longer."""
        deadline = time.monotonic() + seconds
        while text not in self.log:
            ended = process.poll() is not None or time.monotonic() > deadline
            time.sleep(0.05)
            assert not ended or text in self.log, f"no {text!r} in: {self.log[-3000:]}"

    def _directory(self, volume: str) -> Path:
        return self.place / "volumes" / volume

    def _paths(self) -> dict[str, str]:
        """The directories here, by the container's path."""
        return {mount["mountPath"]: str(self._directory(mount["name"])) for mount in self.container["volumeMounts"]}

    def _environment(self) -> dict[str, str]:
        paths = self._paths()
        inside = re.compile(
            "|".join(rf"(?<![\w/]){re.escape(path)}\b" for path in sorted(paths, key=len, reverse=True))
        )
        values = {variable["name"]: variable["value"] for variable in self.container["env"] if "value" in variable}
        environment = {name: inside.sub(lambda match: paths[match[0]], value) for name, value in values.items()}
        # A pod has its own loopback and its own /tmp for the socket.
        environment["TS_LOCAL_ADDR_PORT"] = f"127.0.0.1:{self.port}"
        environment["TS_SOCKET"] = str(self.place / "socket")
        return {**environment, "PATH": f"{self._recorders()}:{os.environ['PATH']}", "HOME": str(self.place)}

    def _as_in_the_pod(self) -> list[str]:
        """Without root's rights, which it would use to leave a link to its socket in this machine's /var/run."""
        if os.geteuid() != 0:
            return []
        user = str(self.container["securityContext"]["runAsUser"])
        subprocess.run(["chown", "--recursive", f"{user}:{user}", self.place], check=True)
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--bounding-set=-all"]

    def _recorders(self) -> Path:
        scripts = self.place / "bin"
        scripts.mkdir(exist_ok=True)
        for tool in ("tailscaled", "tailscale"):
            script = scripts / tool
            script.write_text(f'#!/bin/sh\necho "{tool} $*" >>{self.place}/calls\nexec {self.bin / tool} "$@"\n')
            script.chmod(0o755)
        return scripts


async def _container(raw: dict[str, Any]) -> dict[str, Any]:
    settings = parse(raw)
    (instance,) = settings.instances
    given = credentials.given(instance, settings)
    assert given is not None
    sources = workload.Sources(
        "config", "token", serve="serve", kek="kek", sealed_key="sealed", federated=given.federated
    )
    pod = workload.pod(names.of(instance.id), instance, settings.tailnet, settings.images, sources)
    (sidecar_container,) = [container for container in pod["initContainers"] if container["name"] == "tailscale"]
    for variable in sidecar_container["env"]:
        if isinstance(variable.get("value"), pulumi.Output):
            variable["value"] = await variable["value"].future()
    return sidecar_container
