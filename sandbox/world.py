"""One world: control plane, supervised parts and a tailnet with its people; brought up, looked at, taken down."""

import base64
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import yaml

from components.constants import PROJECT
from components.outputs import InstanceOutput
from components.settings import Images
from engine.configuration import StackConfig, merged
from engine.processes import Process, end, parents
from engine.progress import Progress
from engine.state import outputs
from sandbox import builds, control_plane, needs, parts, tools
from sandbox.errors import SandboxError
from sandbox.home import Home
from sandbox.kube import Api
from sandbox.model.provider import ModelServer
from sandbox.node import dns, images, layout, machine, runtime
from sandbox.node.oci import Image, Store
from sandbox.processes import members
from sandbox.stack import STACK_FILE, Machine, OwnModel, at_bridge, engine, model_keys
from sandbox.supervisor import State, Supervisor
from sandbox.tailnet import headscale
from sandbox.tailnet.records import Credentials

if TYPE_CHECKING:
    from engine.stack import Engine

Report = Callable[[str, str, float], None]
# Seconds that a world takes once its tools are there, to the first gateways, for the estimate.
_AFTER_BUILDS: Final = 60.0


def quiet(stage: str, done: str, seconds: float) -> None:
    """A report to nobody."""


def building(message: str, left: float) -> None:
    """Progress of builds, to nobody."""


@dataclass(frozen=True)
class People:
    """The tailnet's domain, and the people that a policy can name."""

    domain: str
    logins: tuple[str, ...]
    # By instance, the first of its people.
    owners: dict[str, str] = field(default_factory=dict[str, str])


def people_of(stack_file: Path) -> People:
    """The tailnet's domain and everybody that a stack file names."""
    document: Any = yaml.safe_load(stack_file.read_text())
    config: dict[str, Any] = document.get("config", {})
    tailnet: dict[str, Any] = config.get("openclaw-tailnet:tailnet", {})
    named: list[str] = list(tailnet.get("tagOwners", []))
    for members_ in tailnet.get("groups", {}).values():
        named += members_
    owners: dict[str, str] = {}
    for instance in config.get("openclaw-tailnet:instances", []):
        named += instance.get("people", [])
        owners[instance["id"]] = next(iter(instance["people"]))
    logins = [name for name in named if "@" in name]
    return People(str(tailnet.get("name", "sandbox.internal")), tuple(dict.fromkeys(logins)), owners)


