"""The pack as the engine gets it: levels, start, answers over gRPC, and what it needs to run."""

import dataclasses
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
from pulumi_policy import proxy

from policies import pack
from policies.decode import UNKNOWNS
from policies.pack import POLICIES
from policies.rules.settings import settings
from policies.server import Analyzer
from tests.support.policy_cases import DEPLOYMENT, container, deployment, pod

ROOT = Path(__file__).resolve().parents[2]
EXECUTABLE = ROOT / "policies" / "pulumi-analyzer-policy-openclaw-tailnet"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = proxy.UNKNOWN_STRING_VALUE
SERVICE = "kubernetes:core/v1:Service"


def request(kind: str, props: dict[str, Any], urn: str = "urn:x") -> Any:
    properties = struct_pb2.Struct()
    properties.update(props)
    return proto.AnalyzeRequest(type=kind, name="x", urn=urn, properties=properties)


def whole(*requests: Any) -> Any:
    """The stack of these requests."""
    resources = [
        proto.AnalyzerResource(type=one.type, name=one.name, urn=one.urn, properties=one.properties) for one in requests
    ]
    return proto.AnalyzeStackRequest(resources=resources)


NODE_PORT = request(SERVICE, {"spec": {"type": "NodePort", "clusterIP": UNKNOWN}})
GOOD = request(DEPLOYMENT, deployment(pod(container(image=UNKNOWN))))
BY_ANNOTATION = {"metadata": {"annotations": {"openclaw-tailnet/allow": "I2: a reason that says why"}}}
SETTABLE: dict[str, Any] = {
    **BY_ANNOTATION,
    "spec": {"template": {"spec": {"automountServiceAccountToken": False, "hostPID": True, "containers": []}}},
}


def check_answers(analyze: Any) -> None:
    (diagnostic,) = analyze(NODE_PORT).diagnostics
    assert (diagnostic.policyName, diagnostic.policyPackName) == ("i1-no-public-binding", "openclaw-tailnet")
    assert diagnostic.enforcementLevel == proto.MANDATORY
    assert diagnostic.message.startswith(
        'Nothing reaches a gateway but through its tailnet.\nI1: Service "x" is of type NodePort'
    )
    assert list(analyze(GOOD).diagnostics) == []


def test_the_marks_of_unknown_values_are_those_of_the_sdk() -> None:
    assert {getattr(proxy, name) for name in dir(proxy) if name.startswith("UNKNOWN_")} == UNKNOWNS


def configured(**policies: Any) -> Analyzer:
    analyzer = Analyzer()
    message = proto.ConfigureAnalyzerRequest()
    for name, (level, parameters) in policies.items():
        message.policyConfig[name.replace("_", "-")].enforcementLevel = level
        message.policyConfig[name.replace("_", "-")].properties.update(parameters)
    analyzer.Configure(message, None)
    return analyzer


def test_a_policy_that_is_off_says_nothing() -> None:
    analyzer = configured(i1_no_public_binding=(proto.DISABLED, {}))
    assert list(analyzer.Analyze(NODE_PORT, None).diagnostics) == []


def test_a_policy_made_advice_is_told_once_at_the_end() -> None:
    analyzer = configured(i1_no_public_binding=(proto.ADVISORY, {}))
    other = request(SERVICE, {"spec": {"type": "LoadBalancer"}}, urn="urn:y")
    assert [*analyzer.Analyze(NODE_PORT, None).diagnostics, *analyzer.Analyze(other, None).diagnostics] == []
    said = [one for one in analyzer.AnalyzeStack(whole(NODE_PORT, other), None).diagnostics if "I1:" in one.message]
    assert {one.enforcementLevel for one in said} == {proto.ADVISORY}
    assert any("is of type NodePort" in one.message for one in said)


def test_an_exception_is_told_with_its_reason_and_stops_nothing() -> None:
    excepted = request(DEPLOYMENT, SETTABLE)
    analyzer = configured()
    assert list(analyzer.Analyze(excepted, None).diagnostics) == []
    said = [one for one in analyzer.AnalyzeStack(whole(excepted), None).diagnostics if one.message.find("I2:") >= 0]
    assert [one.enforcementLevel for one in said] == [proto.ADVISORY]
    assert said[0].message.endswith("It is excepted by its annotation openclaw-tailnet/allow: a reason that says why")


