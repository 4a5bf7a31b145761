"""The sandbox's stacks: this repository's program, with the values that only this machine knows."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from components.constants import PROJECT
from engine.configuration import StackConfig, Values
from engine.workspace import Workspace
from sandbox.control_plane import CONTEXT
from sandbox.home import REPO, Home
from sandbox.model.provider import KEY_VARIABLE
from sandbox.node.layout import FIRST_ADDRESS

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from engine.stack import Engine

_TAILNET: Final = f"{PROJECT}:tailnet"
_INSTANCES: Final = f"{PROJECT}:instances"

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
    text = json.dumps({key: given[key] for key in (_TAILNET, _INSTANCES) if key in given})
    return json.loads(text.replace(FIRST_ADDRESS, bridge))


def model_keys(stack_file: Path, key: str) -> dict[str, str]:
    """The model's key for each instance of a stack file that takes it, by path."""
    instances: list[Values] = yaml.safe_load(stack_file.read_text()).get("config", {}).get(_INSTANCES, [])
    return {
        f"{_INSTANCES}[{index}].gateway.secrets.{KEY_VARIABLE}": key
        for index, instance in enumerate(instances)
        if f"${{{KEY_VARIABLE}}}" in json.dumps(instance)
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
