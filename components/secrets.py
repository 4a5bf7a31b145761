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
    """The settings of one gateway: its authentication, and its model keys."""

    scope: Scope
    gateway: Gateway


class GatewaySecrets(pulumi.ComponentResource):
    """The token (or password) of one gateway, and its model keys. `model_secrets` names the Secrets that hold them."""

    token: pulumi.Output[str]
    """The token or password itself: 48 letters and digits, a secret."""
    token_secret: pulumi.Output[str]
    """Name of the Secret that holds it, under the key `token`."""

    def __init__(self, name: str, args: GatewaySecretsArgs, opts: pulumi.ResourceOptions) -> None:
        scope, gateway = args.scope, args.gateway
        super().__init__("openclaw:tailnet:GatewaySecrets", name, {"modelKeys": sorted(gateway.model_keys)}, opts)
        child = pulumi.ResourceOptions(parent=self)
        # The mode is a keeper too: a token that was an API credential must not live on as somebody's password.
        keepers = {"mode": gateway.auth.mode, "rotation": gateway.auth.rotation}
        self.token = random_text(scope.logical("token"), keepers, child)
        token = secret(scope, "gateway-token", {"token": self.token}, child)
        self.token_secret, self.uids = token.name, [token.uid]
        self.model_secrets: list[pulumi.Input[str]] = []
        if gateway.model_keys:
            keys = {variable: key.get_secret_value() for variable, key in gateway.model_keys.items()}
            model_keys = secret(scope, "model-keys", keys, child, self.token)
            self.model_secrets.append(model_keys.name)
            self.uids.append(model_keys.uid)
        if gateway.model_keys_secret:
            self.model_secrets.append(gateway.model_keys_secret)
        self.register_outputs({"tokenSecret": self.token_secret})
