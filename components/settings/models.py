"""The configuration's shape and its safe defaults; each field's description is its documentation."""

from typing import Annotated, Literal

from pydantic import Field

from components import names
from components.constants import SERVED_PORTS
from components.settings.egress import Cidr, DnsAddress
from components.settings.gateway import Gateway
from components.settings.images import ImageRef
from components.settings.model import Model, Resources
from components.settings.placement import Placement
from components.settings.quantities import Cpu, Memory, VolumeSize
from components.settings.text import DISTINCT, EMPTY_IS_NONE, Port, PortalPort, Secret, Switch, Word, whole
from components.settings.types import (
    ClientId,
    DnsLabel,
    DnsName,
    FilePath,
    Group,
    InstanceId,
    LabelKey,
    LabelValue,
    Login,
    ObjectName,
    Person,
    RotationWord,
    TagOwner,
)
from components.settings.urls import BaseUrl, IssuerUrl

Reach = Literal["https", "http", "tcp"]
Mode = Literal["tun", "userspace"]
Preference = Literal["name", "address"]
CredentialForm = Literal["authKey", "oauth", "workloadIdentity"]


class Tailnet(Model):
    """The tailnet that the gateways join, and how this stack may change it."""

    name: DnsName = Field(description="MagicDNS name of the tailnet; gateways answer at `<hostname>.<name>`.")
    ownership: Literal["verified", "owned", "external"] = Field(
        default="verified",
        description="`verified`: somebody else writes the tailnet's policy; each preview reads it, and fails unless it gives "
        "exactly the access listed here. `owned`: this stack writes the whole policy, and refuses to replace one that "
        "somebody wrote or changed by hand. `external`: the API is never used; keys and policy come from you.",
    )
    api_key: Secret | None = Field(default=None, description="API access token. Else TAILSCALE_API_KEY is read.")
    oauth_client_id: ClientId | None = Field(default=None, description="OAuth client for the API, instead of `apiKey`.")
    oauth_client_secret: Secret | None = Field(default=None, description="Secret of that OAuth client.")
    api_url: BaseUrl | None = Field(default=None, description="Base URL of a compatible API (default: Tailscale's).")
    login_server: BaseUrl | None = Field(
        default=None, description="Control server, such as headscale (default: Tailscale's)."
    )
    tag_owners: Annotated[tuple[TagOwner, ...], DISTINCT] = Field(
        default=("autogroup:admin",), min_length=1, description="Who may give a device a gateway's tag."
    )
    groups: dict[Group, Annotated[tuple[Login, ...], DISTINCT, EMPTY_IS_NONE]] = Field(
        default={}, description="Groups that `people` may name."
    )
    protect: Switch = Field(default=True, description="Refuse to delete the tailnet policy, even on destroy.")

    def fqdn(self, hostname: str) -> str:
        """The full name of a device in the tailnet."""
        return f"{hostname}.{self.name}"


class Cluster(Model):
    """The Kubernetes cluster. Never taken from the environment."""

    kubeconfig: FilePath = Field(default="~/.kube/config", description="Path of the kubeconfig file, not its content.")
    context: Word | None = Field(default=None, description="Context in it (default: its current one).")
    identifier: Word | None = Field(
        default=None,
        description="Name of the cluster (default: the stack's). To change it is to move to another cluster: "
        "everything is replaced.",
    )
    issuer: IssuerUrl | None = Field(
        default=None,
        description="Public URL of the cluster's token issuer; only for `credential: workloadIdentity`.",
    )
    admission: Literal["deny", "warn", "audit"] = Field(
        default="deny",
        description="What the API server does with a request that the admission guard refuses. `warn` lets it through with "
        "a warning and a line in the audit log, `audit` with that line alone. Who owns a namespace is held in each.",
    )
    dns_namespace: DnsLabel = Field(default="kube-system", description="Namespace of the cluster's DNS pods.")
    dns_labels: dict[LabelKey, LabelValue] = Field(
        default={"k8s-app": "kube-dns"}, min_length=1, description="Labels of the cluster's DNS pods."
    )
    dns_addresses: Annotated[tuple[DnsAddress, ...], DISTINCT] = Field(
        default=(),
        description="Addresses of DNS that is in no pod, such as NodeLocal DNSCache's 169.254.20.10. Pods may ask them on "
        "port 53, besides the DNS pods.",
    )
    monitoring_namespace: DnsLabel = Field(
        default="monitoring", description="The only namespace that may read metrics."
    )


class Images(Model):
    """Images, by immutable tag or digest."""

    gateway: ImageRef = Field(default="ghcr.io/openclaw/openclaw:2026.9.6", description="The gateway.")
    tailscale: ImageRef = Field(default="docker.io/tailscale/tailscale:v1.102.3", description="The sidecar.")
    require_digest: Switch = Field(default=False, description="Refuse images without a digest.")


class SidecarResources(Resources):
    """The sidecar's share. 35 MiB was its peak in a pod."""

    cpu_request: Cpu = "50m"
    cpu_limit: Cpu = "1"
    memory_request: Memory = "64Mi"
    memory_limit: Memory = "256Mi"


