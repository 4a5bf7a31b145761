"""What each source says of one gateway, in our words: the edge between others' formats and the rules.

A field is None where the source did not say. Times are UTC, sizes are bytes.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from addons.status.readings import Frozen, Reading


class Declared(Frozen):
    """What the stack wants of one instance (Source.STACK)."""

    id: str
    namespace: str
    deployment: str
    wanted: bool
    """False when `tailscale.enabled` is."""
    hostname: str
    fqdn: str
    """The MagicDNS name that it is to have; empty where the stack does not know its tailnet's name."""
    tag: str
    reach: Literal["https", "http", "tcp"]
    served_port: int
    mode: Literal["tun", "userspace"]
    credential: Literal["authKey", "oauth", "workloadIdentity"]
    auth: Literal["token", "password", "identity"]
    people: tuple[str, ...]
    nodes: tuple[str, ...]
    """Ids of the execution nodes that work for it."""
    preferred: Literal["name", "address"] = "name"
    """What is printed, exported and opened: its MagicDNS name, or its raw address."""


class ContainerFacts(Frozen):
    """One container of the pod; `init` for init containers, the native sidecar among them."""

    name: str
    init: bool
    state: Literal["waiting", "running", "terminated"]
    ready: bool
    restarts: int
    reason: str = ""
    """Of waiting or terminated: CrashLoopBackOff, ImagePullBackOff, Error ..."""
    message: str = ""
    last_reason: str = ""
    """Why it ended before: OOMKilled, Error ..."""
    last_message: str = ""
    """Its last words then: the end of its log, where Kubernetes or a reader of logs has it."""
    last_ended_at: datetime | None = None
    image: str = ""


class EventFacts(Frozen):
    """A warning of the cluster about the pod, its volumes or its Deployment."""

    reason: str
    message: str
    count: int
    last_at: datetime | None = None


class ClaimFacts(Frozen):
    """A volume claim: `home` or `tailnet`."""

    purpose: Literal["home", "tailnet"]
    name: str
    phase: str
    capacity: int | None = None


class ClusterFacts(Frozen):
    """One instance as the cluster's API has it (Source.CLUSTER)."""

    deployment_exists: bool
    replicas_wanted: int = 0
    pod: str = ""
    """Its name; empty when there is none."""
    pod_uid: str = ""
    phase: str = ""
    ready: bool = False
    ready_changed_at: datetime | None = None
    """When the pod last became ready, or ceased to be."""
    terminating: bool = False
    started_at: datetime | None = None
    kubernetes_node: str = ""
    unschedulable: str = ""
    """The scheduler's reason."""
    containers: tuple[ContainerFacts, ...] = ()
    claims: tuple[ClaimFacts, ...] = ()
    events: tuple[EventFacts, ...] = ()

    def container(self, name: str) -> ContainerFacts | None:
        return next((container for container in self.containers if container.name == name), None)


class Path(StrEnum):
    """The way of traffic with a peer. `idle`: nothing was sent for 45 s, so nobody knows."""

    DIRECT = "direct"
    PEER_RELAY = "peer relay"
    RELAY = "relay"
    IDLE = "idle"


class PeerFacts(Frozen):
    """A device that the sidecar may speak with. `relay` is the region's code when the path is a relay."""

    device: str
    """The first label of its MagicDNS name."""
    addresses: tuple[str, ...]
    online: bool | None
    path: Path
    address: str = ""
    """The other end of the path: ip:port, or ip:port:vni of a peer relay."""
    relay: str = ""
    received: int = 0
    sent: int = 0
    handshake_at: datetime | None = None
    """The last WireGuard handshake: the peer answered then."""


class HealthWarning(Frozen):
    """A warning of tailscaled. `code` is empty where only its text is known (before 1.102)."""

    code: str
    title: str
    text: str
    severity: Literal["high", "medium", "low", ""] = ""
    broken_since: datetime | None = None
    impacts_connectivity: bool = False


class PathBytes(Frozen):
    """Bytes over all peers since tailscaled began, both directions together."""

    direct: int
    peer_relay: int
    relay: int


class FillFacts(Frozen):
    """A volume as its container sees it."""

    size: int
    used: int

    @property
    def share(self) -> float:
        return self.used / self.size if self.size else 1.0


class ServedFacts(Frozen):
    """One port that Serve answers on; `target` is a loopback address, or a proxied URL."""

    port: int
    kind: Literal["https", "http", "tcp"]
    target: str


