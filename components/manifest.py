"""Kubernetes objects as plain data: pure functions build them, `register` declares them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import pulumi

# A JSON object of the Kubernetes API, with the API's own camelCase keys. Leaves may be Outputs, such as the name of an
# auto-named Secret. The tests hold every registered one against the SDK's schema.
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
    name: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Object metadata. Without a name the provider makes one, so that new content is a new object."""
    made: Manifest = {"labels": dict(labels)}
    if namespace is not None:
        made["namespace"] = namespace
    if name is not None:
        made["name"] = name
    if annotations:
        made["annotations"] = dict(annotations)
    return made


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
