"""The sandbox's stacks: this repository's program, with the values that only this machine knows."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from components.constants import PROJECT
from engine.configuration import StackConfig, Values, merged
from engine.workspace import Workspace
from sandbox.control_plane import CONTEXT
from sandbox.errors import SandboxError
from sandbox.home import REPO, Home
from sandbox.model.provider import KEY_VARIABLE
from sandbox.node.layout import FIRST_ADDRESS

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from engine.stack import Engine

_TAILNET: Final = f"{PROJECT}:tailnet"
_INSTANCES: Final = f"{PROJECT}:instances"
_NODES: Final = f"{PROJECT}:nodes"

STACK_FILE = REPO / "Pulumi.sandbox.yaml"
POLICY_PACK = REPO / "policies" / "pulumi-analyzer-policy-openclaw-tailnet"


@dataclass(frozen=True)
class Machine:
    """The addresses of this sandbox's cluster and tailnet API. The only place that knows the program's words for them."""

    kubeconfig: Path
    api_url: str
    api_key: str

    def plain(self) -> Values:
        return {
            f"{PROJECT}:cluster": {"kubeconfig": str(self.kubeconfig), "context": CONTEXT},
            _TAILNET: {"apiUrl": self.api_url},
        }

    def secret(self) -> dict[str, str]:
        """By path in the configuration."""
        return {f"{_TAILNET}.apiKey": self.api_key}


def at_bridge(stack_file: Path, bridge: str) -> Values:
    """The parts of a stack file that name the first sandbox's bridge, with the address of this one's."""
    given: Values = yaml.safe_load(stack_file.read_text()).get("config", {})
    text = json.dumps({key: given[key] for key in (_TAILNET, _INSTANCES, _NODES) if key in given})
    return json.loads(text.replace(FIRST_ADDRESS, bridge))


def model_keys(stack_file: Path, key: str) -> dict[str, str]:
    """The model's key for each instance of a stack file that takes it, by path."""
    instances: list[Values] = yaml.safe_load(stack_file.read_text()).get("config", {}).get(_INSTANCES, [])
    return {
        f"{_INSTANCES}[{index}].gateway.secrets.{KEY_VARIABLE}": key
        for index, instance in enumerate(instances)
        if f"${{{KEY_VARIABLE}}}" in json.dumps(instance)
    }


@dataclass(frozen=True)
class OwnModel:
    """A person's own model in the place of the scripted one, such as `openai/gpt-6-astra`, and its provider's key."""

    name: str
    variable: str
    key: str = field(repr=False)

    @staticmethod
    def chosen(environ: Mapping[str, str]) -> "OwnModel | None":
        """By SANDBOX_MODEL, and the variable that the provider's name gives: OPENAI_API_KEY. Raises SandboxError."""
        name = environ.get("SANDBOX_MODEL", "")
        if not name:
            return None
        provider, slash, model = name.partition("/")
        if not (slash and model and re.fullmatch(r"[a-z][a-z0-9-]*", provider)):
            raise SandboxError(f"SANDBOX_MODEL is {name!r}", "Write provider/model, such as openai/gpt-6-astra")
        variable = f"{provider.upper().replace('-', '_')}_API_KEY"
        if not environ.get(variable):
            raise SandboxError(f"SANDBOX_MODEL is {name}, and {variable} is not set", f"Set {variable} to your key")
        if environ.get("SANDBOX_EGRESS") != "1":
            raise SandboxError(
                "SANDBOX_MODEL is a model on the internet, and nothing of the sandbox leaves this machine",
                "Set SANDBOX_EGRESS=1, too",
            )
        return OwnModel(name, variable, environ[variable])

    def plain(self, config: Values) -> Values:
        """The configuration with this model for every agent that has one."""
        chosen = {"agents": {"defaults": {"model": {"primary": self.name}}}}
        instances = [
            merged(instance, {"gateway": {"config": chosen}}) if "config" in instance.get("gateway", {}) else instance
            for instance in config.get(_INSTANCES, [])
        ]
        return {**config, _INSTANCES: instances}

    def secret(self, config: Values) -> dict[str, str]:
        """Its key for each of these agents, by path."""
        return {
            f"{_INSTANCES}[{index}].gateway.secrets.{self.variable}": self.key
            for index, instance in enumerate(config.get(_INSTANCES, []))
            if "config" in instance.get("gateway", {})
        }


def workspace(home: Home) -> Workspace:
    """The engine's workspace in a sandbox. Its plugins were chosen before (sandbox/pulumi_tools.py)."""
    home.secret("passphrase")
    return Workspace(
        state=home.state,
        pulumi_home=home.pulumi,
        work=home.run / "engine",
        logs=home.logs,
        passphrase=home.run / "passphrase",
        environment={
            **home.environment(),
            # The person's own cluster is never touched, whatever a default provider may do.
            "KUBECONFIG": str(home.kubeconfig),
        },
    )


def engine(home: Home, cli: Path, config: StackConfig, stack: str = "sandbox") -> "Engine":
    """The engine over this repository's program, with its policy pack."""
    from engine.stack import Engine

    program, project = REPO / "__main__.py", REPO / "Pulumi.yaml"
    return Engine(workspace(home), cli, config, stack, program, project, policy_packs=(POLICY_PACK,))
