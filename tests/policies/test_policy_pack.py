"""The pack as the engine gets it: levels, start, answers over gRPC, and what it needs to run."""

import functools
import os
import subprocess
import sys
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import proto
from pulumi.runtime.proto.analyzer_pb2_grpc import AnalyzerStub
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _PolicyAnalyzerServicer  # pyright: ignore[reportPrivateUsage]  # the only way to its levels
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policies import pack
from policies.rules import ADVICE, INVARIANTS
from tests.support.policy_cases import DEPLOYMENT, container, deployment, pod

ROOT = Path(__file__).resolve().parents[2]
EXECUTABLE = ROOT / "policies" / "pulumi-analyzer-policy-openclaw-tailnet"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"


def request(kind: str, props: dict[str, Any]) -> Any:
    properties = struct_pb2.Struct()
    properties.update(props)
    return proto.AnalyzeRequest(type=kind, name="x", urn="urn:x", properties=properties)


NODE_PORT = request("kubernetes:core/v1:Service", {"spec": {"type": "NodePort", "clusterIP": UNKNOWN_STRING_VALUE}})
GOOD = request(DEPLOYMENT, deployment(pod(container(image=UNKNOWN_STRING_VALUE))))


def check_answers(analyze: Any) -> None:
    (diagnostic,) = analyze(NODE_PORT).diagnostics
    assert (diagnostic.policyName, diagnostic.policyPackName) == ("i1-no-public-binding", "openclaw-tailnet")
    assert diagnostic.enforcementLevel == proto.MANDATORY
    assert diagnostic.message.startswith(
        'Nothing reaches a gateway but through its tailnet.\nI1: Service "x" is of type NodePort'
    )
    assert list(analyze(GOOD).diagnostics) == []


def test_every_violation_is_mandatory_and_unknown_values_cause_no_advice() -> None:
    servicer: Any = _PolicyAnalyzerServicer(pack.NAME, "0.0.1", pack.policies(), EnforcementLevel.MANDATORY)
    check_answers(functools.partial(servicer.Analyze, _context=None))


@contextmanager
def started(command: list[str], cwd: Path) -> Generator[Any]:
    environment = {**os.environ, "OPENCLAW_TAILNET_PYTHON": sys.executable}
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        with process.stdout as output, grpc.insecure_channel(f"127.0.0.1:{int(output.readline())}") as channel:
            yield AnalyzerStub(channel)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("form", ["executable", "linked executable", "language host"])
def test_answers_as_the_engine_starts_it(form: str, tmp_path: Path) -> None:
    link = tmp_path / EXECUTABLE.name
    link.symlink_to(EXECUTABLE)
    command = {
        "executable": [str(EXECUTABLE), "127.0.0.1:1", "."],
        "linked executable": [str(link), "127.0.0.1:1", "."],
        "language host": [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(ROOT / "policies")],
    }[form]
    with started(command, tmp_path) as analyzer:
        info = analyzer.GetAnalyzerInfo(empty_pb2.Empty())
        assert [policy.name for policy in info.policies] == [rule.name for rule in (*INVARIANTS, *ADVICE)]
        levels = {policy.name: policy.enforcementLevel for policy in info.policies}
        assert levels == {
            **{invariant.name: proto.MANDATORY for invariant in INVARIANTS},
            **{advice.name: proto.ADVISORY for advice in ADVICE},
        }
        check_answers(analyzer.Analyze)


def test_analyze_reads_recorded_requests() -> None:
    """Recorded inputs still carry the marks of secrets and outputs, which the engine takes off."""
    secret = {SIGNATURE: SECRET, "value": {"type": "NodePort"}}
    unknown = {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
    kind = "kubernetes:core/v1:Service"
    assert [v.invariant for v in pack.analyze([(kind, "x", {"spec": secret}), (kind, "y", {"spec": unknown})])] == [
        "I1"
    ]


def test_pack_needs_nothing_of_the_program_but_constants() -> None:
    """It also judges resources where the program and its packages are not."""
    code = "import sys, policies.pack; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = set(loaded.split())
    assert {name for name in names if name.startswith("components.")} == {"components.constants"}
    assert not {"pydantic", "pulumi_kubernetes", "pulumi_tailscale", "cryptography"} & names


def test_the_pack_is_installed_with_the_program() -> None:
    """An engine waits for ever, and hears no signal, for a pack whose packages are missing."""
    options = yaml.safe_load((ROOT / "policies" / "PulumiPolicy.yaml").read_text())["runtime"]["options"]
    assert (ROOT / "policies" / options["virtualenv"]).resolve() == ROOT / ".venv"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pin,) = [pin for pin in project["dependencies"] if pin.startswith("pulumi-policy==")]
    assert f"\n{pin} " in (ROOT / "requirements.txt").read_text()


def test_a_rule_that_fails_refuses_the_resource_and_shows_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[str]:
        raise RuntimeError("planted secret")

    monkeypatch.setattr(type(INVARIANTS[0]), "messages", broken)
    servicer: Any = _PolicyAnalyzerServicer(pack.NAME, "0.0.1", pack.policies(), EnforcementLevel.MANDATORY)
    diagnostics = list(servicer.Analyze(GOOD, _context=None).diagnostics)
    assert len(diagnostics) == len(INVARIANTS) + len(ADVICE)
    assert all(one.enforcementLevel == proto.MANDATORY for one in diagnostics[: len(INVARIANTS)])
    assert (
        "cannot be judged, so it is refused. Report this: RuntimeError in test_policy_pack.py:"
        in diagnostics[0].message
    )
    assert "planted secret" not in diagnostics[0].message
