"""One gateway, from its namespace to its address."""

import dataclasses
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components import gateway, sidecar, workload
from components.admission import AdmissionGuard
from components.config_map import config_map
from components.credential import Credential
from components.manifest import register
from components.network import InstanceNetwork, NetworkArgs
from components.nodes import browser
from components.openclaw import permissions
from components.outputs import InstanceOutput
from components.placement import authorities
from components.scope import Scope
from components.sealed_key import SealedKey, SealedKeyArgs
from components.secrets import GatewaySecrets, GatewaySecretsArgs
from components.settings import Instance, Settings
from components.storage import InstanceStorage, StorageArgs


@dataclass(frozen=True)
class GatewayInstanceArgs:
    """One instance, and what its sidecar joins with (None while Tailscale is off)."""

    instance: Instance
    settings: Settings
    stack: str
    credential: Credential | None
    guard: AdmissionGuard

    @property
    def scope(self) -> Scope:
        return Scope(self.instance.names, self.stack)


class GatewayInstance(pulumi.ComponentResource):
    """Everything of one instance in the cluster. `summary` is the stack's output about it."""

    token: pulumi.Output[str]
    """The gateway's token or password, a secret."""
    token_command: pulumi.Output[str]
    """The command that reads it from the cluster."""

    def __init__(self, name: str, args: GatewayInstanceArgs, opts: pulumi.ResourceOptions) -> None:
        instance, settings, scope, names = args.instance, args.settings, args.scope, args.scope.names
        inputs = {"namespace": names.namespace, "hostname": names.hostname, "people": list(instance.people)}
        super().__init__("openclaw:tailnet:Instance", name, inputs, opts)
        fqdn = settings.tailnet.fqdn(names.hostname)
        # A disabled instance is reached by `kubectl port-forward`: browsers then open localhost, which is allowed anyway.
        self.address = sidecar.address(instance.tailscale, fqdn) if instance.tailscale.enabled else None

        # After the guard: it keeps this stack from adopting a namespace that is not its own.
        guarded = pulumi.ResourceOptions(parent=self, depends_on=[args.guard])
        tun = instance.tailscale.enabled and instance.tailscale.mode == "tun"
        storage = InstanceStorage(scope.logical("storage"), StorageArgs(scope, instance.storage, tun), guarded)
        inside = pulumi.ResourceOptions(parent=self, depends_on=[storage])
        secrets = GatewaySecrets(scope.logical("secrets"), GatewaySecretsArgs(scope, instance.gateway), inside)
        network_args = NetworkArgs(
            scope, settings.cluster, instance.tailscale.enabled, instance.tailscale.metrics, instance.extra_egress
        )
        network = InstanceNetwork(scope.logical("network"), network_args, inside)
        driven = browser.node_of(instance.id, settings)
        files = gateway.config_files(instance, self.address, driven.id if driven else None)
        config = config_map(scope, "config", files, inside)
        sources = workload.Sources(config.name, secrets.token_secret, secrets.agent_secrets)
        uids = [config.uid, *secrets.uids]
        if trusted := authorities(scope, instance.pod, inside):
            sources = dataclasses.replace(sources, authorities=trusted)
            uids += trusted.uids
        if args.credential is not None:
            serve = config_map(
                scope, "serve", {sidecar.SERVE_KEY: sidecar.serve_json(instance.tailscale, fqdn)}, inside
            )
            sources = dataclasses.replace(sources, serve=serve.name, federated=args.credential.federated)
            uids.append(serve.uid)
            if args.credential.secret is not None:
                sealed = SealedKey(scope.logical("sealed-key"), SealedKeyArgs(scope, args.credential.secret), inside)
                sources = dataclasses.replace(sources, kek=sealed.kek_secret, sealed_key=sealed.sealed_secret)
                uids += sealed.uids
        sources = dataclasses.replace(sources, uids=uids)
        register(
            k8s.apps.v1.Deployment,
            scope.logical("gateway"),
            workload.deployment(scope, instance, settings.tailnet, settings.images, sources),
            # The pod must never run before its network is closed and the guard is in force.
            pulumi.ResourceOptions(parent=self, depends_on=[storage, network, args.guard]),
        )
        self.token = secrets.token
        self.token_command = secrets.token_secret.apply(
            lambda name: (
                f"kubectl --namespace {names.namespace} get secret {name} --output go-template='{{{{.data.token|base64decode}}}}'"
            )
        )
        self.summary: InstanceOutput = {
            "namespace": names.namespace,
            "hostname": names.hostname,
            "tag": names.tag,
            "tokenCommand": self.token_command,
            "prefer": instance.tailscale.prefer,
            "agent": permissions.described(instance.gateway.permissions),
            "address": self.address
            or f"kubectl --namespace {names.namespace} port-forward deployment/{names.deployment} {gateway.GATEWAY_PORT}",
        }
        self.register_outputs({**self.summary})
