"""The official plugin's decisions that need no server: auto-names, field managers, what forces a replacement."""

import base64
import hashlib
import secrets
from collections.abc import Mapping

from sandbox.plugins.changes import Change, changes
from sandbox.plugins.provider import Diff
from sandbox.plugins.values import UNKNOWN, Path, Props, get, get_map

AUTONAMED = "pulumi.com/autonamed"


def _paths(*texts: str) -> tuple[Path, ...]:
    return tuple(tuple(text.split(".")) for text in texts)


# pulumi-kubernetes provider/pkg/provider/diff.go; facts of its version 4.34.
_ALL = _paths("kind", "metadata.name", "metadata.namespace")
_FORCE_NEW: Mapping[tuple[str, str], tuple[Path, ...]] = {
    ("", "PersistentVolumeClaim"): _paths(
        "spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"
    ),
    ("", "Service"): _paths("spec.clusterIP"),
    ("", "Secret"): _paths("type"),
    ("apps", "Deployment"): _paths("spec.selector"),
    ("apps", "DaemonSet"): _paths("spec.selector"),
    ("apps", "StatefulSet"): _paths(
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): _paths("spec.completions", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io", "RoleBinding"): _paths("roleRef"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _paths("roleRef"),
    ("storage.k8s.io", "StorageClass"): _paths("parameters", "provisioner"),
}
_CONTENT = {"ConfigMap": _paths("binaryData", "data"), "Secret": _paths("data", "stringData")}
# What may change in a running pod; all else of its spec may not.
_POD_MUTABLE = _paths(
    "spec.containers.*.image", "spec.initContainers.*.image", "spec.activeDeadlineSeconds", "spec.tolerations"
)


def split_type(token: str) -> tuple[str, str]:
    """`kubernetes:apps/v1:Deployment` -> ("apps/v1", "Deployment"); the core group is spelled `core/v1` there."""
    _, api_version, kind = token.split(":")
    return api_version.removeprefix("core/"), kind


def group(inputs: Props) -> str:
    return str(inputs.get("apiVersion", "")).rpartition("/")[0]


def auto_name(prefix: str, seed: bytes) -> str:
    """`<prefix>-<8 hex>`: the same for the same seed, so that an update plan keeps the name its preview showed."""
    return f"{prefix}-{hashlib.sha256(seed + prefix.encode()).hexdigest()[:8]}"


def field_manager() -> str:
    """A new manager for a new resource, random: its next life does not know it again."""
    return f"pulumi-kubernetes-{secrets.token_hex(4)}"


def is_autonamed(inputs: Props) -> bool:
    return get(inputs, "metadata", "annotations", AUTONAMED) == "true"


def with_name(name: str, old: Props, new: Props, seed: bytes) -> Props:
    """The inputs with a name: their own, else the one auto-named before, else a fresh one."""
    metadata = get_map(new, "metadata")
    named = metadata.get("name") is not None or metadata.get("generateName") is not None
    # In a preview all of it may be unknown still, a name among it.
    if named or UNKNOWN in (new.get("metadata"), metadata.get("annotations")):
        return new
    kept = get(old, "metadata", "name") if is_autonamed(old) else None
    annotations = {**get_map(metadata, "annotations"), AUTONAMED: "true"}
    return {**new, "metadata": {**metadata, "name": kept or auto_name(name, seed), "annotations": annotations}}


def with_data(new: Props) -> Props:
    """A Secret's `stringData` as `data`: the only form that inputs and state know afterwards."""
    texts = new.get("stringData")
    if group(new) != "" or new.get("kind") != "Secret" or texts is None:
        return new
    kept = {key: value for key, value in new.items() if key != "stringData"}
    if UNKNOWN in (texts, new.get("data")):
        return {**kept, "data": UNKNOWN}
    encoded = {
        key: text if text is UNKNOWN else base64.b64encode(text.encode()).decode() for key, text in texts.items()
    }
    return {**kept, "data": {**get_map(new, "data"), **encoded}}


def with_namespace(namespace: str, new: Props) -> Props:
    """The inputs of a namespaced kind with the provider's namespace, where they name none."""
    metadata = get_map(new, "metadata")
    if metadata.get("namespace") or new.get("metadata") is UNKNOWN:
        return new
    return {**new, "metadata": {**metadata, "namespace": namespace}}


def decide(old: Props, state: Props, new: Props, mutable_kinds: frozenset[str]) -> Diff:
    """Update or replace, and in which order: a name given explicitly is free only once the old object is gone."""
    differences = changes(old, new)
    replace = [change for change in differences if _forces_new(change, old, new, mutable_kinds)]
    same_place = all(
        get(new, "metadata", key) == (get(state, "metadata", key) or get(old, "metadata", key))
        for key in ("name", "namespace")
    )
    return Diff(differences, replace, delete_before_replace=bool(replace) and same_place and not is_autonamed(new))


def _forces_new(change: Change, old: Props, new: Props, mutable_kinds: frozenset[str]) -> bool:
    kind = str(new.get("kind", ""))
    patterns = _ALL + _FORCE_NEW.get((group(new), kind), ())
    if group(new) == "" and kind in _CONTENT:
        immutable = old.get("immutable") is True
        if immutable or kind not in mutable_kinds:
            patterns += _CONTENT[kind]
        # The server never lets `immutable` go.
        patterns += (("immutable",),) if immutable else ()
    if group(new) == "" and kind == "Pod" and change.path[0] == "spec":
        return not any(change.touches(mutable) for mutable in _POD_MUTABLE)
    return any(change.touches(pattern) for pattern in patterns)
