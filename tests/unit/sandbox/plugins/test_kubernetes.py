"""The kubernetes stand-in's decisions: names, replacement, drift, readiness; as recorded from the official plugin."""

from typing import Any

import pytest

from sandbox.plugins.changes import Change, changes
from sandbox.plugins.kubernetes import live, rules, waiting
from sandbox.plugins.values import UNKNOWN, Props

MUTABLE = frozenset({"ConfigMap", "Secret"})


def manifest(kind: str, api_version: str = "v1", name: str = "n", **fields: Any) -> Props:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "ns"}, **fields}


def replaced(old: Props, new: Props, mutable: frozenset[str] = frozenset()) -> list[str]:
    return [change.text for change in rules.decide(old, old, new, mutable).replace]


def test_paths_are_written_as_the_engine_reads_them() -> None:
    path = ("spec", "containers", 0, "image"), ("metadata", "annotations", 'a.b/"c"')
    assert [Change(p, "add").text for p in path] == [
        "spec.containers[0].image",
        'metadata.annotations["a.b/\\"c\\""]',
    ]


def test_changes_name_the_smallest_part() -> None:
    old = {"a": [1, {"x": 1}], "gone": 1, "same": {"deep": [1]}}
    new = {"a": [1, {"x": 2}, 3], "new": 1, "same": {"deep": [1]}}
    named = [(change.text, change.kind) for change in changes(old, new)]
    assert named == [("a[1].x", "update"), ("a[2]", "add"), ("gone", "delete"), ("new", "add")]


def test_true_is_not_one_and_unknown_is_a_change() -> None:
    assert [c.kind for c in changes({"a": 1, "b": "x"}, {"a": True, "b": UNKNOWN})] == ["update", "update"]


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        (manifest("ConfigMap", data={"a": "1"}), manifest("ConfigMap", data={"a": "2"}), ["data.a"]),
        (manifest("Secret", type="Opaque"), manifest("Secret", type="x/y"), ["type"]),
        (
            manifest("Secret", stringData={"a": "1"}),
            manifest("Secret", stringData={"b": "1"}),
            ["stringData.a", "stringData.b"],
        ),
        (
            manifest("Deployment", "apps/v1", spec={"selector": {"matchLabels": {"app": "a"}}}),
            manifest("Deployment", "apps/v1", spec={"selector": {"matchLabels": {"app": "b"}}}),
            ["spec.selector.matchLabels.app"],
        ),
        (
            manifest("PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"]}),
            manifest("PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOncePod"], "storageClassName": "fast"}),
            ["spec.accessModes[0]", "spec.storageClassName"],
        ),
        (
            manifest("PersistentVolumeClaim", spec={"resources": {"requests": {"storage": "1Gi"}}}),
            manifest("PersistentVolumeClaim", spec={"resources": {"requests": {"storage": "2Gi"}}}),
            [],
        ),
        (
            manifest("Deployment", "apps/v1", spec={"template": {"spec": {"containers": [{"image": "a"}]}}}),
            manifest("Deployment", "apps/v1", spec={"template": {"spec": {"containers": [{"image": "b"}]}}}),
            [],
        ),
        (manifest("Namespace", name="a"), manifest("Namespace", name="b"), ["metadata.name"]),
        (
            manifest("Pod", spec={"containers": [{"image": "a", "name": "x"}], "hostNetwork": False}),
            manifest("Pod", spec={"containers": [{"image": "b", "name": "x"}], "hostNetwork": True}),
            ["spec.hostNetwork"],
        ),
    ],
)
def test_what_forces_a_replacement(old: Props, new: Props, paths: list[str]) -> None:
    assert replaced(old, new) == paths


def test_mutable_configmaps_are_updated_unless_immutable() -> None:
    old, new = manifest("ConfigMap", data={"a": "1"}), manifest("ConfigMap", data={"a": "2"})
    assert replaced(old, new, MUTABLE) == []
    assert replaced({**old, "immutable": True}, {**new, "immutable": True}, MUTABLE) == ["data.a"]


