"""The gateway's own secret and the model providers' keys, as Secrets that the gateway container reads by name (I4)."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components.manifest import metadata, register
from components.names import Names
from components.settings import Gateway

TOKEN_BYTES = 32


def secret(
    logical: str,
    namespace: str,
    labels: Mapping[str, str],
    data: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Declares an immutable, auto-named Secret and returns its name: new content is a new object, which rolls the pod."""
    manifest = {
        "metadata": metadata(namespace, labels),
        "type": "Opaque",
        "immutable": True,
        "stringData": {key: pulumi.Output.secret(value) for key, value in data.items()},
    }
    made = register(k8s.core.v1.Secret, logical, manifest, opts)
    return made.metadata.apply(lambda meta: str(meta.name))


class GatewaySecrets(pulumi.ComponentResource):
    """The token (or password) of one gateway, and its model keys. `model_secrets` names the Secrets that hold them."""

    token: pulumi.Output[str]
    """The token or password itself: 64 hexadecimal digits, a secret."""
    token_secret: pulumi.Output[str]
    """Name of the Secret that holds it, under the key `token`."""

    def __init__(
        self, name: str, names: Names, labels: Mapping[str, str], gateway: Gateway, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("openclaw:tailnet:GatewaySecrets", name, {"modelKeys": sorted(gateway.model_keys)}, opts)
        child = pulumi.ResourceOptions(parent=self)
        # The mode is a keeper too: a token that was an API credential must not live on as somebody's password.
        keepers = {"mode": gateway.auth.mode, "rotation": gateway.auth.rotation}
        random_token = random.RandomBytes(names.logical("token"), length=TOKEN_BYTES, keepers=keepers, opts=child)
        self.token = pulumi.Output.secret(random_token.hex)
        self.token_secret = secret(
            names.logical("gateway-token"), names.namespace, labels, {"token": self.token}, child
        )
        self.model_secrets: list[pulumi.Input[str]] = []
        if gateway.model_keys:
            keys = {variable: key.get_secret_value() for variable, key in gateway.model_keys.items()}
            self.model_secrets.append(secret(names.logical("model-keys"), names.namespace, labels, keys, child))
        if gateway.model_keys_secret:
            self.model_secrets.append(gateway.model_keys_secret)
        self.register_outputs({"tokenSecret": self.token_secret})
