"""The two accounts of a pipeline on the real API server: each does its work, and nothing else is allowed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest
import yaml

from components import names
from components.constants import PROJECT
from gitops.model import Outcome
from gitops.rbac import NAMESPACE, account, document
from tests.support.engine_world import Cluster, MakeStack, Stack, Tailnet, Values, eventually, instance
from tests.support.gitops_repository import INSTANCES, Job, Repository, as_account

HOME = instance("held", people=["alice@example.com"])
OURS, THEIRS = "openclaw-held", "kube-system"
PLURALS = {"ValidatingAdmissionPolicy": "validatingadmissionpolicies"}
DRY = "?dryRun=All"
CONFIG: Values = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tried"}}
GUARD = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{names.guard('held')}-pods"
MERGE = {"content-type": "application/merge-patch+json"}


def collection(manifest: Values) -> str:
    """Where objects of its kind are made."""
    version, kind = manifest["apiVersion"], manifest["kind"]
    start = "/api/v1" if version == "v1" else f"/apis/{version}"
    namespace = manifest["metadata"].get("namespace")
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{start}{place}/{PLURALS.get(kind, kind.lower() + 's')}"


@dataclass
class Pipeline:
    """A stack in a repository, whose kubeconfig is that of whoever runs a job."""

    stack: Stack
    repository: Repository
    kubeconfig: Path
    cluster: Cluster

    def grant(self, job: Job) -> None:
        """`python -m gitops rbac | kubectl apply -f -`, by an administrator."""
        for manifest in yaml.safe_load_all(document(job.directory)):
            self.cluster.create(collection(manifest), manifest)

    def as_(self, part: str) -> Callable[..., httpx.Response]:
        """From now on jobs run with this account; the result sends a request as it does."""
        token = self.cluster.token(NAMESPACE, account("held", part), None, 3600)
        self.kubeconfig.write_text(as_account(self.stack.world.kubeconfig, token))
        server: str = yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]

        def send(
            method: str, path: str, body: Any = None, headers: Mapping[str, str] = MappingProxyType({})
        ) -> httpx.Response:
            own = {"authorization": f"Bearer {token}", **headers}
            return httpx.request(method, server + path, json=body, headers=own, verify=False, trust_env=False)

        return send


@pytest.fixture(scope="module")
def pipeline(
    stack: MakeStack, tailnet: Tailnet, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Pipeline:
    root = tmp_path_factory.mktemp("rbac")
    made, kubeconfig = stack("held", owned=True), root / "kubeconfig"
    kubeconfig.write_text(made.world.kubeconfig.read_text())
    made.config = {f"{PROJECT}:cluster": {"kubeconfig": str(kubeconfig)}}
    made.up(HOME)
    repository = Repository(root / "repository", made.engine(HOME).directory())
    repository.begin()
    pipeline = Pipeline(made, repository, kubeconfig, cluster)
    pipeline.grant(repository.job())
    return pipeline


def with_another(config: Values) -> None:
    config[INSTANCES].append(instance("den", people=["bob@example.com"]))
    config[INSTANCES][0]["people"].append("bob@example.com")


def refused(answer: httpx.Response, why: str = "") -> None:
    assert answer.status_code == 403, answer.text
    assert why in answer.text


def test_the_account_of_a_preview_previews_and_nothing_else(pipeline: Pipeline, cluster: Cluster) -> None:
    send = pipeline.as_("preview")
    assert pipeline.repository.job().preview().outcome is Outcome.UNCHANGED
    request = pipeline.repository.request("den", with_another)
    lacking = request.preview()
    assert (lacking.outcome, lacking.hint[:42]) == (Outcome.ERROR, "An administrator runs `python -m gitops rb")
    assert "cannot get resource" in lacking.problem
    pipeline.grant(request)
    before = cluster.inventory("held")
    summary = request.preview()
    assert summary.outcome is Outcome.CHANGE, request.text
    assert {one.name for one in summary.changes.created} >= {
        "den-gateway",
        "den-namespace",
        "den-token-secret",
    } or summary

    # What it may try, it may not keep.
    made = f"/api/v1/namespaces/{OURS}/configmaps"
    eventually(lambda: "writes nothing" in send("POST", made, CONFIG).text, "the policy to be in force", 30)
    refused(send("POST", made, CONFIG), "this account previews: it writes nothing")
    refused(send("PATCH", f"/api/v1/namespaces/{OURS}", {"metadata": {"labels": {"a": "b"}}}, MERGE))
    # Nor may it look or try elsewhere.
    refused(send("POST", f"/api/v1/namespaces/{THEIRS}/configmaps{DRY}", CONFIG), "its own stack")
    refused(send("GET", f"/api/v1/namespaces/{THEIRS}/secrets/any"))
    refused(send("GET", f"/api/v1/namespaces/{OURS}/secrets"), "cannot list")
    refused(send("GET", f"/api/v1/namespaces/{OURS}/pods"))
    refused(send("DELETE", f"/apis/apps/v1/namespaces/{OURS}/deployments/openclaw{DRY}"), "cannot delete")
    # The guard cannot be held by a policy, so there is no right at all.
    refused(send("PATCH", f"{GUARD}{DRY}", {"metadata": {"labels": {"a": "b"}}}, MERGE), "cannot patch")
    refused(send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {}))
    assert request.apply() != 0
    assert cluster.inventory("held") == before


def test_the_account_of_an_apply_applies_to_its_own_stack_only(pipeline: Pipeline, cluster: Cluster) -> None:
    send = pipeline.as_("apply")
    job = pipeline.repository.merge("den")
    assert job.preview().outcome is Outcome.CHANGE, job.text
    assert job.apply() == 0
    assert cluster.pod("openclaw-den")

    refused(send("POST", f"/api/v1/namespaces/{THEIRS}/secrets", {**CONFIG, "kind": "Secret"}), "its own stack")
    refused(send("GET", f"/api/v1/namespaces/{THEIRS}/secrets/any"))
    refused(send("POST", "/api/v1/namespaces", {"metadata": {"name": "anybodys"}}), "of its own stack")
    refused(send("DELETE", f"/api/v1/namespaces/{THEIRS}"))
    refused(send("POST", f"/api/v1/namespaces/{OURS}/pods", {**CONFIG, "kind": "Pod"}))
    other = GUARD.replace("held", "other")
    refused(send("PATCH", other, {"metadata": {"labels": {"a": "b"}}}, MERGE), "cannot patch")

    refused(send("GET", f"/api/v1/namespaces/{OURS}/secrets"), "cannot list")
    assert pipeline.repository.job().preview().outcome is Outcome.UNCHANGED
    pipeline.as_("preview")
    assert pipeline.repository.job().preview().outcome is Outcome.UNCHANGED