def test_only_a_kept_explicit_name_is_deleted_before_it_is_replaced() -> None:
    def order(old: Props, new: Props) -> bool:
        return rules.decide(old, old, new, frozenset()).delete_before_replace

    explicit = [manifest("ConfigMap", data={"a": value}) for value in "12"]
    assert order(explicit[0], explicit[1])
    auto: list[Props] = [
        {**m, "metadata": {**m["metadata"], "annotations": {rules.AUTONAMED: "true"}}} for m in explicit
    ]
    assert not order(auto[0], auto[1])
    assert not order(explicit[0], manifest("ConfigMap", name="other", data={"a": "1"}))


def test_auto_names_are_kept_over_updates_and_follow_the_seed() -> None:
    first = rules.with_name("conf", {}, {"metadata": {"labels": {"a": "b"}}}, b"seed")
    name = first["metadata"]["name"]
    assert name.startswith("conf-")
    assert len(name) == len("conf-") + 8
    assert first["metadata"]["labels"] == {"a": "b"}
    assert rules.is_autonamed(first)
    assert rules.with_name("conf", first, {"metadata": {}}, b"other")["metadata"]["name"] == name
    assert rules.with_name("conf", {}, {}, b"seed")["metadata"]["name"] == name
    assert rules.with_name("conf", {}, {}, b"other")["metadata"]["name"] != name
    given = {"metadata": {"name": "mine"}}
    assert rules.with_name("conf", first, given, b"seed") == given


def test_the_providers_namespace_fills_in_and_unknown_metadata_is_left_alone() -> None:
    assert rules.with_namespace("home", {"metadata": {"name": "a"}})["metadata"] == {"name": "a", "namespace": "home"}
    given: Props = {"metadata": {"namespace": "lab"}}
    assert rules.with_namespace("home", given) == given
    unknown: Props = {"metadata": UNKNOWN}
    assert rules.with_namespace("home", rules.with_name("a", {}, unknown, b"seed")) == unknown


def test_types_name_api_versions() -> None:
    assert rules.split_type("kubernetes:core/v1:Secret") == ("v1", "Secret")
    assert rules.split_type("kubernetes:networking.k8s.io/v1:NetworkPolicy") == (
        "networking.k8s.io/v1",
        "NetworkPolicy",
    )


def test_the_servers_own_spelling_is_no_drift() -> None:
    declared = manifest(
        "Deployment",
        spec={"template": {"limits": {"memory": "1024Mi", "cpu": "1000m"}, "ingress": [], "hostNetwork": False}},
    )
    read = {
        **declared,
        "spec": {"template": {"limits": {"memory": "1Gi", "cpu": "1"}, "dnsPolicy": "ClusterFirst"}, "replicas": 1},
        "status": {"replicas": 1},
    }
    assert live.inputs(read, declared) == declared


def test_an_edit_by_hand_is_drift_in_our_fields_only() -> None:
    declared = manifest("Secret", immutable=True, data={"a": "YQ==", "b": "Yg=="})
    edited = manifest("Secret", data={"a": "WVE9PQ==", "theirs": "eA=="}, immutable=True, type="Opaque")
    assert live.inputs(edited, declared)["data"] == {"a": "WVE9PQ=="}


def test_string_data_is_kept_as_data_only() -> None:
    assert rules.with_data(manifest("Secret", stringData={"a": "a"}, data={"b": "Yg=="})) == manifest(
        "Secret", data={"a": "YQ==", "b": "Yg=="}
    )
    assert rules.with_data(manifest("Secret", stringData={"a": UNKNOWN})) == manifest("Secret", data={"a": UNKNOWN})
    assert rules.with_data(manifest("Secret", stringData=UNKNOWN)) == manifest("Secret", data=UNKNOWN)
    other = manifest("ConfigMap", data={"a": "a"})
    assert rules.with_data(other) == other


def field_owner(manager: str, operation: str, *fields: str) -> Props:
    return {"manager": manager, "operation": operation, "fieldsV1": {f"f:{field}": {} for field in fields}}


