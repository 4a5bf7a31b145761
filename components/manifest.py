"""Kubernetes objects as plain data: pure functions build them, `register` declares them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import pulumi

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
    made: Manifest = {"labels": dict(labels), "name": name}
    if namespace is not None:
        made["namespace"] = namespace
    if annotations:
        made["annotations"] = dict(annotations)
    return made


def content_name(logical: str, data: Mapping[str, str], salt: str = "") -> str:
    """The name of an immutable object: new content is a new object, and the same content finds the same object again.

    `salt` is a secret without which the name tells nothing about `data`, not even to somebody who guesses it.
    """
    digest = hashlib.sha256(json.dumps([salt, dict(data)], sort_keys=True).encode()).hexdigest()
    return f"{logical}-{digest[:10]}"


def env(values: Mapping[str, pulumi.Input[str]]) -> list[Manifest]:
    """Container environment from plain values or Outputs."""
    return [{"name": name, "value": value} for name, value in values.items()]


def locked_down(user: int, add: Sequence[str] = ()) -> Manifest:
    """A container's security context with nothing that is not asked for."""
    context: Manifest = {
        "runAsUser": user,
        "runAsGroup": user,
        "runAsNonRoot": user != 0,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if add:
        context["capabilities"]["add"] = list(add)
    return context