class AuthKey(Model):
    """The key with which the sidecar joins. In the cluster it exists only sealed."""

    value: Secret | None = Field(default=None, description="Your own key (default: the stack mints one).")
    reusable: Switch = Field(
        default=True,
        description="A reusable key lets an instance whose state volume was lost join again without a `pulumi up`.",
    )
    ephemeral: Switch = Field(
        default=False,
        description="The tailnet forgets the device soon after it goes away: for instances that keep nothing.",
    )
    expiry_days: Annotated[int, whole(1, 90)] = Field(
        default=90, description="Days until a minted key expires; devices that joined with it stay."
    )
    rotation: RotationWord = Field(default="", description="Change this word to mint a new key and revoke the old one.")
    rotate_days: Annotated[int, whole(1, 89)] | None = Field(
        default=None,
        description="Mint a new key at the first `pulumi up` in each period of this many days (default: never).",
    )


class OAuthClient(Model):
    """An OAuth client that mints a one-off key at each login. In the cluster its secret exists only sealed."""

    client_secret: Secret | None = Field(
        default=None,
        description="Secret of your own client, with the scope `auth_keys` and the instance's tag (default: the stack "
        "makes a client).",
    )
    rotation: RotationWord = Field(
        default="", description="Change this word to make a new client and delete the old one."
    )


class WorkloadIdentity(Model):
    """A federated identity that trusts the pod's own token: nothing is stored."""

    client_id: ClientId | None = Field(
        default=None,
        description="Client id of your own identity, for the subject `system:serviceaccount:<namespace>:default` "
        "(default: the stack makes one).",
    )


class Sidecar(Model):
    """The Tailscale sidecar of one instance."""

    enabled: Switch = Field(default=True, description="Off: sidecar, Serve and their network rules go; all data stays.")
    hostname: DnsLabel | None = Field(default=None, description="Name in the tailnet (default `openclaw-<id>`).")
    mode: Mode = Field(default="tun", description="`userspace`: for clusters that refuse NET_ADMIN.")
    reach: Reach = Field(
        default="https", description="Protocol that is served: HTTPS on 443, HTTP on 80, or raw TCP on 18789."
    )
    prefer: Preference = Field(
        default="name",
        description="What people are shown, copy and open: the MagicDNS name, or the tailnet address for devices without "
        "MagicDNS. Only `reach: tcp` answers at an address.",
    )
    credential: CredentialForm = Field(
        default="authKey", description="How the sidecar authenticates when it joins; see docs/credentials.md."
    )
    auth_key: AuthKey = AuthKey()
    oauth: OAuthClient = OAuthClient()
    workload_identity: WorkloadIdentity = WorkloadIdentity()
    metrics: Switch = Field(
        default=False, description="Serve metrics on the pod address, to the monitoring namespace only."
    )
    portals: Annotated[tuple[PortalPort, ...], DISTINCT] = Field(
        default=(),
        max_length=8,
        description="Ports at which people open what the agent has started on the same port of its loopback (docs/gateway.md).",
    )
    image: ImageRef | None = Field(default=None, description="Another image for this instance.")
    resources: SidecarResources = SidecarResources()

    @property
    def served_port(self) -> int:
        """The gateway's port on the tailnet address."""
        return SERVED_PORTS[self.reach]

    @property
    def opened_ports(self) -> tuple[int, ...]:
        """All ports that answer its people on the tailnet address: the gateway's, and the portals."""
        return (self.served_port, *sorted(self.portals))


class Volume(Model):
    """One PersistentVolumeClaim. Encryption at rest is a property of its class."""

    size: VolumeSize
    class_name: ObjectName | None = Field(default=None, description="Storage class (default: the cluster's).")


class HomeVolume(Volume):
    """The gateway's data."""

    size: VolumeSize = "10Gi"


class TailnetVolume(Volume):
    """The device's identity."""

    size: VolumeSize = "1Gi"


class Storage(Model):
    """The two volumes of an instance."""

    home: HomeVolume = HomeVolume()
    tailnet: TailnetVolume = TailnetVolume()
    access_mode: Literal["ReadWriteOncePod", "ReadWriteOnce"] = Field(
        default="ReadWriteOncePod", description="`ReadWriteOnce` for classes whose driver is not CSI."
    )
    retain: Switch = Field(
        default=True, description="Keep the volumes when the instance is removed or the stack destroyed."
    )


class EgressPort(Model):
    """One port of an egress rule."""

    port: Port
    protocol: Literal["TCP", "UDP"] = "TCP"


class EgressRule(Model):
    """A private network that the pod may reach, on these ports."""

    cidr: Cidr
    ports: Annotated[tuple[EgressPort, ...], DISTINCT] = Field(min_length=1)


class Instance(Model):
    """One gateway: a namespace, a device in the tailnet, and the people who may open it."""

    id: InstanceId = Field(description="Short name; every other name is derived from it.")
    people: Annotated[tuple[Person, ...], DISTINCT] = Field(
        min_length=1, description="Logins or groups that may connect."
    )
    namespace: DnsLabel | None = Field(default=None, description="Namespace (default `openclaw-<id>`).")
    gateway: Gateway = Gateway()
    tailscale: Sidecar = Sidecar()
    storage: Storage = Storage()
    extra_egress: Annotated[tuple[EgressRule, ...], DISTINCT] = Field(
        default=(), description="Private networks that the pod may reach, besides the internet."
    )
    pod: Placement = Placement()

    @property
    def names(self) -> names.Names:
        """Every name of the instance."""
        return names.of(self.id, self.namespace, self.tailscale.hostname)
