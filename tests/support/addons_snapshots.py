"""Snapshots of a gateway in every situation that the status has a word for; `SITUATIONS` has them by name.

`well(id, now)` is a gateway where nothing is wrong; `altered` makes another of a snapshot, by fields of its facts.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from addons.status.facts import (
    BytesSample,
    ClaimFacts,
    ClusterFacts,
    ContainerFacts,
    ControlFacts,
    Declared,
    DeviceFacts,
    EventFacts,
    FillFacts,
    GatewayFacts,
    HealthWarning,
    KeyFacts,
    NetcheckFacts,
    NodeFacts,
    PairingFacts,
    Path,
    PathBytes,
    PeerFacts,
    ServedFacts,
    SidecarFacts,
    Snapshot,
)
from addons.status.readings import Frozen, Reading, Source, read

NOW: Final = datetime(2026, 11, 27, 14, 2, tzinfo=UTC)
GIB: Final = 1024**3
Situation = Callable[[str, datetime], Snapshot]
T = TypeVar("T", bound=Frozen)


def ago(now: datetime, seconds: float) -> datetime:
    return now - timedelta(seconds=seconds)


def declared(name: str, /, **values: Any) -> Declared:
    usual: dict[str, Any] = {
        "id": name,
        "namespace": f"openclaw-{name}",
        "deployment": "openclaw",
        "wanted": True,
        "hostname": f"openclaw-{name}",
        "fqdn": f"openclaw-{name}.example.ts.net",
        "tag": f"tag:openclaw-{name}",
        "reach": "https",
        "served_port": 443,
        "mode": "tun",
        "credential": "authKey",
        "auth": "token",
        "people": ("alice@example.com",),
        "nodes": ("build",),
    }
    return Declared(**{**usual, **values})


def container(name: str, /, **values: Any) -> ContainerFacts:
    usual: dict[str, Any] = {"init": name != "gateway", "state": "running", "ready": True, "restarts": 0}
    return ContainerFacts(name=name, **{**usual, **values})


UNSEALED: Final = container("unseal", state="terminated", reason="Completed")


def cluster(now: datetime, **values: Any) -> ClusterFacts:
    usual: dict[str, Any] = {
        "deployment_exists": True,
        "replicas_wanted": 1,
        "pod": "openclaw-659f87988d-75k4c",
        "pod_uid": "0b8c",
        "phase": "Running",
        "ready": True,
        "started_at": ago(now, 2 * 86400),
        "kubernetes_node": "node-1",
        "containers": (UNSEALED, container("tailscale"), container("gateway")),
        "claims": (
            ClaimFacts(purpose="home", name="gateway-home", phase="Bound", capacity=10 * GIB),
            ClaimFacts(purpose="tailnet", name="tailnet-state", phase="Bound", capacity=GIB),
        ),
    }
    return ClusterFacts(**{**usual, **values})


def peers(now: datetime) -> tuple[PeerFacts, ...]:
    laptop = PeerFacts(
        device="alice-laptop",
        addresses=("100.64.0.7",),
        online=True,
        path=Path.DIRECT,
        address="203.0.113.7:41641",
        relay="fra",
        received=230_400,
        sent=1_204_000,
        handshake_at=ago(now, 40),
    )
    build = laptop.model_copy(
        update={"device": "openclaw-node-build", "addresses": ("100.64.0.10",), "address": "198.51.100.4:41641"}
    )
    return laptop, build


def sidecar(name: str, now: datetime, /, **values: Any) -> SidecarFacts:
    fqdn = f"openclaw-{name}.example.ts.net"
    usual: dict[str, Any] = {
        "version": "1.102.3",
        "backend": "Running",
        "device_id": f"n{name}CNTRL",
        "dns_name": fqdn,
        "addresses": ("100.64.0.6", "fd7a:115c:a1e0::6"),
        "online": True,
        "endpoints": ("198.51.100.20:41641", "10.244.0.10:41641"),
        "home_relay": "fra",
        "certificate_domains": (fqdn,),
        "peers": peers(now),
        "served": (ServedFacts(port=443, kind="https", target="http://127.0.0.1:18789"),),
        "bytes": PathBytes(direct=9_000_000, peer_relay=0, relay=40_000),
        "state_volume": FillFacts(size=GIB, used=GIB // 50),
    }
    return SidecarFacts(**{**usual, **values})


def device(name: str, now: datetime, /, **values: Any) -> DeviceFacts:
    usual: dict[str, Any] = {
        "id": f"n{name}CNTRL",
        "name": f"openclaw-{name}.example.ts.net",
        "hostname": f"openclaw-{name}",
        "tags": (f"tag:openclaw-{name}",),
        "addresses": ("100.64.0.6",),
        "connected": True,
        "last_seen": ago(now, 20),
    }
    return DeviceFacts(**{**usual, **values})


def auth_key(name: str, now: datetime, /, **values: Any) -> KeyFacts:
    usual: dict[str, Any] = {"expires": now + timedelta(days=61), "invalid": False, "tags": (f"tag:openclaw-{name}",)}
    return KeyFacts(id=f"k{name}CNTRL", description=f"openclaw {name}", **{**usual, **values})


def gateway(now: datetime, **values: Any) -> GatewayFacts:
    usual: dict[str, Any] = {
        "started": True,
        "ready": True,
        "version": "2026.9.6",
        "clients": 1,
        "pairings": (),
        "nodes": (
            NodeFacts(
                id="e4ab1619",
                name="build",
                online=True,
                callable=True,
                permitted=True,
                approval="approved",
                commands=("system.run", "system.run.prepare", "system.which"),
                address="100.64.0.10",
                since=ago(now, 7200),
            ),
        ),
        "home_volume": FillFacts(size=10 * GIB, used=2 * GIB),
    }
    return GatewayFacts(**{**usual, **values})


def bytes_over(now: datetime, seconds: int = 120, **per_second: int) -> tuple[BytesSample, ...]:
    """Counters that were read every 7.5 s, the last two seconds ago, and grew by so much in each second."""
    times = [(seconds - 7.5 * index) for index in range(int(seconds / 7.5) + 1)]
    rates = {"direct": 0, "peer_relay": 0, "relay": 0, **per_second}
    return tuple(
        BytesSample(
            at=ago(now, left + 2),
            bytes=PathBytes(**{name: int(1000 + rate * (seconds - left)) for name, rate in rates.items()}),
        )
        for left in times
    )


def well(name: str = "home", now: datetime = NOW) -> Snapshot:
    """Nothing is wrong: connected, and the tailnet says so."""
    return Snapshot(
        declared=declared(name),
        cluster=read(Source.CLUSTER, cluster(now), ago(now, 2)),
        sidecar=read(Source.SIDECAR, sidecar(name, now), ago(now, 3)),
        netcheck=read(
            Source.NETCHECK,
            NetcheckFacts(
                udp=True,
                ipv4=True,
                ipv6=False,
                hard_nat=False,
                port_mapping=(),
                outside_address="198.51.100.20:41641",
                relay="fra",
                relay_milliseconds=8.2,
            ),
            ago(now, 40),
        ),
        gateway=read(Source.GATEWAY, gateway(now), ago(now, 9)),
        control=read(
            Source.CONTROL,
            ControlFacts(devices=(device(name, now),), keys=(auth_key(name, now),), acl_may_be_read=True),
            ago(now, 8),
        ),
        history=bytes_over(now, direct=900),
    )


def changed(value: T, **fields: Any) -> T:
    """Validated anew: `model_copy` would take anything."""
    return type(value).model_validate({**{name: getattr(value, name) for name in type(value).model_fields}, **fields})


def altered(snapshot: Snapshot, *, history: Any = None, **facts: dict[str, Any]) -> Snapshot:
    """Another snapshot: `altered(well(), sidecar={"online": False})`."""
    values: dict[str, Any] = {} if history is None else {"history": history}
    for part, fields in facts.items():
        whole: Any = getattr(snapshot, part)
        if part == "declared":
            values[part] = changed(whole, **fields)
        else:
            values[part] = whole.model_copy(update={"value": changed(whole.value, **fields)})
    return snapshot.model_copy(update=values)


def old(snapshot: Snapshot, seconds: float, *sources: str, reason: str = "") -> Snapshot:
    """These readings are so old, and the last try failed for that reason."""
    readings = {name: getattr(snapshot, name) for name in sources}
    return snapshot.model_copy(
        update={
            name: reading.model_copy(
                update={"read_at": reading.read_at - timedelta(seconds=seconds) if reading.read_at else None}
            ).failed(reason)
            for name, reading in readings.items()
        }
    )


def unread(snapshot: Snapshot, *sources: Source, reason: str = "") -> Snapshot:
    """These were never read."""
    parts = {source: source.name.lower() for source in sources}
    return snapshot.model_copy(update={part: Reading[Any](source=one, reason=reason) for one, part in parts.items()})


def _with(snapshot: Snapshot, name: str, **fields: Any) -> tuple[ContainerFacts, ...]:
    assert snapshot.cluster.value
    return tuple(changed(one, **fields) if one.name == name else one for one in snapshot.cluster.value.containers)


def broken(
    name: str, now: datetime, whose: str, last_message: str = "", reason: str = "CrashLoopBackOff", **fields: Any
) -> Snapshot:
    """A container ends at each start; those after it do not start, and nothing was read of them since."""
    snapshot = well(name, now)
    order = ["unseal", "tailscale", "gateway"]
    containers = [
        container(
            whose,
            **{
                "state": "waiting",
                "ready": False,
                "restarts": 3,
                "reason": reason,
                "message": f"back-off 40s restarting failed container={whose}",
                "last_reason": "Error",
                "last_message": last_message,
                "last_ended_at": ago(now, 25),
                **fields,
            },
        )
        if one == whose
        else (UNSEALED if one == "unseal" else container(one))
        if order.index(one) < order.index(whose)
        else container(one, state="waiting", ready=False, reason="PodInitializing")
        for one in order
    ]
    snapshot = altered(
        snapshot,
        cluster={"containers": tuple(containers), "ready": False, "phase": "Pending", "started_at": ago(now, 90)},
    )
    parts = ("sidecar", "netcheck", "gateway") if whose != "gateway" else ("gateway",)
    return old(snapshot, 200, *parts, reason="the container does not run")


def pending(name: str, now: datetime, message: str, reason: str = "FailedMount") -> Snapshot:
    """The pod does not start, and the cluster says why."""
    waiting = {"state": "waiting", "ready": False, "reason": "PodInitializing"}
    snapshot = altered(
        well(name, now),
        cluster={
            "containers": tuple(container(one, **waiting) for one in ("unseal", "tailscale", "gateway")),
            "ready": False,
            "phase": "Pending",
            "started_at": ago(now, 45),
            "events": (EventFacts(reason=reason, message=message, count=4, last_at=ago(now, 6)),),
        },
    )
    return old(snapshot, 200, "sidecar", "netcheck", "gateway", reason="the container does not run")


def pairing(now: datetime, **values: Any) -> PairingFacts:
    usual: dict[str, Any] = {
        "request": "e8d422c5-141a-4b6a-8d87-a139b2951376",
        "kind": "device",
        "name": "alice-laptop",
        "address": "100.64.0.7",
        "asks_for": ("operator.read", "operator.write", "operator.approvals"),
        "asked_at": ago(now, 75),
        "ends_at": now + timedelta(seconds=225),
    }
    return PairingFacts(**{**usual, **values})


def pairing_waits(name: str, now: datetime) -> Snapshot:
    return altered(well(name, now), gateway={"pairings": (pairing(now),)})


def relayed(name: str, now: datetime) -> Snapshot:
    slow = tuple(changed(peer, path=Path.RELAY, address="", relay="fra") for peer in peers(now))
    return altered(
        well(name, now), sidecar={"peers": slow}, netcheck={"udp": False}, history=bytes_over(now, relay=700)
    )


def peer_relayed(name: str, now: datetime) -> Snapshot:
    through = tuple(changed(peer, path=Path.PEER_RELAY, address="192.0.2.9:40000:vni:7") for peer in peers(now))
    return altered(well(name, now), sidecar={"peers": through}, history=bytes_over(now, peer_relay=700))


def not_confirmed(name: str, now: datetime) -> Snapshot:
    idle = tuple(changed(peer, path=Path.IDLE, address="", handshake_at=None) for peer in peers(now))
    snapshot = altered(well(name, now), sidecar={"peers": idle}, history=bytes_over(now))
    return unread(snapshot, Source.CONTROL, reason="the stack has no credentials for the tailnet's API")


def out_of_touch(name: str, now: datetime) -> Snapshot:
    warning = HealthWarning(
        code="not-in-map-poll",
        title="Out of sync",
        text="Unable to connect to the Tailscale coordination server",
        severity="medium",
        broken_since=ago(now, 660),
    )
    snapshot = altered(well(name, now), sidecar={"online": False, "warnings": (warning,)})
    return old(snapshot, 600, "control", reason="the tailnet's API did not answer within 5 s")


def removed(name: str, now: datetime) -> Snapshot:
    return altered(well(name, now), sidecar={"peers": ()}, control={"devices": ()}, history=bytes_over(now))


def name_taken(name: str, now: datetime) -> Snapshot:
    mine = f"openclaw-{name}-1.example.ts.net"
    other = device(name, now, id="nOtherCNTRL", tags=(), user="bob@example.com", addresses=("100.64.0.9",))
    return altered(
        well(name, now),
        sidecar={"dns_name": mine, "certificate_domains": (mine,)},
        control={"devices": (device(name, now, name=mine), other)},
    )


def volume_lost(name: str, now: datetime) -> Snapshot:
    """A new device, beside the one that it was."""
    mine = f"openclaw-{name}-1.example.ts.net"
    before = device(name, now, id="nBeforeCNTRL", connected=False, last_seen=ago(now, 600))
    return altered(
        well(name, now),
        sidecar={"dns_name": mine, "certificate_domains": (mine,)},
        control={"devices": (device(name, now, name=mine), before)},
    )


def name_shared(name: str, now: datetime) -> Snapshot:
    other = device(
        name, now, id="nOtherCNTRL", name=f"openclaw-{name}-1.example.ts.net", tags=(), user="bob@example.com"
    )
    return altered(well(name, now), control={"devices": (device(name, now), other)})


def starting(name: str, now: datetime) -> Snapshot:
    """The sidecar has joined; the gateway has not started yet."""
    snapshot = well(name, now)
    snapshot = altered(
        snapshot,
        cluster={
            "ready": False,
            "started_at": ago(now, 12),
            "containers": _with(snapshot, "gateway", ready=False),
        },
        gateway={"started": False, "ready": False, "pairings": None, "nodes": None},
    )
    return snapshot.model_copy(update={"netcheck": Reading[NetcheckFacts](source=Source.NETCHECK)})


def needs_approval(name: str, now: datetime) -> Snapshot:
    return altered(
        well(name, now),
        sidecar={
            "backend": "NeedsMachineAuth",
            "auth_url": "https://login.tailscale.com/admin/machines",
            "online": False,
            "peers": (),
        },
    )


def key_refused(name: str, now: datetime) -> Snapshot:
    said = "boot: 2026/11/27 14:01:20 failed to auth tailscale: exit status 1\nbackend error: authkey expired"
    return broken(name, now, "tailscale", said)


def off(name: str, now: datetime) -> Snapshot:
    snapshot = altered(
        well(name, now), declared={"wanted": False}, cluster={"containers": (container("gateway"),)}, history=()
    )
    return unread(snapshot, Source.SIDECAR, Source.NETCHECK)


def unknown(name: str, now: datetime) -> Snapshot:
    return old(
        well(name, now), 180, "cluster", "sidecar", "netcheck", "gateway", reason="connection refused by 10.0.0.1:6443"
    )


def volume_fills(name: str, now: datetime) -> Snapshot:
    return altered(well(name, now), gateway={"home_volume": FillFacts(size=10 * GIB, used=int(8.7 * GIB))})


SITUATIONS: Final[dict[str, Situation]] = {
    "connected": well,
    "a pairing waits": pairing_waits,
    "relayed": relayed,
    "peer-relayed": peer_relayed,
    "not confirmed": not_confirmed,
    "out of touch": out_of_touch,
    "removed": removed,
    "name taken": name_taken,
    "name shared": name_shared,
    "tailnet volume lost": volume_lost,
    "starting": starting,
    "needs approval": needs_approval,
    "key refused": key_refused,
    "a volume fills": volume_fills,
    "off": off,
    "unknown": unknown,
}
