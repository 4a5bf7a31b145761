"""For all tests: no ambient configuration or credentials, Outputs that never turn into text unseen, and what they call."""

import os
from importlib import import_module

import pytest
from hypothesis import settings

from sandbox import needs
from sandbox.errors import SandboxError
from tests.support.recorded import CASES, RECORDED

# str(output) becomes an error instead of a text about Outputs inside some name.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"

for _name in [name for name in os.environ if name.startswith(("PULUMI_CONFIG", "TAILSCALE_", "KUBECONFIG"))]:
    del os.environ[_name]

# Whole: the stand-in plugins do with a part of it (sandbox/plugins/protocol.py), and would leave that to the tests after them.
import_module("pulumi")

# A busy machine is no failure. In CI the examples are the same at every run; elsewhere each run tries new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_sessionstart() -> None:
    """Debian packages of commands that tests run: installed where they are lacking, or said at once."""
    try:
        needs.install(print, "tests")
    except SandboxError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not CASES:
        terminalreporter.line(f"Not compared with the hosted service's answers, which are not in {RECORDED}.")