class SidecarFacts(Frozen):
    """tailscaled's own view (Source.SIDECAR): what it believes, which is no proof that anybody reaches it."""

    version: str
    backend: str
    """Running, NeedsLogin, NeedsMachineAuth, Starting, Stopped, NoState."""
    auth_url: str = ""
    """Where somebody would log it in."""
    device_id: str = ""
    """The stable id (`n...CNTRL` of the hosted service), as in the tailnet's API."""
    dns_name: str = ""
    """Without the dot at its end."""
    addresses: tuple[str, ...] = ()
    online: bool | None = None
    """It has an open poll of the control server."""
    endpoints: tuple[str, ...] = ()
    """Addresses at which others may find it (Self.Addrs); the cluster's own among them."""
    home_relay: str = ""
    key_expiry: datetime | None = None
    """None: never."""
    expired: bool = False
    certificate_domains: tuple[str, ...] = ()
    certificate_expires: datetime | None = None
    """Of the certificate that it has for its name; None where it has none, or did not say."""
    warnings: tuple[HealthWarning, ...] = ()
    peers: tuple[PeerFacts, ...] = ()
    served: tuple[ServedFacts, ...] | None = None
    bytes: PathBytes | None = None
    state_volume: FillFacts | None = None


class NetcheckFacts(Frozen):
    """What the pod's network allows (Source.NETCHECK), measured with a socket of its own: not what traffic uses."""

    udp: bool | None = None
    ipv4: bool | None = None
    ipv6: bool | None = None
    hard_nat: bool | None = None
    """Another outside address for each destination: direct paths need help from the other end."""
    port_mapping: tuple[str, ...] | None = None
    """Of UPnP, PMP, PCP: those that the router offers."""
    outside_address: str = ""
    relay: str = ""
    """The nearest relay's region, empty when none answered."""
    relay_milliseconds: float | None = None


class PairingFacts(Frozen):
    """Somebody asks to be let in. A device's requests end five minutes after they were last repeated, and get new ids then; a
    node's commands wait for ever (`ends_at` is None).
    """

    request: str
    kind: Literal["device", "node"]
    name: str
    address: str = ""
    asks_for: tuple[str, ...] = ()
    """Scopes or commands."""
    asked_at: datetime | None = None
    ends_at: datetime | None = None


class NodeFacts(Frozen):
    """An execution node as its gateway knows it: three lights, which may differ."""

    id: str
    name: str
    online: bool
    callable: bool
    """It offers commands that the gateway lets through."""
    permitted: bool
    """Its approval is in force, and not to be repeated."""
    approval: str = ""
    commands: tuple[str, ...] = ()
    address: str = ""
    since: datetime | None = None
    """Connected or disconnected since."""


class GatewayFacts(Frozen):
    """The gateway's own answers (Source.GATEWAY)."""

    started: bool
    ready: bool
    failing: tuple[str, ...] = ()
    version: str = ""
    clients: int | None = None
    pairings: tuple[PairingFacts, ...] | None = None
    nodes: tuple[NodeFacts, ...] | None = None
    home_volume: FillFacts | None = None


class DeviceFacts(Frozen):
    """A device of the tailnet as the control server lists it."""

    id: str
    """The stable id, by which the API also removes it."""
    api_id: str = ""
    """The API's older id. headscale's devices know themselves by this one."""
    name: str
    """Its MagicDNS name."""
    hostname: str
    tags: tuple[str, ...]
    addresses: tuple[str, ...]
    user: str = ""
    connected: bool | None = None
    """Connected to the control server, as that believes; minutes late both ways."""
    last_seen: datetime | None = None
    expires: datetime | None = None
    """Of its node key; None: never."""
    authorized: bool = True


class KeyFacts(Frozen):
    """An auth key that the stack minted, by its description."""

    id: str
    description: str
    expires: datetime | None
    invalid: bool
    tags: tuple[str, ...] = ()


class ControlFacts(Frozen):
    """The tailnet's lists (Source.CONTROL), one read for all instances. `keys` is None where they may not be read."""

    devices: tuple[DeviceFacts, ...]
    keys: tuple[KeyFacts, ...] | None = None
    acl_may_be_read: bool | None = None

    def device(self, device_id: str) -> DeviceFacts | None:
        """The device that calls itself so (SidecarFacts.device_id)."""
        return next((one for one in self.devices if device_id and device_id in (one.id, one.api_id)), None)

    def tagged(self, tag: str) -> tuple[DeviceFacts, ...]:
        return tuple(device for device in self.devices if tag in device.tags)


class BytesSample(Frozen):
    """The byte counters of one read."""

    at: datetime
    bytes: PathBytes


class Snapshot(Frozen):
    """All that is known of one instance; what the rules judge."""

    declared: Declared
    cluster: Reading[ClusterFacts]
    sidecar: Reading[SidecarFacts]
    netcheck: Reading[NetcheckFacts]
    gateway: Reading[GatewayFacts]
    control: Reading[ControlFacts]
    history: tuple[BytesSample, ...] = ()
    """The last 15 minutes of byte counters, oldest first."""
