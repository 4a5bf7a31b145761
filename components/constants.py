"""Words that the components, the policy pack and the tests must agree on. Data only: imports nothing."""

from typing import Final

PROJECT: Final = "openclaw-tailnet"

# Labels on everything of an instance. The admission guard selects namespaces by LABEL_STACK.
LABEL_STACK: Final = "openclaw-tailnet/stack"
LABEL_INSTANCE: Final = "openclaw-tailnet/instance"
# On a pod: a digest of which objects it was started with.
ANNOTATION_OBJECTS: Final = "openclaw-tailnet/objects"
# On a pod, before the name of a container: its image as the stack declares it.
ANNOTATION_IMAGE: Final = "openclaw-tailnet/image-"
# On an object of another owner: the stack that may take it over.
ANNOTATION_HAND_OVER: Final = "openclaw-tailnet/hand-over"
# On the pod only while the sidecar is in it: the NetworkPolicy that opens UDP selects by this (I6).
LABEL_SIDECAR: Final = "openclaw-tailnet/sidecar"

# Where the accounts of a pipeline are (gitops/rbac.py). No gateway's own namespace begins like that.
PIPELINE_NAMESPACE: Final = "gitops-openclaw"

# Container names: rules speak of them (I2, I3).
GATEWAY_CONTAINER: Final = "gateway"
SIDECAR_CONTAINER: Final = "tailscale"
UNSEAL_CONTAINER: Final = "unseal"
NODE_CONTAINER: Final = "node"
ENROL_CONTAINER: Final = "enrol"
PLUGINS_CONTAINER: Final = "plugins"

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
# Certificates of more authorities: nothing secret, for every container that opens connections.
VOLUME_CA: Final = "extra-ca"

# The API of Tailscale's own service, where a stack names no other.
HOSTED_API: Final = "https://api.tailscale.com"
# The audience of every federated identity of Tailscale is this and its client id; no Kubernetes API has such a one (I5).
TOKEN_AUDIENCE_PREFIX: Final = "api.tailscale.com/"

# API groups whose only purpose is to publish, or to lead traffic elsewhere (I1).
PUBLISHING_GROUPS: Final = (
    "gateway.networking.k8s.io",
    "gateway.networking.x-k8s.io",
    "multicluster.x-k8s.io",
    "net.gke.io",
    "networking.gke.io",
    "tailscale.com",  # the operator's own kinds: into the tailnet past our grants and our sidecar
    "networking.istio.io",
    "traefik.io",
    "traefik.containo.us",
    "projectcontour.io",
    "route.openshift.io",
    "serving.knative.dev",
    "k8s.nginx.org",
    "apisix.apache.org",
    "configuration.konghq.com",
    "getambassador.io",
    "elbv2.k8s.aws",
    "externaldns.k8s.io",
    "submariner.io",
    "skupper.io",
)

TUN_DEVICE: Final = "/dev/net/tun"

GATEWAY_PORT: Final = 18789
SIDECAR_HEALTH_PORT: Final = 9002
# The port of a gateway's tailnet address, by the reach that is set.
SERVED_PORTS: Final = {"https": 443, "http": 80, "tcp": GATEWAY_PORT}
# Loopback ports of the pod that a portal would open to people by mistake: the gateway's own, and those of its parts.
PORTAL_LOWEST: Final = 1024
PORTALS_NEVER: Final = (
    range(1055, 1056),  # the sidecar as a proxy
    range(5900, 5901),  # OpenClaw's desktop
    range(8788, 8789),  # its hook for mail
    range(SIDECAR_HEALTH_PORT, SIDECAR_HEALTH_PORT + 1),
    range(GATEWAY_PORT, 18900),  # with browser control and its relay
)
# Ports that must never answer on a tailnet address of ours, but for those that are served or opened there.
CLOSED_PORTS: Final = tuple(sorted({22, SIDECAR_HEALTH_PORT, GATEWAY_PORT, *SERVED_PORTS.values()}))

# Not to be reached as "the internet" (I6): every block of IANA's special-purpose registries that is no public host's
# (https://www.iana.org/assignments/iana-ipv4-special-registry, .../iana-ipv6-special-registry), and what translates or tunnels
# to such a block.
PRIVATE_CIDRS_V4: Final = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",
    "100.64.0.0/10",  # carriers', and the tailnet's own
    "127.0.0.0/8",
    "168.63.129.16/32",  # Azure's host, in a public block
    "169.254.0.0/16",  # link-local: metadata services
    "172.16.0.0/12",
    "192.0.0.0/24",  # protocol assignments: metadata of some clouds
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # relays of 6to4
    "192.168.0.0/16",
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
)
PRIVATE_CIDRS_V6: Final = (
    # Unspecified, loopback, and IPv4 in its compatible, mapped and translated (SIIT) forms. In one: Kubernetes refuses the
    # block of the mapped ones by itself.
    "::/64",
    "64:ff9b::/96",  # NAT64: IPv4 by translation
    "64:ff9b:1::/48",  # NAT64 of the local network
    "100::/64",  # discard-only
    "100:0:0:1::/64",  # dummy prefix
    "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4: IPv4 by a tunnel
    "3fff::/20",  # documentation
    "5f00::/16",  # segment routing
    "fc00::/7",  # unique local: the tailnet's own, metadata
    "fe80::/10",  # link-local
    "fec0::/10",  # site-local, deprecated and still routed
    "ff00::/8",  # multicast
)

# Not to be reached even when the stack lists it.
TAILNET_CIDRS: Final = ("100.64.0.0/10", "fd7a:115c:a1e0::/48")
METADATA_CIDRS: Final = (
    "169.254.0.0/16",
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure
    "192.0.0.0/24",  # Oracle's older ones
    "fd00:ec2::/32",  # AWS
    "fd20:ce::/32",  # Google
    "fd00:42::42/128",  # Scaleway
    "fe80::a9fe:a9fe/128",  # OpenStack
)
NEVER_CIDRS: Final = (
    "0.0.0.0/8",
    "127.0.0.0/8",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/64",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/32",
    "2002::/16",
    "5f00::/16",
    "fe80::/10",
    "ff00::/8",
)
