"""The Deployment of one gateway: one pod, replaced only after the old one is gone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from components import credential, gateway, plugins, sealed_key, sidecar
from components.constants import LABEL_SIDECAR
from components.manifest import Manifest, rolled_by
from components.names import Names
from components.placement import Authorities, placed
from components.pods import Container, confined, one_pod_deployment
from components.scope import Scope
from components.settings import Images, Instance, Tailnet


@dataclass(frozen=True)
class Sources:
    """Names of the objects that the pod reads, and their uids. New content has a new name, and so rolls the pod."""

    config: pulumi.Input[str]
    token: pulumi.Input[str]
    agent_secrets: list[pulumi.Input[str]] = field(default_factory=list[pulumi.Input[str]])
    serve: pulumi.Input[str] | None = None
    kek: pulumi.Input[str] | None = None
    sealed_key: pulumi.Input[str] | None = None
    federated: credential.Federated | None = None
    authorities: Authorities | None = None
    uids: Sequence[pulumi.Input[str]] = ()


def deployment(scope: Scope, instance: Instance, tailnet: Tailnet, images: Images, sources: Sources) -> Manifest:
    """The Deployment. Pure but for what is in `sources`, which may be Outputs."""
    ours = one_pod_deployment(
        scope,
        {LABEL_SIDECAR: "true"} if instance.tailscale.enabled else {},
        rolled_by(sources.uids),
        pod(scope.names, instance, tailnet, images, sources),
    )
    return placed(ours, instance.pod, sources.authorities)


def pod(names: Names, instance: Instance, tailnet: Tailnet, images: Images, sources: Sources) -> Manifest:
    """The pod's specification."""
    image = instance.gateway.image or images.gateway
    init_containers: list[Container] = []
    portals: list[str] = []
    volumes = gateway.volumes(sources.config, names.home_claim)
    if instance.tailscale.enabled:
        portals = sidecar.portals(instance.tailscale, tailnet.fqdn(names.hostname))
        sidecar_image = instance.tailscale.image or images.tailscale
        volumes += sidecar.volumes(instance.tailscale, sources.serve, names.tailnet_claim)
        client_id = None
        if sources.federated:
            client_id = sources.federated.client_id
            volumes.append(credential.token_volume(sources.federated.audience))
        else:
            init_containers.append(sealed_key.container(image, names.seal_subject))
            volumes += sealed_key.volumes(sources.kek, sources.sealed_key)
        init_containers.append(sidecar.container(names, instance.tailscale, tailnet, sidecar_image, client_id))
    if instance.gateway.plugins:
        init_containers.append(plugins.container(instance, image))
    spec: Manifest = {
        # The same for each pod: a gateway that was killed leaves a lease on its state for five minutes, and only a successor
        # on the same host sees that its owner is dead. Under another name it would end at each start until then.
        "hostname": names.deployment,
        **confined(gateway.GRACE_SECONDS),
        "containers": [gateway.container(instance, image, sources.token, list(sources.agent_secrets), portals)],
        "volumes": volumes,
    }
    if init_containers:
        spec["initContainers"] = init_containers
    return spec