@dataclass
class World:
    """Usable by the command line and by tests: `World(Home(root, bin)).start()`.

    `real`: pods run, on a node of this machine; else kwok plays them.
    """

    home: Home = field(default_factory=Home.from_env)
    real: bool = False

    @classmethod
    def chosen(cls, home: Home) -> tuple["World", str]:
        """The world of a home, and why its node is what it is. `SANDBOX_NODE=auto|real|simulated` chooses."""
        wanted = os.environ.get("SANDBOX_NODE", "auto")
        if wanted not in ("auto", "real", "simulated"):
            raise SandboxError(f"SANDBOX_NODE is {wanted!r}", "Set it to auto, real or simulated, or unset it")
        if wanted == "simulated":
            return cls(home), "simulated node (kwok), as requested: pods only appear to run"
        reason = machine.available(home)
        if reason is None:
            return cls(home, real=True), "real node: pods run in containerd on this machine"
        if wanted == "real":
            raise SandboxError(f"a real node is not possible: {reason}", "Fix that, or set SANDBOX_NODE=auto")
        return cls(home), f"simulated node (kwok), because {reason}: pods only appear to run"

    @property
    def kubeconfig(self) -> Path:
        return self.home.kubeconfig

    @property
    def api_url(self) -> str:
        """The Tailscale API."""
        return parts.adapter_url(self.home)

    @property
    def login_server(self) -> str | None:
        """The control server, as pods reach it; None where no pod runs."""
        return layout.of(self.home).login_server if self.real else None

    @property
    def model(self) -> ModelServer:
        """The scripted model, as gateways reach it, and its key."""
        return parts.model(self.home, layout.of(self.home).model if self.real else None)

    @property
    def api_key(self) -> str:
        credentials = Credentials.read(self.home.tailnet)
        return credentials.api_key if credentials else ""

    def start(
        self,
        people: People | None = None,
        report: Report = quiet,
        progress: Progress = building,
        extra_tools: Sequence[str] = (),
    ) -> None:
        """Bring everything up from whatever state it is in. `report` hears each stage, what was done, and seconds.

        `extra_tools` are built beside it, and there when this returns.
        """
        people = people or people_of(STACK_FILE)
        self.home.create()
        self._remember_kind()
        needed = tools.REAL if self.real else tools.SIMULATED
        needs.ensure(self.home, self.real, [*needed, *extra_tools], progress)
        unassembled = self.real and images.missing(self.home)
        with builds.building(self.home, [*needed, *extra_tools], progress, unassembled, _AFTER_BUILDS) as work:
            seconds = work.wait([*needed, builds.IMAGES])
            report("tools and images" if self.real else "tools", "built" if seconds else "cached", seconds)
            self._start(people, report, lambda message: progress(message, work.left()))
            begin = time.monotonic()
            if work.wait() - seconds > 1:
                report("other tools", "built", time.monotonic() - begin)

    def _start(self, people: People, report: Report, progress: Callable[[str], None]) -> None:
        end(self.orphans())
        begin = time.monotonic()
        control_plane.prepare(self.home)
        if self.real:
            node = runtime.prepare(self.home, progress)
            config = runtime.headscale_config(node, people.domain)
            beside = [*parts.common(self.home, config, self.model), *runtime.parts(node)]
        else:
            node = None
            config = parts.tailnet_config(self.home, people.domain)
            beside = parts.common(self.home, config, self.model)
        config.write(self.home.tailnet)
        wanted = [*control_plane.parts(self.home, simulated=not self.real), *beside]
        supervisor = Supervisor(self.home)
        progress("starting the control plane")
        done = supervisor.start(wanted)
        control_plane.furnish(self.home, simulated=not self.real)
        report("control plane", done, time.monotonic() - begin)
        begin = time.monotonic()
        # The adapter is well only after the setup, which needs headscale.
        supervisor.wait(part for part in wanted if part.name == "headscale")
        headscale.setup(self.home.tailnet, people.logins)
        supervisor.wait(wanted)
        if node:
            runtime.import_all(node, *self._images(progress), progress)
            runtime.wait_ready(self.home)
        dns.deploy(self.home, node.address if node else "")
        report("tailnet, storage, node" if self.real else "tailnet and storage", done, time.monotonic() - begin)

    def _remember_kind(self) -> None:
        """A home keeps its kind of node: the volumes of one are not to be found on the other."""
        kind, record = "real" if self.real else "simulated", self.home.run / "node-kind"
        if record.exists() and record.read_text() != kind:
            raise SandboxError(f"this sandbox has a {record.read_text()} node", "Run `python -m sandbox down` first")
        record.write_text(kind)

    def _images(self, progress: Callable[[str], None]) -> tuple[list[Image], Store]:
        """The images that the program deploys."""
        return images.ensure(self.home, images.recipes(Images(), self.home), progress)

    def admit(self, people: Iterable[str]) -> None:
        """Make more people known to the tailnet."""
        headscale.setup(self.home.tailnet, people)

    def stop(self, keep_data: bool = False, purge: bool = False) -> None:
        """End every process; without `keep_data` remove everything but the built tools and images, with `purge` these too.

        Safe to repeat.
        """
        if self.home.exists:
            Supervisor(self.home).stop()
            end(members(self.home))
        runtime.down(self.home, keep_data, purge)
        if purge and self.home.bin.parent == self.home.root:
            for cache in (images.directory(self.home), layout.Layout(self.home).packages):
                machine.remove_tree(cache)
        if not keep_data:
            self.home.remove(purge)

    def orphans(self) -> list[Process]:
        """Processes of this world that its supervisor does not account for: left by a crash."""
        supervisor = Supervisor(self.home).process()
        return [
            process
            for process in members(self.home)
            if supervisor is None or supervisor.pid not in parents(process.pid)
        ]

    def engine(self, cli: Path, stack_file: Path = STACK_FILE, stack: str = "sandbox") -> "Engine":
        """The engine over one stack file, with this world's cluster and tailnet filled in."""
        here = Machine(self.kubeconfig, self.api_url, self.api_key)
        plain, secret = here.plain(), here.secret() | model_keys(stack_file, self.model.key)
        # Without a real node no pod asks for any address.
        if self.real:
            given = at_bridge(stack_file, layout.of(self.home).address)
            if own := OwnModel.chosen(os.environ):
                given, secret = own.plain(given), secret | own.secret(given)
            plain = merged(given, plain)
        return engine(self.home, cli, StackConfig(stack_file, plain, secret), stack)

    def instances(self, stack: str = "sandbox") -> dict[str, InstanceOutput]:
        """The stack's output of that name, read from the state without starting an engine."""
        return outputs(self.home.state, PROJECT, stack).get("instances", {})

    def token(self, instance: str) -> str:
        """The gateway's token, from the Secret that its Deployment reads. Never to be printed."""
        with Api(self.home.kubeconfig, timeout=5) as api:
            namespace = self.instances()[instance]["namespace"]
            secrets = api.items(f"/api/v1/namespaces/{namespace}/secrets")
        tokens = [secret for secret in secrets if secret["metadata"]["name"].startswith(f"{instance}-gateway-token-")]
        if len(tokens) != 1:
            raise SandboxError(f"there is no token of {instance}", "Run `make up`")
        return base64.b64decode(tokens[0]["data"]["token"]).decode()

    def logs(self) -> dict[str, Path]:
        """Every log by the name of its part."""
        return {path.stem: path for path in self.home.logs.glob("*.log")}

    def states(self) -> dict[str, State]:
        """Every part by name."""
        return Supervisor(self.home).states() if self.home.exists else {}


def pods_ready(home: Home, namespaces: Iterable[str]) -> dict[str, str]:
    """By namespace, `Ready` or the phase of the first pod that is not."""
    states: dict[str, str] = {}
    # An API server that is down is told by the parts' table, not here.
    with contextlib.suppress(httpx.HTTPError), Api(home.kubeconfig, timeout=5) as api:
        for namespace in namespaces:
            for pod in api.items(f"/api/v1/namespaces/{namespace}/pods"):
                conditions = pod.get("status", {}).get("conditions", [])
                ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
                if not ready or namespace not in states:
                    states[namespace] = "Ready" if ready else pod["status"].get("phase", "Pending")
    return states
