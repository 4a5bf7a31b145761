"""The provider protocol's protobufs out of the Pulumi SDK, without loading the SDK itself (0.3 s of each start)."""

import importlib.util
import sys
import types
from pathlib import Path


def _bare_packages() -> None:
    # The generated modules need nothing of the packages around them, whose __init__ files import the whole SDK.
    spec = importlib.util.find_spec("pulumi")
    if spec is None or spec.origin is None:
        raise ImportError("the Pulumi SDK is not installed: pip install -r requirements-dev.txt")
    root = Path(spec.origin).parent
    for name, path in {
        "pulumi": root,
        "pulumi.runtime": root / "runtime",
        "pulumi.runtime.proto": root / "runtime/proto",
    }.items():
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package


if "pulumi" not in sys.modules:
    _bare_packages()

from pulumi.runtime.proto import (  # noqa: E402
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

__all__ = ["engine_pb2", "engine_pb2_grpc", "plugin_pb2", "provider_pb2", "provider_pb2_grpc", "status_pb2"]
