"""Reads who owns the names that a stack would use from the live cluster before anything is declared (I12).

The admission guard refuses the same at the API server; here it is said in a preview too, also in a cluster that has no guard yet.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pulumi

from components import cluster_dns
from components.constants import ANNOTATION_HAND_OVER, LABEL_INSTANCE, LABEL_STACK
from components.errors import Refusal
from components.names import Names
from components.nodes.kinds import kind_of
from components.settings import Cluster, Settings

# For each question. A cluster that is slower than that is judged by its API server alone.
TIMEOUT_SECONDS: Final = 5


@dataclass(frozen=True)
class Namespace:
    """Whose a namespace is. `stack` is empty when it carries no stack's label."""

    stack: str = ""
    hand_over: str = ""
    """The stack that its owner lets take it over; empty when there is none."""


@dataclass(frozen=True)
class LiveCluster:
    """The cluster as far as it tells who owns what. `reason` says why it could not be read, and is empty otherwise."""

    namespaces: Mapping[str, Namespace] = field(default_factory=dict[str, Namespace])
    joined: frozenset[str] = frozenset()
    """Instances and nodes, by label, whose device identity this stack keeps on a volume."""
    reason: str = ""
    warnings: tuple[str, ...] = ()
    """Doubts about its DNS."""


def read(cluster: Cluster, stack: str) -> LiveCluster:
    """The live cluster. Four requests, whatever the number of gateways."""
    # Only here: it takes a quarter of a second to import, and no manifest needs it. It has no types.
    kubernetes: Any = import_module("kubernetes")
    configuration = kubernetes.client.Configuration()
    configuration.retries = False
    try:
        with kubernetes.config.new_client_from_config(
            str(Path(cluster.kubeconfig).expanduser()),
            cluster.context,
            persist_config=False,
            client_configuration=configuration,
        ) as client:
            namespaces = _items(client, "/api/v1/namespaces", "")
            claims = _items(client, "/api/v1/persistentvolumeclaims", f"{LABEL_STACK}={stack}")
            doubts = _doubts(cluster, client)
    except Exception as error:  # of the client, of its credential plugins, of the connection: all mean the same here
        return LiveCluster(reason=_reason(error))
    return LiveCluster(
        {item["metadata"]["name"]: _namespace(item["metadata"]) for item in namespaces},
        frozenset(
            _labels(item["metadata"]).get(LABEL_INSTANCE, "")
            for item in claims
            if item["metadata"]["name"] == Names.tailnet_claim
        ),
        warnings=doubts,
    )


def _doubts(cluster: Cluster, client: Any) -> tuple[str, ...]:
    """Nobody needs the right to list pods but for this, so a refusal is no doubt."""
    try:
        return tuple(cluster_dns.doubts(cluster, lambda path, selector: _items(client, path, selector, 1)))
    except Exception:  # as in `read`
        return ()


def conflicts(settings: Settings, stack: str, live: LiveCluster) -> Iterator[str]:
    """One line for each namespace of the settings that belongs to somebody else, with the ways out."""
    for path, names in namespaced(settings):
        namespace = live.namespaces.get(names.namespace)
        if namespace is None or namespace.stack == stack or namespace.hand_over == stack:
            continue
        owner = (
            f"belongs to the stack {namespace.stack}" if namespace.stack else "was there before and belongs to no stack"
        )
        yield (
            f"{path}: the namespace {names.namespace} {owner}. Choose another id or namespace here, or ask its owner to hand it "
            f"over: kubectl annotate namespace {names.namespace} {ANNOTATION_HAND_OVER}={stack}"
        )


def message(conflicts: Sequence[str]) -> str:
    """The conflicts as one error for people."""
    return "\n".join(
        ["This stack would take over namespaces of others; nothing was changed:", *(f"  {one}" for one in conflicts)]
    )


def check(settings: Settings, stack: str, of: pulumi.Resource) -> LiveCluster:
    """Reads the cluster. Raises Refusal when a namespace of the settings belongs to somebody else."""
    live = read(settings.cluster, stack)
    if live.reason:
        pulumi.log.warn(
            f"The cluster cannot be read, so only its API server will say which namespaces belong to others "
            f"({live.reason}). The kubeconfig's user needs to list namespaces and persistentvolumeclaims.",
            of,
        )
    for warning in live.warnings:
        pulumi.log.warn(warning, of)
    if taken := list(conflicts(settings, stack, live)):
        raise Refusal(message(taken))
    return live


def namespaced(settings: Settings) -> Iterator[tuple[str, Names]]:
    """The path and the names of everything that gets a namespace."""
    for index, instance in enumerate(settings.instances):
        yield f"instances[{index}]", instance.names
    for index, node in enumerate(settings.nodes):
        if kind_of(node).in_cluster:
            yield f"nodes[{index}]", node.names


def _items(client: Any, path: str, selector: str, most: int = 0) -> list[dict[str, Any]]:
    """Objects as plain JSON, metadata alone: models of a thousand namespaces would take seconds to build."""
    response = client.call_api(
        path,
        "GET",
        query_params=[("labelSelector", selector)] * bool(selector) + [("limit", most)] * bool(most),
        header_params={"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"},
        auth_settings=["BearerToken"],
        _preload_content=False,
        _return_http_data_only=True,
        _request_timeout=TIMEOUT_SECONDS,
    )
    # An empty list may be null.
    return json.loads(response.data)["items"] or []


def _namespace(meta: Mapping[str, Any]) -> Namespace:
    annotations: Mapping[str, str] = meta.get("annotations") or {}
    return Namespace(_labels(meta).get(LABEL_STACK, ""), annotations.get(ANNOTATION_HAND_OVER, ""))


def _labels(meta: Mapping[str, Any]) -> Mapping[str, str]:
    return meta.get("labels") or {}


def _reason(error: Exception) -> str:
    """The error in one line, without the response's body: that may quote a token."""
    status, reason = getattr(error, "status", None), getattr(error, "reason", None)
    text = f"HTTP {status} {reason}" if status else str(reason or error)
    return " ".join(text.split())[:200]
