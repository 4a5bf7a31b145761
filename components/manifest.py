"""Kubernetes objects as plain data: pure functions build them, `register` declares them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import pulumi
import pulumi_kubernetes as k8s

from components.constants import ANNOTATION_OBJECTS

# A JSON object of the Kubernetes API, with the API's own camelCase keys. Leaves may be Outputs, such as the name of a
# Secret. The tests hold every registered one against the SDK's schema.
Manifest: TypeAlias = dict[str, Any]

R = TypeVar("R", bound=pulumi.CustomResource)


def register(kind: type[R], logical: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions) -> R:
    """Declares `manifest` as a resource of the SDK class `kind`."""
    # The SDK's constructors take snake_case arguments; below them it passes the API's own keys through.
    arguments = {"string_data" if key == "stringData" else key: value for key, value in manifest.items()}
    return kind(logical, opts=opts, **arguments)


def metadata(
    namespace: str | None,
    labels: Mapping[str, str],
    name: pulumi.Input[str],
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Object metadata. The name is always ours: an auto-named object that a killed update left is never found again."""
    fields: Manifest = {"labels": dict(labels), "name": name}
    if namespace is not None:
        fields["namespace"] = namespace
    if annotations:
        fields["annotations"] = dict(annotations)
    return fields


@dataclass(frozen=True)
class Declared:
    """An object of the cluster as its users need it. By its uid, one that was made anew is told from the one before."""

    name: pulumi.Output[str]
    uid: pulumi.Output[str]

    @staticmethod
    def of(resource: k8s.core.v1.Secret | k8s.core.v1.ConfigMap) -> "Declared":
        """The object as the cluster has it. In a preview the uid of one that is still to be made is unknown, as its id is: a
        wrong one would stand in the plan, and an update bound to that plan would be refused."""
        uid = resource.id.apply(lambda _: resource.metadata.apply(lambda meta: str(meta.uid)))
        return Declared(resource.metadata.apply(lambda meta: str(meta.name)), uid)


def rolled_by(uids: Sequence[pulumi.Input[str]]) -> Manifest:
    """Annotations of a pod that is replaced when one of these objects is made anew, also with the same name and content.

    A kubelet does not look at an immutable object again: a pod that has seen a forged one would never see the repaired one.
    """
    together = pulumi.Output.all(*uids).apply(
        lambda resolved: hashlib.sha256(" ".join(resolved).encode()).hexdigest()[:10]
    )
    return {ANNOTATION_OBJECTS: together}


def content_name(logical: str, data: Mapping[str, str], salt: str = "") -> str:
    """The name of an immutable object: new content is a new object, and the same content finds the same object again.

    `salt` is a secret without which the name tells nothing about `data`, not even to somebody who guesses it.
    """
    digest = hashlib.sha256(json.dumps([salt, dict(data)], sort_keys=True).encode()).hexdigest()
    return f"{logical}-{digest[:10]}"


def env(values: Mapping[str, pulumi.Input[str]]) -> list[Manifest]:
    """Container environment from plain values or Outputs."""
    return [{"name": name, "value": value} for name, value in values.items()]
