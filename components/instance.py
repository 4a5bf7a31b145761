"""One gateway, from its namespace to its address."""

import dataclasses

import pulumi
import pulumi_kubernetes as k8s

from components import gateway, names, sidecar, workload
from components.admission import AdmissionGuard
from components.credential import Credential
from components.manifest import Declared, content_name, metadata, register
from components.names import Names
from components.network import InstanceNetwork
from components.sealed_key import SealedKey
from components.secrets import GatewaySecrets
from components.settings import Instance, Settings
from components.storage import InstanceStorage


class GatewayInstance(pulumi.ComponentResource):
    """Everything of one instance in the cluster. `summary` is what the stack exports of it."""

    token: pulumi.Output[str]
    """The gateway's token or password, a secret."""
    token_command: pulumi.Output[str]
    """The command that reads it from the cluster."""

    def __init__(
        self,
        instance: Instance,
        settings: Settings,
        credential: Credential | None,
        guard: AdmissionGuard,
        opts: pulumi.ResourceOptions,
    ) -> None:
        own = names.of(instance.id, instance.namespace, instance.tailscale.hostname)
        inputs = {"namespace": own.namespace, "hostname": own.hostname, "people": list(instance.people)}
        super().__init__("openclaw:tailnet:Instance", own.logical(), inputs, opts)
        labels = own.labels(names.stack(pulumi.get_stack()))
        fqdn = f"{own.hostname}.{settings.tailnet.name}"
        # A disabled instance is reached by `kubectl port-forward`: browsers then open localhost, which is allowed anyway.
        self.address = sidecar.address(instance.tailscale, fqdn) if instance.tailscale.enabled else None

        # After the guard: it keeps this stack from adopting a namespace that is not its own.
        guarded = pulumi.ResourceOptions(parent=self, depends_on=[guard])
        storage = InstanceStorage(own.logical("storage"), own, labels, instance, guarded)
        inside = pulumi.ResourceOptions(parent=self, depends_on=[storage])
        secrets = GatewaySecrets(own.logical("secrets"), own, labels, instance.gateway, inside)
        network = InstanceNetwork(own.logical("network"), own, labels, instance, settings.cluster, inside)
        config = _config_map(
            own, labels, "config", gateway.CONFIG_KEY, gateway.openclaw_json(instance, self.address), inside
        )
        sources = workload.Sources(config.name, secrets.token_secret, secrets.model_secrets)
        uids = [config.uid, *secrets.uids]
        if credential is not None:
            serve = _config_map(
                own, labels, "serve", sidecar.SERVE_KEY, sidecar.serve_json(instance.tailscale, fqdn), inside
            )
            sources = dataclasses.replace(sources, serve=serve.name, federated=credential.federated)
            uids.append(serve.uid)
            if credential.secret is not None:
                sealed = SealedKey(own.logical("sealed-key"), own, labels, credential.secret, inside)
                sources = dataclasses.replace(sources, kek=sealed.kek_secret, sealed_key=sealed.sealed_secret)
                uids += sealed.uids
        sources = dataclasses.replace(sources, uids=uids)
        register(
            k8s.apps.v1.Deployment,
            own.logical("gateway"),
            workload.deployment(own, labels, instance, settings.tailnet, settings.images, sources),
            # The pod must never run before its network is closed and the guard is in force.
            pulumi.ResourceOptions(parent=self, depends_on=[storage, network, guard]),
        )
        self.token = secrets.token
        self.token_command = secrets.token_secret.apply(
            lambda name: (
                f"kubectl --namespace {own.namespace} get secret {name} --output go-template='{{{{.data.token|base64decode}}}}'"
            )
        )
        self.summary: dict[str, pulumi.Input[str]] = {
            "namespace": own.namespace,
            "hostname": own.hostname,
            "tag": own.tag,
            "tokenCommand": self.token_command,
            "address": self.address
            or f"kubectl --namespace {own.namespace} port-forward deployment/{own.deployment} {gateway.GATEWAY_PORT}",
        }
        self.register_outputs(self.summary)


def _config_map(
    own: Names, labels: dict[str, str], part: str, key: str, content: str, opts: pulumi.ResourceOptions
) -> Declared:
    """Declares an immutable ConfigMap, named after its content."""
    logical, data = own.logical(part), {key: content}
    manifest = {
        "metadata": metadata(own.namespace, labels, content_name(logical, data)),
        "immutable": True,
        "data": data,
    }
    return Declared.of(register(k8s.core.v1.ConfigMap, logical, manifest, opts))
