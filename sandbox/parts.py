"""The parts that run beside the control plane, in order; a real node's (sandbox/node/runtime.py) join this list."""

import sys
from collections.abc import Sequence
from typing import Final

from sandbox.home import REPO, Home
from sandbox.model.provider import ModelServer
from sandbox.supervisor import Part
from sandbox.tailnet import headscale

_MODEL_KEY: Final = "model-key"


def tailnet_config(home: Home, base_domain: str) -> headscale.HeadscaleConfig:
    """headscale's settings in a home without a real node: on loopback."""
    return headscale.HeadscaleConfig(port=home.port("headscale"), base_domain=base_domain)


def adapter_url(home: Home) -> str:
    """Base URL of the Tailscale API."""
    return f"http://127.0.0.1:{home.port('tailscale-api')}"


def model(home: Home, address: str | None) -> ModelServer:
    """The scripted model and its key, which is made at the first time; on loopback where no pod asks for it."""
    return ModelServer(address or f"127.0.0.1:{home.port('model')}", home.secret(_MODEL_KEY))


def _python(*arguments: str) -> Sequence[str]:
    # -P: the working directory must not shadow modules.
    return [sys.executable, "-P", "-u", "-m", *arguments]


def common(home: Home, config: headscale.HeadscaleConfig, model: ModelServer) -> list[Part]:
    """The parts of every world, whatever its node."""
    ours = {"PYTHONPATH": str(REPO)}
    return [
        Part("headscale", headscale.command(home.bin, home.tailnet), health_url=config.health_url),
        Part("provisioner", _python("sandbox.provisioner"), ready_line="provisioner ready", environment=ours),
        Part(
            "tailscale-api",
            _python(
                *("sandbox.tailnet", "--home", str(home.tailnet)),
                *("--listen", f"127.0.0.1:{home.port('tailscale-api')}"),
            ),
            health_url=f"{adapter_url(home)}/health",
            environment=ours,
        ),
        Part(
            "model",
            _python("sandbox.model", "--key-file", str(home.run / _MODEL_KEY), "--listen", model.address),
            health_url=f"http://{model.address}/health",
            environment=ours,
        ),
    ]