def test_an_update_takes_over_what_a_create_and_kubectl_wrote_and_no_other() -> None:
    written = [
        field_owner("pulumi-kubernetes", "Update", "a"),
        field_owner("kubectl-edit", "Update", "b"),
        field_owner("before-first-apply", "Update", "c"),
        field_owner("k9s", "Update", "d"),
        field_owner("kubectl", "Apply", "e"),
        {**field_owner("kubectl", "Update", "f"), "subresource": "status"},
    ]
    existing = {"metadata": {"managedFields": [*written, field_owner("ours", "Apply", "a", "x")]}}
    assert live.taken_over(existing, "ours") == [*written[3:], field_owner("ours", "Apply", "a", "x", "b", "c")]
    assert live.taken_over({"metadata": {"managedFields": written[3:]}}, "ours") is None


def test_a_preview_forces_only_what_was_never_applied() -> None:
    assert live.never_applied({"metadata": {"managedFields": [field_owner("pulumi-kubernetes", "Update", "a")]}})
    assert live.never_applied({"metadata": {}})
    assert not live.never_applied({"metadata": {"managedFields": [field_owner("pulumi-kubernetes-1a2b3c4d", "Apply")]}})


def test_a_dry_run_invents_no_identity_and_no_plain_copy_of_a_secret() -> None:
    answered = manifest("Secret", status={})
    answered["metadata"] |= {"uid": "u", "managedFields": [], "annotations": {"x": "y", live._LAST_APPLIED: "{}"}}  # pyright: ignore[reportPrivateUsage] - the constant's value is the point
    assert live.outputs(answered, dry_run=True)["metadata"] == {
        "name": "n",
        "namespace": "ns",
        "annotations": {"x": "y"},
    }
    assert live.outputs(answered)["metadata"]["uid"] == "u"


def deployment(**status: Any) -> Props:
    conditions = [
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": "done"},
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "ok"},
    ]
    counts = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    status = {"conditions": conditions, **counts, **status}
    read = manifest("Deployment", "apps/v1", spec={"replicas": 1}, status=status)
    read["metadata"]["generation"] = 2
    return read


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ({}, True),
        ({"observedGeneration": 1}, False),
        # Strategy Recreate: no pod yet, and the conditions are those of the revision before.
        ({"replicas": 0, "updatedReplicas": 0, "availableReplicas": 0}, False),
        ({"availableReplicas": 0}, False),
        ({"conditions": []}, False),
    ],
)
def test_when_a_deployment_is_ready(status: Props, ready: bool) -> None:
    assert waiting.progress(no_client(), deployment(**status)).ready is ready


def no_client() -> Any:
    """Deployments are judged by themselves, without asking the server again."""
    return None


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"waiting": {"reason": "CrashLoopBackOff"}}, "CrashLoopBackOff (exited before with 78: no such key)"),
        ({"running": {}}, "running, but not ready (exited before with 78: no such key)"),
        ({"terminated": {"exitCode": 78, "message": "no such key"}}, "exited with 78: no such key"),
    ],
)
def test_a_container_that_fails_is_told_with_its_last_words(state: Props, said: str) -> None:
    last = {"terminated": {"exitCode": 78, "message": "no such key\n"}}
    pod = manifest(
        "Pod", status={"containerStatuses": [{"name": "gateway", "ready": False, "state": state, "lastState": last}]}
    )
    owned = [{"uid": "1"}]
    pod["metadata"] |= {"ownerReferences": owned}

    class Answers:
        """A cluster with one ReplicaSet and its pod."""

        def kind(self, _: str, kind: str) -> str:
            return kind

        def matching(self, kind: str, *_: object) -> list[Props]:
            return [pod] if kind == "Pod" else [manifest("ReplicaSet") | {"metadata": {"uid": "1"}}]

    client: Any = Answers()
    assert waiting.pod_reasons(client, deployment()) == [f"pod n: container gateway: {said}"]
