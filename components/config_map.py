"""ConfigMaps that pods read: immutable, and named after their content."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from components.manifest import Declared, content_name, register
from components.scope import Scope


def config_map(scope: Scope, part: str, data: Mapping[str, str], opts: pulumi.ResourceOptions) -> Declared:
    """Declares an immutable ConfigMap, named after its content."""
    logical = scope.logical(part)
    manifest = {"metadata": scope.metadata(content_name(logical, data)), "immutable": True, "data": {**data}}
    return Declared.of(register(k8s.core.v1.ConfigMap, logical, manifest, opts))
