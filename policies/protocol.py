"""The engine's protocol as the SDK has it, without the SDK's own start: that is three quarters of a pack's.

`import pulumi` loads its automation, tracing and pickling too. The generated messages need nothing of that, so they are loaded
from their directory, under a name of their own; where the SDK is loaded already, as by its language host, they are its own.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_OWN: Final = "openclaw_tailnet_protocol"


def _package() -> str:
    if "pulumi" in sys.modules:
        return "pulumi.runtime.proto"
    if _OWN not in sys.modules:
        # Finds the package without running it.
        spec = importlib.util.find_spec("pulumi")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("No module named 'pulumi'", name="pulumi")
        package = ModuleType(_OWN)
        package.__path__ = [str(Path(spec.origin).parent / "runtime" / "proto")]
        sys.modules[_OWN] = package
    return _OWN


_PACKAGE: Final = _package()
analyzer: Final[Any] = importlib.import_module(f"{_PACKAGE}.analyzer_pb2")
services: Final[Any] = importlib.import_module(f"{_PACKAGE}.analyzer_pb2_grpc")
plugin: Final[Any] = importlib.import_module(f"{_PACKAGE}.plugin_pb2")
