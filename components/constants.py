"""Words that the components, the policy pack and the tests must agree on. Data only: imports nothing."""

from typing import Final

PROJECT: Final = "openclaw-tailnet"

# Labels on everything of an instance. The admission guard selects namespaces by LABEL_STACK.
LABEL_STACK: Final = "openclaw-tailnet/stack"
LABEL_INSTANCE: Final = "openclaw-tailnet/instance"
# On a pod: a digest of which objects it was started with.
ANNOTATION_OBJECTS: Final = "openclaw-tailnet/objects"
# On an object of another owner: the stack that may take it over.
ANNOTATION_HAND_OVER: Final = "openclaw-tailnet/hand-over"
# On the pod only while the sidecar is in it: the NetworkPolicy that opens UDP selects by this (I6).
LABEL_SIDECAR: Final = "openclaw-tailnet/sidecar"

# Container names: rules speak of them (I2, I3).
GATEWAY_CONTAINER: Final = "gateway"
SIDECAR_CONTAINER: Final = "tailscale"
UNSEAL_CONTAINER: Final = "unseal"
NODE_CONTAINER: Final = "node"
ENROL_CONTAINER: Final = "enrol"

# Pod volumes of the tailnet side: the gateway container mounts none of them (I3).
VOLUME_TUN: Final = "tun"
VOLUME_TAILNET_STATE: Final = "tailnet-state"
VOLUME_TAILNET_RUN: Final = "tailnet-run"
VOLUME_TAILNET_TMP: Final = "tailnet-tmp"
VOLUME_AUTH_KEY: Final = "tailnet-authkey"  # memory only, plain
VOLUME_SEALED_KEY: Final = "tailnet-sealed"  # ciphertext
VOLUME_KEK: Final = "tailnet-kek"
VOLUME_TOKEN: Final = "tailnet-token"  # a service-account token for the tailnet alone (I5)
VOLUME_SERVE: Final = "tailnet-serve"
TAILNET_VOLUME_PREFIX: Final = "tailnet-"

# Pod volumes of the gateway side.
VOLUME_HOME: Final = "gateway-home"
VOLUME_CONFIG: Final = "gateway-config"
VOLUME_TMP: Final = "gateway-tmp"

# The audience of every federated identity of Tailscale is this and its client id; no Kubernetes API has such a one (I5).
TOKEN_AUDIENCE_PREFIX: Final = "api.tailscale.com/"

TUN_DEVICE: Final = "/dev/net/tun"

GATEWAY_PORT: Final = 18789
SIDECAR_HEALTH_PORT: Final = 9002

# Never reachable from a pod (I6): private, loopback, link-local and metadata, CGNAT (the tailnet's own), multicast, reserved.
PRIVATE_CIDRS_V4: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
PRIVATE_CIDRS_V6: Final = ("::/128", "::1/128", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8")
