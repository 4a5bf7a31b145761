"""The two accounts as manifests; tests/engine/test_gitops_rbac.py tries them on the real API server."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.directory import StackDirectory
from gitops.rbac import NAMESPACE, document, manifests
from tests.support.configs import ROOT, SHAPES, STACK_FILES, Raw, read_stack_file
from tests.support.harness import run_program

CONFIGS: dict[str, Raw] = {path.name: read_stack_file(path) for path in STACK_FILES} | SHAPES
PLURALS = {"ValidatingAdmissionPolicy": "validatingadmissionpolicies", "NetworkPolicy": "networkpolicies"}


def rules(part: str, kind: str = "ClusterRole") -> list[dict[str, Any]]:
    name = f"openclaw-gitops-prod-{part}"
    listed = manifests("prod", ["openclaw-home"])
    return [rule for one in listed if one["kind"] == kind and one["metadata"]["name"] == name for rule in one["rules"]]


def granted(part: str, kind: str = "ClusterRole") -> Iterator[tuple[str, str]]:
    for rule in rules(part, kind):
        yield from ((resource, verb) for resource in rule["resources"] for verb in rule["verbs"])


@pytest.mark.parametrize("name", CONFIGS)
def test_each_kind_of_the_program_is_among_the_rights(name: str) -> None:
    kinds = {resource.kind for resource in run_program(CONFIGS[name]).kubernetes()}
    for part in ("preview", "apply"):
        resources = {resource for resource, _ in granted(part)}
        assert {PLURALS.get(kind, f"{kind.lower()}s") for kind in kinds} <= resources


def test_a_preview_may_delete_nothing_and_neither_reads_secrets_of_others() -> None:
    assert {verb for _, verb in granted("preview")} == {"get", "list", "create", "patch", "preview"}
    for part in ("preview", "apply"):
        assert ("secrets", "get") not in set(granted(part))
        assert ("secrets", "list") not in set(granted(part))
        assert set(granted(part, "Role")) == {("configmaps", "get"), ("secrets", "get")}
    assert not {verb for resource, verb in granted("preview") if resource.startswith("validating")} & {
        "patch",
        "create",
    }


def test_the_guard_is_written_by_name_only() -> None:
    for part in ("preview", "apply"):
        of_the_guard = [rule for rule in rules(part) if rule["apiGroups"] == ["admissionregistration.k8s.io"]]
        assert of_the_guard
        assert all(name.startswith("openclaw-tailnet-prod-") for rule in of_the_guard for name in rule["resourceNames"])


def test_an_account_of_a_pod_is_no_account_of_a_pipeline() -> None:
    accounts = [one for one in manifests("prod", []) if one["kind"] == "ServiceAccount"]
    assert [one["metadata"]["namespace"] for one in accounts] == [NAMESPACE, NAMESPACE]
    assert not any(one["automountServiceAccountToken"] for one in accounts)


def test_a_namespace_is_the_stacks_before_it_has_anything_in_it() -> None:
    """A role is in a namespace that is there; the stack takes it over by its label."""
    listed = {
        one["metadata"]["name"]: one["metadata"]["labels"]
        for one in manifests("prod", ["openclaw-home"])
        if one["kind"] == "Namespace"
    }
    assert listed == {NAMESPACE: {}, "openclaw-home": {"openclaw-tailnet/stack": "prod"}}


def test_the_document_is_of_the_stacks_own_namespaces() -> None:
    text = document(StackDirectory(ROOT, "dev"))
    for namespace in ("openclaw-home", "openclaw-family", "openclaw-lab", "openclaw-node-tools"):
        assert f"namespace: {namespace}\n" in text
    assert "openclaw-node-build" not in text, "a machine of its own has no namespace"