def test_exceptions_can_be_forbidden_and_for_the_rest_allowed() -> None:
    forbidden = configured(i2_least_privilege=(proto.MANDATORY, {"exceptions": False}))
    assert len(forbidden.Analyze(request(DEPLOYMENT, SETTABLE), None).diagnostics) == 1
    exposed = {
        "metadata": {"annotations": {"openclaw-tailnet/allow": "I1: our own balancer"}},
        "spec": {"type": "NodePort"},
    }
    assert len(configured().Analyze(request(SERVICE, exposed), None).diagnostics) == 1
    allowed = configured(i1_no_public_binding=(proto.MANDATORY, {"exceptions": True}))
    assert list(allowed.Analyze(request(SERVICE, exposed), None).diagnostics) == []


def test_wrong_parameters_are_an_error_and_not_ignored() -> None:
    analyzer = configured(i2_least_privilege=(proto.MANDATORY, {"egress": ["10.0.0.0/99"]}))
    (said,) = list(analyzer.AnalyzeStack(whole(), None).diagnostics)
    assert said.enforcementLevel == proto.MANDATORY
    assert "egress: write each as a CIDR, such as 10.1.2.0/24" in said.message


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
        levels = {policy.name: policy.enforcementLevel for policy in info.policies}
        assert levels == {policy.name: proto.ADVISORY if policy.advisory else proto.MANDATORY for policy in POLICIES}
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
    assert {name for name in names if name.startswith("components.")} == {
        "components.constants",
        "components.tailnet",
        "components.tailnet.hujson",
    }
    assert not {"pydantic", "pulumi", "pulumi_kubernetes", "pulumi_tailscale", "cryptography", "yaml"} & names


def test_a_start_does_not_wait_for_the_sdk() -> None:
    code = "import sys, policies.server; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"pulumi", "yaml", "dill", "opentelemetry.sdk"} & set(loaded.split())


def test_the_pack_is_installed_with_the_program() -> None:
    """An engine waits for ever, and hears no signal, for a pack whose packages are missing."""
    options = yaml.safe_load((ROOT / "policies" / "PulumiPolicy.yaml").read_text())["runtime"]["options"]
    assert (ROOT / "policies" / options["virtualenv"]).resolve() == ROOT / ".venv"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pin,) = [pin for pin in project["dependencies"] if pin.startswith("pyjson5")]
    assert f"\n{pin.partition('>')[0]}==" in (ROOT / "requirements.txt").read_text()


def test_a_rule_that_fails_refuses_the_resource_and_shows_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[str]:
        raise RuntimeError("planted secret")

    first = pack.POLICIES[0]
    monkeypatch.setattr(pack, "POLICIES", (dataclasses.replace(first, rules=(broken,)),))
    (diagnostic,) = Analyzer().Analyze(GOOD, None).diagnostics
    assert diagnostic.enforcementLevel == proto.MANDATORY
    assert "cannot be judged, so it is refused" in diagnostic.message
    assert "Report this: RuntimeError in test_policy_pack.py:" in diagnostic.message
    assert "planted secret" not in diagnostic.message


def allowed(**parameters: Any) -> pack.Setup:
    return pack.Setup(settings({"policy": parameters}))


def test_an_owner_may_list_a_container_beside_the_gateway() -> None:
    exporter = container("metrics", image="registry.example.com/metrics:1.2.3")
    resource = (DEPLOYMENT, "x", deployment(pod(container(), exporter)))
    listed = allowed(containers=["metrics=registry.example.com/metrics"])
    other = allowed(containers=["metrics=registry.example.com/others"])
    for setup, refused in ((pack.DEFAULT, True), (listed, False), (other, True)):
        said = [one for one in pack.analyze([resource], setup) if one.rule == "containers"]
        assert bool(said) is refused


def test_an_owner_may_list_a_private_network() -> None:
    peers = [{"ipBlock": {"cidr": "10.1.2.0/24"}}]
    policy = {
        "metadata": {"namespace": "openclaw-home"},
        "spec": {"podSelector": {"a": "b"}, "egress": [{"to": peers}]},
    }
    resource = ("kubernetes:networking.k8s.io/v1:NetworkPolicy", "x", policy)
    assert [one.invariant for one in pack.analyze([resource])] == ["I6"]
    assert pack.analyze([resource], allowed(egress=["10.1.0.0/16"])) == []
