"""The configuration of a pod's placement: where it runs, whom it trusts, how it goes out, and the words that it carries."""

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
        raise ValueError(
            "is for what the cluster itself needs to run. Make a PriorityClass for your pods, and write its name"
        )
    return value


def _file_name(value: str) -> str:
    if _FILE_NAME.fullmatch(value) is None:
        raise ValueError("is not the key of a ConfigMap. Use letters, digits, - . or _, such as ca.crt")
    return value


PodKey = Annotated[LabelKey, AfterValidator(_own_key)]
PriorityClass = Annotated[ObjectName, AfterValidator(_priority_class)]
FileName = Annotated[Text, AfterValidator(_file_name)]


class Toleration(Model):
    """A taint that the pod tolerates. It names one: a pod that tolerates all would stay on a Kubernetes node that is gone."""

    key: LabelKey | None = Field(default=None, description="Key of the taint.")
    operator: Literal["Equal", "Exists"] = Field(
        default="Equal", description="`Exists`: whatever the taint's value is."
    )
    value: LabelValue | None = Field(default=None, description="Value of the taint (default: it has none).")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint (default: all of them)."
    )
    toleration_seconds: Annotated[int, whole(0, 31_536_000)] | None = Field(
        default=None, description="Only for `NoExecute`: seconds until the pod goes after all (default: it stays)."
    )


class CaBundle(Model):
    """Authorities that the pod's programs trust besides the public ones: for a proxy that looks into TLS, a model provider
    or a control server with an authority of its own.
    """

    pem: Certificates | None = Field(
        default=None, description="The certificates, as PEM text. What stands between them is left out."
    )
    config_map: ObjectName | None = Field(
        default=None,
        description="Instead of `pem`: a ConfigMap in the pod's namespace that somebody else keeps. New content counts from "
        "the pod's next start on.",
    )
    key: FileName = Field(default="ca.crt", description="Key of that ConfigMap.")


class Proxy(Model):
    """An HTTP proxy for what leaves the pod."""

    url: ProxyUrl = Field(
        description="`http://host:port` or `https://host:port`, without a login. Unless it is a public host on port 443, "
        "`extraEgress` opens its address and port."
    )
    no_proxy: Annotated[tuple[NoProxyHost, ...], DISTINCT] = Field(
        default=(),
        description="Hosts that are reached without it; `.example.com` stands for all in that domain. Loopback and the "
        "cluster's own names always are.",
    )


class Placement(Model):
    """Where the pod runs, what it trusts and how it goes out. What the invariants need wins over everything here."""

    node_selector: dict[LabelKey, LabelValue] = Field(
        default={}, description="Labels of the Kubernetes nodes on which it may run."
    )
    tolerations: Annotated[tuple[Toleration, ...], DISTINCT] = ()
    runtime_class_name: ObjectName | None = Field(
        default=None,
        description="A RuntimeClass, such as gVisor's or Kata's. Mode `tun` needs `/dev/net/tun` in it; where it has none, "
        "use mode `userspace`.",
    )
    priority_class_name: PriorityClass | None = Field(default=None, description="A PriorityClass of yours.")
    image_pull_secrets: Annotated[tuple[ObjectName, ...], DISTINCT] = Field(
        default=(), description="Names of existing Secrets in the pod's namespace, for a registry that wants a login."
    )
    labels: dict[PodKey, LabelValue] = Field(default={}, description="More labels of the pod.")
    annotations: dict[PodKey, Line] = Field(
        default={},
        description="More annotations of the pod. Keys that would open it, add to it or steer what runs it are refused, in "
        "`labels` too.",
    )
    ca_bundle: CaBundle | None = None
    proxy: Proxy | None = Field(
        default=None,
        description="An HTTP proxy for what leaves the pod. In an execution node only the sidecar uses it, to join and for "
        "relays: commands go through the sidecar into the tailnet, and from there straight to the internet.",
    )
