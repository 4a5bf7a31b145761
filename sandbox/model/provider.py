"""The model as a gateway's own configuration and its network rules name it."""

from dataclasses import dataclass, field
from typing import Any, Final

PROVIDER: Final = "sandbox"
# The only one that it has.
MODEL: Final = "scripted"
# The name under which the key stands in `gateway.secrets`.
KEY_VARIABLE: Final = "SANDBOX_MODEL_KEY"


@dataclass(frozen=True)
class ModelServer:
    """Where the model is (address and port), and the API key that it asks for."""

    address: str
    key: str = field(repr=False)

    @property
    def base_url(self) -> str:
        return f"http://{self.address}/v1"

    @property
    def egress(self) -> dict[str, Any]:
        """An entry of an instance's `extraEgress`: the address is a private one."""
        host, _, port = self.address.rpartition(":")
        return {"cidr": f"{host}/32", "ports": [{"port": int(port)}]}

    @property
    def config(self) -> dict[str, Any]:
        """An instance's `gateway.config` that makes it the agent's model, without the key.

        OpenClaw trusts a private address that stands as a provider's `baseUrl`: nothing else needs to allow it.
        """
        model = {
            "id": MODEL,
            "name": "Scripted",
            "reasoning": False,
            "input": ["text"],
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
            "contextWindow": 64000,
            "maxTokens": 4096,
            # At an address that is not loopback OpenClaw does not ask for it by itself, and counts no tokens.
            "compat": {"supportsUsageInStreaming": True},
        }
        key = f"${{{KEY_VARIABLE}}}"
        provider = {"baseUrl": self.base_url, "apiKey": key, "api": "openai-completions", "models": [model]}
        return {
            "agents": {"defaults": {"model": {"primary": f"{PROVIDER}/{MODEL}"}}},
            "models": {"mode": "merge", "providers": {PROVIDER: provider}},
        }
