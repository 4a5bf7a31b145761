"""The placement of a pod, laid under what is ours: where it runs, which authorities it trusts, how it connects outward."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import pulumi

from components.config_map import config_map
from components.constants import (
    ENROL_CONTAINER,
    GATEWAY_CONTAINER,
    NODE_CONTAINER,
    PLUGINS_CONTAINER,
    SIDECAR_CONTAINER,
    VOLUME_CA,
)
from components.manifest import Manifest, env
from components.pods import Container, Volume
from components.scope import Scope
from components.settings import Placement, Proxy

CA_FILE: Final = "ca.crt"
CA_PATH: Final = "/etc/extra-ca"
# Of Debian and of Alpine, which the images are made of.
SYSTEM_CA_PATH: Final = "/etc/ssl/certs"

# Loopback is the gateway itself, and no proxy outside knows the cluster's names. IPv6's loopback in both spellings: Go reads
# the first, others the second.
NEVER_BY_PROXY: Final = ("127.0.0.1", "localhost", "::1", "[::1]", ".svc", ".cluster.local")

# The programs of Node.js; the init container that opens the sealed key opens no connection.
_OF_NODE_JS: Final = (GATEWAY_CONTAINER, NODE_CONTAINER, ENROL_CONTAINER, PLUGINS_CONTAINER)


@dataclass(frozen=True)
class Authorities:
    """The ConfigMap with the certificates of more authorities. Only one of ours has a uid here, and rolls the pod."""

    config_map: pulumi.Input[str]
    key: str
    uids: Sequence[pulumi.Output[str]] = ()


def authorities(scope: Scope, placement: Placement, opts: pulumi.ResourceOptions) -> Authorities | None:
    """The ConfigMap that the pod trusts: declared here, or one of somebody else's; None without any."""
    bundle = placement.ca_bundle
    if bundle is None:
        return None
    if bundle.pem is not None:
        declared = config_map(scope, "ca-bundle", {CA_FILE: bundle.pem}, opts)
        return Authorities(declared.name, CA_FILE, [declared.uid])
    # Checked with the settings: one of the two is there.
    return Authorities(bundle.config_map, bundle.key) if bundle.config_map is not None else None


def placed(deployment: Manifest, placement: Placement, trusted: Authorities | None) -> Manifest:
    """The Deployment with the placement in its pod. Pure, and what is there already always wins."""
    template = deployment["spec"]["template"]
    spec: Manifest = {**_scheduling(placement), **template["spec"]}
    for part in ("initContainers", "containers"):
        if part in spec:
            containers = cast(list[Container], spec[part])
            spec[part] = [_container(container, placement.proxy, trusted is not None) for container in containers]
    if trusted:
        spec["volumes"] = [*spec["volumes"], _volume(trusted)]
    own: Manifest = {"labels": dict(placement.labels), "annotations": dict(placement.annotations)}
    metadata = {key: {**own.get(key, {}), **ours} for key, ours in template["metadata"].items()}
    return {**deployment, "spec": {**deployment["spec"], "template": {"metadata": metadata, "spec": spec}}}


def _scheduling(placement: Placement) -> Manifest:
    fields: Manifest = {
        "nodeSelector": dict(placement.node_selector),
        "tolerations": [one.model_dump(by_alias=True, exclude_none=True) for one in placement.tolerations],
        "runtimeClassName": placement.runtime_class_name,
        "priorityClassName": placement.priority_class_name,
        "imagePullSecrets": [{"name": name} for name in placement.image_pull_secrets],
    }
    return {key: value for key, value in fields.items() if value}


def _container(container: Container, proxy: Proxy | None, trusts: bool) -> Container:
    name = container["name"]
    variables = {**(_trust(name) if trusts else {}), **(_outward(name, proxy) if proxy else {})}
    changed = container.copy()
    if variables:
        changed["env"] = [*env(variables), *container.get("env", [])]
    if trusts and _trust(name):
        changed["volumeMounts"] = [
            *container["volumeMounts"],
            {"name": VOLUME_CA, "mountPath": CA_PATH, "readOnly": True},
        ]
    return changed


def _trust(name: str) -> dict[str, str]:
    if name in _OF_NODE_JS:
        return {"NODE_EXTRA_CA_CERTS": f"{CA_PATH}/{CA_FILE}"}
    if name == SIDECAR_CONTAINER:
        # Not SSL_CERT_FILE: Go would read that instead of the system's file (crypto/x509/root_unix.go). A directory is
        # read besides it.
        return {"SSL_CERT_DIR": f"{SYSTEM_CA_PATH}:{CA_PATH}"}
    return {}


def _outward(name: str, proxy: Proxy) -> dict[str, str]:
    """The proxy's variables. None in a node's own containers: they have a proxy already, the sidecar, into the tailnet."""
    without = ",".join([*NEVER_BY_PROXY, *proxy.no_proxy])
    usual = {"HTTPS_PROXY": proxy.url, "HTTP_PROXY": proxy.url, "NO_PROXY": without}
    if name == SIDECAR_CONTAINER:
        # No lower case: BusyBox's wget, which the probe runs, obeys http_proxy without any exception, and would ask the proxy
        # for loopback. Go reads upper case.
        return usual
    if name in (GATEWAY_CONTAINER, PLUGINS_CONTAINER):
        # Not OPENCLAW_PROXY_URL, with which OpenClaw ignores NO_PROXY. curl and others read lower case only; the clients
        # that come with Node.js, in tools and plugins, look at none of them unless they are told to.
        return {**usual, **{key.lower(): value for key, value in usual.items()}, "NODE_USE_ENV_PROXY": "1"}
    return {}


def _volume(trusted: Authorities) -> Volume:
    source: dict[str, Any] = {"name": trusted.config_map, "items": [{"key": trusted.key, "path": CA_FILE}]}
    return {"name": VOLUME_CA, "configMap": source}
