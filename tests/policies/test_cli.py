"""The pack for people who have files and no engine: manifests, exported states, parameters, and errors for bad files."""

import json
from pathlib import Path
from typing import Any

import pytest

from policies.cli import main

NODE_PORT = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort}\n"
GOOD = "apiVersion: v1\nkind: Service\nmetadata: {name: in}\nspec: {type: ClusterIP}\n"
JOB = """apiVersion: batch/v1
kind: Job
metadata:
  name: report
  annotations: {openclaw-tailnet/allow: "I9: it runs on a machine of its own"}
spec:
  ttlSecondsAfterFinished: 60
  template:
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
      - {name: report, image: "registry.example.com/report:1.2.3", securityContext: {allowPrivilegeEscalation: false}}
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[str], str]:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    output, error = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, output.splitlines(), error


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return written


def test_manifests_of_many_documents_and_files(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    one = write("a.yaml", f"{GOOD}---\n{NODE_PORT}---\n")
    other = write(
        "b.json", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api"}, "spec": {"type": "LoadBalancer"}}
    )
    code, said, _ = run(capsys, one, other)
    assert code == 1
    assert [line.split(" (")[0] for line in said[:2]] == [
        'refused I1: Service "web" is of type NodePort: it opens a port on every node',
        'refused I1: Service "api" is of type LoadBalancer: it opens an address outside the cluster',
    ]
    assert said[-1] == "3 resources: 2 refusals, 0 times advice."


def test_nothing_refused_ends_with_zero(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, write("a.yaml", GOOD)) == (0, ["1 resources: 0 refusals, 0 times advice."], "")


def test_an_exported_state_is_judged_without_its_secrets(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "abc"}
    kind = "kubernetes:core/v1:Service"
    urns = [f"urn:pulumi:s::p::{kind}::{name}" for name in ("web", "old", "in")]
    resources = [
        {"type": kind, "urn": urns[0], "inputs": {"spec": {"type": "NodePort", "clusterIP": secret}}},
        {"type": kind, "urn": urns[1], "delete": True, "inputs": {"spec": {"type": "NodePort"}}},
        {"type": kind, "urn": urns[2], "inputs": {"spec": {"type": secret}}},
    ]
    code, said, _ = run(capsys, "--state", write("state.json", {"version": 3, "deployment": {"resources": resources}}))
    assert code == 1
    assert [line for line in said if line.startswith("refused")] == [
        'refused I1: Service "web" is of type NodePort: it opens a port on every node (spec.type). '
        "Remove it; people reach a gateway through the tailnet."
    ]


def test_an_exception_is_advice_with_its_reason(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = write("job.yaml", JOB)
    code, said, _ = run(capsys, file)
    assert code == 0
    excepted = [line for line in said if "is excepted by its annotation" in line]
    assert excepted
    assert all(
        line.startswith("advice  I9:") and line.endswith(": it runs on a machine of its own") for line in excepted
    )
    code, said, _ = run(capsys, "--config", write("c.json", {"i9-limits": {"exceptions": False}}), file)
    assert code == 1


@pytest.mark.parametrize("reason", ["I9", "I9:", "I9: short", "I8: of another invariant", "because I say so"])
def test_an_annotation_without_a_reason_excepts_nothing(
    write: Any, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    code, _, _ = run(capsys, write("job.yaml", JOB.replace("I9: it runs on a machine of its own", reason)))
    assert code == 1


def test_levels_and_parameters(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    web = write("a.yaml", NODE_PORT)
    assert run(capsys, "--config", write("off.json", {"all": "disabled"}), web)[0] == 0
    code, said, _ = run(
        capsys, "--config", write("advice.json", {"all": "mandatory", "i1-no-public-binding": "advisory"}), web
    )
    assert (code, said[0].split(":")[0]) == (0, "advice  I1")
    digest = write("digest.json", {"i8-images": {"requireDigest": True, "registries": ["ghcr.io/openclaw"]}})
    code, said, _ = run(capsys, "--config", digest, write("job.yaml", JOB))
    assert [line.split(" (")[0] for line in said if line.startswith("refused I8")] == [
        'refused I8: Job "report" has an image without a digest in container "report"',
        'refused I8: Job "report" has an image of another registry in container "report"',
    ]


def test_lines_for_programs(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, said, _ = run(capsys, "--json", write("a.yaml", NODE_PORT))
    (violation,) = [json.loads(line) for line in said]
    assert (violation["invariant"], violation["policy"], violation["rule"]) == (
        "I1",
        "i1-no-public-binding",
        "services",
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: [", "cannot be read: line 2 is no YAML. Give files with Kubernetes manifests in YAML or JSON."),
        ("- 1\n", "document 1 is not an object. Give files with Kubernetes manifests."),
        ("a: 1\n", "document 1 has no apiVersion and kind, so it is no manifest."),
        (
            "deployment: {}\n",
            "document 1 has no apiVersion and kind, so it is no manifest. For an exported state, use --state.",
        ),
        ("[" * 5000, "cannot be read: it is nested too deep. Give files with Kubernetes manifests in YAML or JSON."),
        (
            "\ud800".encode("utf-8", "surrogatepass"),
            "is not text in UTF-8. Give files with Kubernetes manifests in YAML or JSON.",
        ),
    ],
)
def test_a_bad_file_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes, problem: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, said, error = run(capsys, path)
    assert (code, said) == (2, [])
    assert error.startswith(f"error: {path}")
    assert error.strip().endswith(problem)
    assert error.count("\n") == 1


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.yaml"
    assert run(capsys, path) == (2, [], f"error: {path} cannot be read: no such file or directory.\n")
    assert run(capsys, "--state", path)[0] == 2


@pytest.mark.parametrize("content", ["{}", "[]", "no", '{"deployment": 1}', '{"deployment": {"resources": [1]}}'])
def test_what_is_no_state(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    error = f"error: {path} is no exported state. Make one with: pulumi stack export --file {path}\n"
    assert run(capsys, "--state", path) == (2, [], error)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"i6-network": {"egress": ["10.0.0.0/99"]}}, "egress: write each as a CIDR, such as 10.1.2.0/24"),
        ({"i1-no-public-binding": {"containers": ["metrics"]}}, "containers: write each as NAME=IMAGE REPOSITORY"),
        ({"i8-images": {"requireDigest": "yes"}}, "requireDigest is neither true nor false"),
        ({"i8-images": {"registries": "ghcr.io"}}, "registries is not a list of texts"),
        ({"i8-images": "sometimes"}, "i8-images: the level is one of advisory, mandatory and disabled"),
        ({"i99": "advisory"}, "there is no policy of this name"),
        ([], "is no object"),
    ],
)
def test_a_wrong_configuration_is_one_clear_error(
    write: Any, capsys: pytest.CaptureFixture[str], config: Any, problem: str
) -> None:
    code, said, error = run(capsys, "--config", write("c.json", config), write("a.yaml", GOOD))
    assert (code, said) == (2, [])
    assert problem in error
    assert "Traceback" not in error
