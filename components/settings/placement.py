"""The configuration of a pod's placement: where it runs, which authorities it trusts, and how it connects outward."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.settings.certificates import Certificates
from components.settings.model import Model
from components.settings.pod_keys import refusal
from components.settings.text import DISTINCT, Line, Text, whole
from components.settings.types import LabelKey, LabelValue, ObjectName
from components.settings.urls import NoProxyHost, ProxyUrl

_FILE_NAME = re.compile(r"[-A-Za-z0-9_][-A-Za-z0-9_.]{0,252}")


def _own_key(value: str) -> str:
    if reason := refusal(value):
        raise ValueError(f"{reason}. Remove it")
    return value


def _priority_class(value: str) -> str:
    if value.startswith("system-"):
        raise ValueError("is reserved for the cluster's own pods. Create a PriorityClass, and write its name")
    return value


def _file_name(value: str) -> str:
    if _FILE_NAME.fullmatch(value) is None:
        raise ValueError("is not a key of a ConfigMap. Use letters, digits, - . or _, such as ca.crt")
    return value


PodKey = Annotated[LabelKey, AfterValidator(_own_key)]
PriorityClass = Annotated[ObjectName, AfterValidator(_priority_class)]
FileName = Annotated[Text, AfterValidator(_file_name)]


class Toleration(Model):
    """A taint that the pod tolerates."""

    key: LabelKey | None = Field(default=None, description="Key of the taint; never empty, which would be every taint.")
    operator: Literal["Equal", "Exists"] = Field(
        default="Equal", description="`Exists`: whatever the taint's value is."
    )
    value: LabelValue | None = Field(default=None, description="Value of the taint (default: it has none).")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint (default: all of them)."
    )
    toleration_seconds: Annotated[int, whole(0, 31_536_000)] | None = Field(
        default=None, description="Only for `NoExecute`: seconds until the pod is evicted (default: never)."
    )


class CaBundle(Model):
    """Certificate authorities that the pod trusts in addition to the public ones."""

    pem: Certificates | None = Field(
        default=None, description="The certificates, as PEM text. Anything else in the text is left out."
    )
    config_map: ObjectName | None = Field(
        default=None,
        description="Instead of `pem`: an existing ConfigMap in the pod's namespace. A change of its content takes effect "
        "when the pod next starts.",
    )
    key: FileName = Field(default="ca.crt", description="Key of that ConfigMap.")


class Proxy(Model):
    """An HTTP proxy for outbound connections."""

    url: ProxyUrl = Field(
        description="`http://host:port` or `https://host:port`, without a login. Unless it is a public host on port 443, "
        "`extraEgress` must allow its address and port."
    )
    no_proxy: Annotated[tuple[NoProxyHost, ...], DISTINCT] = Field(
        default=(),
        description="Hosts, and domains such as `.example.com`, that are reached without it. Loopback and the cluster's own "
        "names never use it.",
    )


class Placement(Model):
    """Where the pod runs, which authorities it trusts, and how it connects outward. Nothing here overrides an invariant."""

    node_selector: dict[LabelKey, LabelValue] = Field(
        default={}, description="Labels of the Kubernetes nodes on which it may run."
    )
    tolerations: Annotated[tuple[Toleration, ...], DISTINCT] = ()
    runtime_class_name: ObjectName | None = Field(
        default=None,
        description="A RuntimeClass, such as one for gVisor or Kata. Mode `tun` needs `/dev/net/tun` inside it; otherwise use "
        "mode `userspace`.",
    )
    priority_class_name: PriorityClass | None = Field(default=None, description="A PriorityClass.")
    image_pull_secrets: Annotated[tuple[ObjectName, ...], DISTINCT] = Field(
        default=(), description="Names of existing Secrets in the pod's namespace, for registries that require a login."
    )
    labels: dict[PodKey, LabelValue] = Field(default={}, description="Additional labels of the pod.")
    annotations: dict[PodKey, Line] = Field(
        default={},
        description="Additional annotations of the pod. Keys that would expose it, inject into it or configure its runtime are "
        "refused, in `labels` too.",
    )
    ca_bundle: CaBundle | None = None
    proxy: Proxy | None = Field(
        default=None,
        description="An HTTP proxy for outbound connections. In an execution node only the sidecar uses it, to join and to "
        "reach relays: commands connect through the sidecar, which does not pass them on to this proxy.",
    )
