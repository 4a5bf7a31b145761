"""The gateway's own secret and the model providers' keys, as Secrets that the gateway container reads by name (I4)."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components.manifest import Declared, content_name, register
from components.scope import Scope
from components.settings import Gateway

# Letters and digits, 62 of them: 285 bits, where 32 bytes have 256.
RANDOM_CHARACTERS = 48


def random_text(
    logical: str, keepers: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Random text of RANDOM_CHARACTERS letters and digits, a secret; drawn anew when a keeper changes.

    A RandomPassword, as its id says nothing. RandomBytes and RandomId have their value as id, and ids are never encrypted.
    """
    password = random.RandomPassword(logical, length=RANDOM_CHARACTERS, special=False, keepers=keepers, opts=opts)
    return pulumi.Output.secret(password.result)


def secret(
    scope: Scope,
    part: str,
    data: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
    salt: pulumi.Input[str] = "",
) -> Declared:
    """Declares an immutable Secret, named after its content: new content is a new object, and rolls the pod.

    `salt` is a secret, needed where the data may be guessed; what is random or sealed needs none.
    """
    logical = scope.logical(part)
    values = {key: pulumi.Output.secret(value) for key, value in data.items()}
    name = pulumi.Output.all(salt, values).apply(lambda parts: content_name(logical, parts[1], parts[0]))
    manifest = {
        "metadata": scope.metadata(pulumi.Output.unsecret(name)),
        "type": "Opaque",
        "immutable": True,
        "stringData": values,
    }
    return Declared.of(register(k8s.core.v1.Secret, logical, manifest, opts))


@dataclass(frozen=True)
class GatewaySecretsArgs:
    """The settings of one gateway: its authentication, and the secrets of its agent."""

    scope: Scope
    gateway: Gateway


class GatewaySecrets(pulumi.ComponentResource):
    """The token (or password) of one gateway, and its agent's secrets. `agent_secrets` names the Secrets that hold those."""

    token: pulumi.Output[str]
    """The token or password itself: 48 letters and digits, a secret."""
    token_secret: pulumi.Output[str]
    """Name of the Secret that holds it, under the key `token`."""

    def __init__(self, name: str, args: GatewaySecretsArgs, opts: pulumi.ResourceOptions) -> None:
        scope, gateway = args.scope, args.gateway
        inputs = {"secrets": sorted(gateway.secrets), "secretsFrom": [source.name for source in gateway.secrets_from]}
        super().__init__("openclaw:tailnet:GatewaySecrets", name, inputs, opts)
        child = pulumi.ResourceOptions(parent=self)
        # The mode is a keeper too: a token that was an API credential must not live on as somebody's password.
        keepers = {"mode": gateway.auth.mode, "rotation": gateway.auth.rotation}
        self.token = random_text(scope.logical("token"), keepers, child)
        token = secret(scope, "gateway-token", {"token": self.token}, child)
        self.token_secret, self.uids = token.name, [token.uid]
        self.agent_secrets: list[pulumi.Input[str]] = [source.name for source in gateway.secrets_from]
        if gateway.secrets:
            values = {variable: value.get_secret_value() for variable, value in gateway.secrets.items()}
            agent = secret(scope, "agent-secrets", values, child, self.token)
            # Last: where two have the same variable, the stack's own wins.
            self.agent_secrets.append(agent.name)
            self.uids.append(agent.uid)
        self.uids += [_content(scope, source.name, self.token, child) for source in gateway.secrets_from if source.roll]
        self.register_outputs({"tokenSecret": self.token_secret})


def _content(scope: Scope, name: str, salt: pulumi.Output[str], opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A word that changes with the content of somebody else's Secret, and tells nothing about it."""
    live = k8s.core.v1.Secret.get(
        scope.logical(f"from-{name}"),
        f"{scope.names.namespace}/{name}",
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["data"])),
    )
    word = pulumi.Output.all(salt, live.data).apply(lambda parts: content_name(name, parts[1] or {}, parts[0]))
    return pulumi.Output.unsecret(word)
