"""I1: a gateway's pod holds the gateway, its sidecar, and nothing else: all in it share loopback and the way out."""

from collections.abc import Iterator
from typing import Final

from components.constants import SIDECAR_CONTAINER
from policies.rules.gateway import (
    OUR_PROGRAMS,
    is_gateway_pod,
    is_openclaw,
    is_openclaw_image,
    is_sidecar,
    is_tailscale_image,
    repository,
)
from policies.rules.hints import may_be_gateways
from policies.rules.kinds import Container, Pod, Resource
from policies.rules.rule import Finding
from policies.rules.settings import PackSettings
from policies.rules.values import Value, fields, present, text

_LISTED: Final = (
    "Remove it: whatever runs there reaches the gateway on loopback. If it must be, list it in the policy's parameter "
    "`containers`."
)
# Annotations and labels by which a controller puts a container into a pod, by domain.
_INJECTORS: Final = (
    *("istio.io", "linkerd.io", "kuma.io", "hashicorp.com", "openservicemesh.io", "dapr.io", "banzaicloud.io"),
    *("opentelemetry.io", "jaegertracing.io", "1password.io", "admission.datadoghq.com", "dynatrace.com"),
    *("newrelic.com", "cloudflare.com", "ngrok.com", "telepresence.io", "getambassador.io", "tailscale.com"),
)
_OFF: Final = ("false", "disabled", "0", "no", "")


def containers(resource: Resource) -> Iterator[Finding]:
    """A gateway's pod has no containers but the gateway, its sidecar, and those that the owner lists."""
    for pod in resource.pods:
        if not is_gateway_pod(pod) and not (pod.partial and may_be_gateways(resource)):
            continue
        sidecars = [container for container in pod.containers if is_sidecar(container)]
        for container in pod.containers:
            if not _allowed(container, sidecars, resource.settings):
                yield Finding(f"runs {container.title} beside the gateway", container.path, _LISTED)


def _allowed(container: Container, sidecars: list[Container], settings: PackSettings) -> bool:
    if container.image is None and container.spec.get("image") is not None:
        # The image is not known yet: judged by its name, and in `up` by both.
        return container.name is None or container.name in ("gateway", "node", SIDECAR_CONTAINER, *OUR_PROGRAMS)
    name, image = container.name or "", repository(container.image or "")
    if any(name == allowed and image == repository(listed) for allowed, listed in settings.containers):
        return True
    if container.list == "ephemeralContainers":
        return False
    if is_sidecar(container):
        # One is the device. Another would be one that no policy knows.
        return container is sidecars[0] or container.name == SIDECAR_CONTAINER
    if container.name in OUR_PROGRAMS:
        return container.image is None or is_openclaw_image(container.image)
    return is_openclaw(container) and container.name != SIDECAR_CONTAINER


def sidecar_image(resource: Resource) -> Iterator[Finding]:
    """The container with the sidecar's name, and its rights, is Tailscale."""
    for pod in resource.pods:
        for container in pod.containers:
            image = container.image
            if container.name != SIDECAR_CONTAINER or image is None or is_tailscale_image(image):
                continue
            if not any(repository(image) == repository(listed) for _, listed in resource.settings.containers):
                yield Finding(
                    f"runs something other than Tailscale in {container.title}",
                    f"{container.path}.image",
                    "Use tailscale/tailscale, or a mirror that keeps this name.",
                )


def injectors(resource: Resource) -> Iterator[Finding]:
    """No annotation or label of a gateway's pod lets a controller put another container into it."""
    for pod in resource.pods:
        if is_gateway_pod(pod):
            yield from _injectors(pod)


def _injectors(pod: Pod) -> Iterator[Finding]:
    above = pod.path.removesuffix(".spec") if pod.path.endswith(".spec") else ""
    for what, values in (("annotations", pod.annotations), ("labels", pod.labels)):
        for key, path, value in fields(values, f"{above}.metadata.{what}".removeprefix(".")):
            if _injects(key, value):
                yield Finding(
                    "lets a controller put a container beside the gateway",
                    path,
                    "Remove it, and switch the injection off for the namespace.",
                )


def _injects(key: str, value: Value) -> bool:
    domain = key.lower().rpartition("/")[0]
    if not any(domain == one or domain.endswith(f".{one}") for one in _INJECTORS):
        return False
    return present(value) and (text(value) or "").lower() not in _OFF
