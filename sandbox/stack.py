"""The sandbox's stacks: this repository's program, with the values that only this machine knows."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.constants import PROJECT
from engine.configuration import StackConfig, Values
from engine.workspace import Workspace
from sandbox.control_plane import CONTEXT
from sandbox.home import REPO, Home

if TYPE_CHECKING:  # 0.3 s to import, so only where an engine is used
    from engine.stack import Engine

STACK_FILE = REPO / "Pulumi.sandbox.yaml"
POLICY_PACK = REPO / "policies" / "pulumi-analyzer-policy-openclaw-tailnet"


@dataclass(frozen=True)
class Machine:
    """The addresses of this sandbox's cluster and tailnet API. The only place that knows the program's words for them."""

    kubeconfig: Path
    api_url: str
    api_key: str
    # Where pods find the control server; None: as in the stack file.
    login_server: str | None = None

    def plain(self) -> Values:
        return {
            f"{PROJECT}:cluster": {"kubeconfig": str(self.kubeconfig), "context": CONTEXT},
            f"{PROJECT}:tailnet": {
                "apiUrl": self.api_url,
                **({"loginServer": self.login_server} if self.login_server else {}),
            },
        }

    def secret(self) -> dict[str, str]:
        """By path in the configuration."""
        return {f"{PROJECT}:tailnet.apiKey": self.api_key}


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
