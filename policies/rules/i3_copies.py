"""I3: what is Tailscale's has no copy: no clone or snapshot of its volume, no Secret of it in another namespace."""

import re
from collections.abc import Iterator
from typing import Final

from policies.rules.i3_tailnet_secrets import is_tailnet_claim, is_tailnet_secret
from policies.rules.kinds import Resource
from policies.rules.rule import Finding
from policies.rules.values import Unknown, fields, get, items, obj, present, text

_HINT: Final = "Remove it: a device's identity is in one place, and one pod has it."
_COPYING: Final = re.compile(
    r"reflector|replicator|kubed|replicate|reflection|sync-?secret|emberstack|mittwald|config-syncer|clusterset",
    re.IGNORECASE,
)
_COPYING_KINDS: Final = frozenset(
    {"PushSecret", "ClusterExternalSecret", "SecretExport", "SecretImport", "ReplicatedSecret"}
)
_BACKUP_KINDS: Final = frozenset(
    {"VolumeSnapshot", "VolumeSnapshotContent", "ReplicationSource", "VolumeClone", "DataVolume", "VolumeGroupSnapshot"}
)


def clones(resource: Resource) -> Iterator[Finding]:
    """No claim, snapshot or backup is made of the volume with Tailscale's state."""
    if not resource.is_kubernetes:
        return
    for path, spec in _claims(resource):
        for key in ("dataSource", "dataSourceRef"):
            if is_tailnet_claim(text(get(spec, key, "name")) or ""):
                yield Finding("copies a volume of Tailscale's", f"{path}.{key}", _HINT)
    if resource.kind in _BACKUP_KINDS:
        spec = resource.props.get("spec")
        names = [
            get(spec, "source", "persistentVolumeClaimName"),
            get(spec, "sourcePVC"),
            get(spec, "source", "pvc", "name"),
            get(spec, "source", "volumeHandle"),
        ]
        if any(is_tailnet_claim(text(name) or "") for name in names):
            yield Finding("copies a volume of Tailscale's", resource.at("spec"), _HINT)


def _claims(resource: Resource) -> Iterator[tuple[str, object]]:
    if resource.kind == "PersistentVolumeClaim":
        yield resource.at("spec"), resource.props.get("spec")
    for path, template in items(
        get(resource.props, "spec", "volumeClaimTemplates"), resource.at("spec.volumeClaimTemplates")
    ):
        yield f"{path}.spec", get(template, "spec")
    for pod in resource.pods:
        for path, volume in pod.volumes():
            yield f"{path}.ephemeral.volumeClaimTemplate.spec", get(volume, "ephemeral", "volumeClaimTemplate", "spec")


def shared_claims(resource: Resource) -> Iterator[Finding]:
    """The volume with Tailscale's state is one pod's: its state has no lock."""
    if resource.kind != "PersistentVolumeClaim" or not is_tailnet_claim(resource.object_name):
        return
    for path, mode in items(get(resource.props, "spec", "accessModes"), resource.at("spec.accessModes")):
        if mode in ("ReadWriteMany", "ReadOnlyMany"):
            yield Finding(
                "lets several pods have a volume of Tailscale's", path, "Use ReadWriteOncePod or ReadWriteOnce."
            )


def copied_secrets(resource: Resource) -> Iterator[Finding]:
    """No controller copies a Secret of Tailscale's to other namespaces or stores, and the key lies apart from what it opens."""
    if not resource.is_kubernetes:
        return
    if resource.kind == "Secret" and is_tailnet_secret(resource.object_name):
        for what, values in (("annotations", resource.annotations), ("labels", resource.labels)):
            for key, path, value in fields(values, resource.at("metadata", what)):
                if _COPYING.search(key) and present(value) and value != "false":
                    yield Finding("lets a controller copy a Secret of Tailscale's", path, _HINT)
    if resource.kind == "Secret":
        names = {name for part in ("data", "stringData") for name in obj(resource.props.get(part))}
        if "kek" in names and any(name.startswith("authkey") for name in names):
            yield Finding("holds the key-encryption key beside what it opens", resource.path, "Use two Secrets.")
    if resource.kind in _COPYING_KINDS and any(is_tailnet_secret(name) for name in _names(resource)):
        yield Finding("copies a Secret of Tailscale's", resource.at("spec"), _HINT)


def _names(resource: Resource) -> Iterator[str]:
    stack: list[object] = [resource.props.get("spec")]
    while stack:
        here = stack.pop()
        if isinstance(here, str):
            yield here
        elif not isinstance(here, Unknown):
            stack += [element for _, _, element in fields(here, "")]
            stack += [element for _, element in items(here, "")]
