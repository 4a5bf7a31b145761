"""For each rule of the status a gateway in which it finds something, by the rule's name."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from addons.status.facts import (
    ClaimFacts,
    EventFacts,
    FillFacts,
    HealthWarning,
    NodeFacts,
    Path,
    ServedFacts,
    Snapshot,
)
from addons.status.readings import Source
from addons.status.rules.paths import KNOWN
from tests.support import addons_snapshots as s
from tests.support.addons_snapshots import GIB, NOW, altered, broken, container, pending, well

Case = Callable[[], Snapshot]


def unseal_says(words: str) -> Case:
    return lambda: broken("home", NOW, "unseal", f"unseal: {words}")


def cluster(**fields: Any) -> Case:
    return lambda: altered(well(), cluster=fields)


def sidecar(**fields: Any) -> Case:
    return lambda: altered(well(), sidecar=fields)


def gateway(**fields: Any) -> Case:
    return lambda: altered(well(), gateway=fields)


def netcheck(**fields: Any) -> Case:
    return lambda: altered(well(), netcheck=fields)


def declared(**fields: Any) -> Case:
    return lambda: altered(well(), declared=fields)


def warning(code: str, **fields: Any) -> Case:
    one = HealthWarning(code=code, title="A title", text="a text", broken_since=s.ago(NOW, 90), **fields)
    return sidecar(warnings=(one,))


def only(name: str, **fields: Any) -> Case:
    """One of the containers of the pod is otherwise; the pod is ready if it is."""
    containers = [container(one, **(fields if one == name else {})) for one in ("tailscale", "gateway")]
    return cluster(containers=(s.UNSEALED, *containers), ready=fields.get("ready", True))


def node(**fields: Any) -> Case:
    usual: dict[str, Any] = {
        "id": "e4ab",
        "name": "build",
        "online": True,
        "callable": True,
        "permitted": True,
        "approval": "approved",
        "address": "100.64.0.10",
        "since": s.ago(NOW, 3600),
    }
    return gateway(nodes=(NodeFacts(**{**usual, **fields}),))


def event(reason: str, message: str) -> EventFacts:
    return EventFacts(reason=reason, message=message, count=3, last_at=s.ago(NOW, 5))


def claims(**fields: Any) -> tuple[ClaimFacts, ...]:
    home = ClaimFacts(purpose="home", name="gateway-home", phase="Bound", capacity=10 * GIB)
    return home, s.changed(home, purpose="tailnet", name="tailnet-state", **fields)


def joined_anew(seconds: float, **fields: Any) -> Case:
    """The sidecar was started so long ago, and was read after that."""
    return lambda: altered(well(), cluster={"started_at": s.ago(NOW, seconds)}, sidecar=fields)


def service_served(**fields: Any) -> Case:
    usual: dict[str, Any] = {"port": 443, "kind": "https", "target": "http://127.0.0.1:18789"}
    return sidecar(served=(ServedFacts(**{**usual, **fields}),))


def control(**fields: Any) -> Case:
    return lambda: altered(well(), control={"devices": (s.device("home", NOW, **fields),)})


def mount(volume: str, why: str) -> Case:
    return lambda: pending("home", NOW, f'MountVolume.SetUp failed for volume "{volume}" : {why}')


def just_started() -> Snapshot:
    snapshot = altered(well(), cluster={"started_at": s.ago(NOW, 4)})
    return s.unread(snapshot, Source.SIDECAR, Source.NETCHECK)


def no_path() -> Snapshot:
    idle = tuple(s.changed(one, path=Path.IDLE, address="") for one in s.peers(NOW))
    return altered(well(), netcheck={"udp": False, "relay": ""}, sidecar={"peers": idle})


def nothing_runs() -> Snapshot:
    snapshot = altered(well(), cluster={"pod": "", "containers": (), "ready": False})
    return s.old(snapshot, 300, "sidecar", "netcheck", "gateway")


ENDED: Final = {"restarts": 2, "last_ended_at": s.ago(NOW, 100)}
CASES: Final[dict[str, Case]] = {
    "cluster-not-read": lambda: s.unknown("home", NOW),
    "sidecar-not-read": lambda: s.old(well(), 90, "sidecar", reason="exec: forbidden"),
    "gateway-not-read": lambda: s.old(well(), 90, "gateway", reason="exec: the pod has no memory left"),
    "netcheck-not-read": lambda: s.old(well(), 600, "netcheck", reason="no DERP map"),
    "control-not-read": lambda: s.unread(well(), Source.CONTROL, reason="401: the API key is invalid"),
    "sealed-key-foreign": unseal_says(
        'the sealed auth key belongs to "openclaw-lab/lab", not to "openclaw-home/home". It is not used.'
    ),
    "sealed-key-damaged": unseal_says(
        "the sealed auth key does not open: it was changed, or sealed with another key. Run pulumi up --refresh, or rotate the key."
    ),
    "sealing-key-damaged": unseal_says(
        "the key-encryption key is damaged: it has not 32 bytes. Run pulumi up --refresh."
    ),
    "sealed-key-missing": unseal_says(
        "cannot read the sealed auth key (ENOENT). Run pulumi up --refresh to write it again."
    ),
    "sealed-key-from-volume": cluster(
        containers=(
            s.changed(s.UNSEALED, message="unseal: opened the auth key of openclaw-home/home (from the state volume)"),
            container("tailscale"),
            container("gateway"),
        )
    ),
    "key-refused": lambda: s.key_refused("home", NOW),
    "control-unreachable": lambda: broken(
        "home",
        NOW,
        "tailscale",
        "control: Received error: fetch control key: Get https://10.0.0.1/key?v=130: connection refused",
    ),
    "claim-lost": cluster(claims=claims(phase="Lost")),
    "claim-pending": lambda: altered(
        pending("home", NOW, 'storageclass.storage.k8s.io "fast" not found', "ProvisioningFailed"),
        cluster={"claims": claims(phase="Pending", capacity=None)},
    ),
    "tailnet-volume-unwritable": unseal_says(
        "cannot write /var/lib/ts-state/sealed-authkey.jwe (EROFS). Is the volume full or read-only?"
    ),
    "no-room-for-the-sidecar": unseal_says(
        "cannot write /var/lib/ts-state/sealed-authkey.jwe (ENOSPC). Is the volume full?"
    ),
    "no-room-for-the-gateway": lambda: broken(
        "home",
        NOW,
        "gateway",
        "Gateway failed to start: Doctor cannot repair this state: database or disk is full (SQLite errcode=13)",
    ),
    "home-volume-full": gateway(home_volume=FillFacts(size=10 * GIB, used=10 * GIB)),
    "tailnet-volume-full": sidecar(state_volume=FillFacts(size=1000, used=950)),
    "home-volume-fills": gateway(home_volume=FillFacts(size=1000, used=949)),
    "tailnet-volume-fills": sidecar(state_volume=FillFacts(size=1000, used=800)),
    "image-not-pulled": lambda: broken(
        "home",
        NOW,
        "gateway",
        reason="ImagePullBackOff",
        message='Back-off pulling image "ghcr.io/openclaw/openclaw:2026.9.7": not found',
        image="ghcr.io/openclaw/openclaw:2026.9.7",
        last_reason="",
        last_ended_at=None,
    ),
    "out-of-memory": lambda: broken("home", NOW, "gateway", last_reason="OOMKilled"),
    "was-out-of-memory": only("gateway", last_reason="OOMKilled", **ENDED),
    "restarted": only("tailscale", last_reason="Error", **ENDED),
    "container-fails": lambda: broken("home", NOW, "gateway", "Invalid configuration: gateway.bind: unknown value"),
    "not-deployed": cluster(deployment_exists=False, replicas_wanted=0, pod="", containers=(), ready=False, claims=()),
    "scaled-to-zero": cluster(replicas_wanted=0, pod="", containers=(), ready=False),
    "pod-refused": lambda: altered(
        nothing_runs(),
        cluster={"events": (event("FailedCreate", 'pods "openclaw" is forbidden: exceeded quota: team'),)},
    ),
    "tun-missing": mount("tun", "hostPath type check failed: /dev/net/tun is not a character device"),
    "sealing-key-missing": mount("tailnet-kek", 'secret "home-tailnet-kek-1a2b3c4d" not found'),
    "mount-failed": mount("gateway-config", 'configmap "home-gateway-config-5e6f" not found'),
    "unschedulable": lambda: altered(
        pending("home", NOW, "", ""),
        cluster={"unschedulable": "0/3 nodes are available: 3 Insufficient memory.", "kubernetes_node": ""},
    ),
    "sidecar-missing": cluster(containers=(container("gateway"),)),
    "sidecar-left": declared(wanted=False),
    "not-ready-for-long": lambda: altered(
        only("gateway", ready=False)(), cluster={"ready_changed_at": s.ago(NOW, 400)}, gateway={"started": True}
    ),
    "pod-starting": nothing_runs,
    "removed": lambda: s.removed("home", NOW),
    "node-key-expired": sidecar(key_expiry=s.ago(NOW, 3600), expired=True),
    "needs-approval": lambda: s.needs_approval("home", NOW),
    "needs-login": sidecar(backend="NeedsLogin", online=False, auth_url="https://login.tailscale.com/a/1", peers=()),
    "switched-off": sidecar(backend="Stopped", online=False, peers=()),
    "joins-not": sidecar(backend="Starting", online=False, peers=()),
    "tailnet-volume-lost": lambda: s.volume_lost("home", NOW),
    "hostname-taken": lambda: s.name_taken("home", NOW),
    "out-of-touch": lambda: s.out_of_touch("home", NOW),
    "tag-missing": control(tags=("tag:other",)),
    "views-differ": control(connected=False, last_seen=s.ago(NOW, 400)),
    "hostname-shared": lambda: s.name_shared("home", NOW),
    "private-access-off": lambda: s.off("home", NOW),
    "joining": joined_anew(12, backend="NeedsLogin", online=False, peers=()),
    "sidecar-just-started": just_started,
    "not-confirmed": lambda: s.not_confirmed("home", NOW),
    "nobody-listed": declared(people=(), nodes=()),
    "no-path": no_path,
    "relayed": lambda: s.relayed("home", NOW),
    "no-relay-answers": netcheck(relay=""),
    "udp-blocked": netcheck(udp=False),
    **{f"warns-{known.code}": warning(known.code) for known in KNOWN},
    "warns": warning("a-new-code", severity="medium"),
    "remarks": warning("a-new-code", severity="low"),
    "serves-nothing": sidecar(served=()),
    "serves-another-target": service_served(target="http://127.0.0.1:18780"),
    "no-certificate": sidecar(certificate_domains=()),
    "serves-otherwise": service_served(kind="http"),
    "gateway-not-started": gateway(started=False, ready=False),
    "gateway-starting": lambda: s.starting("home", NOW),
    "gateway-checks-fail": gateway(ready=False, failing=("channel:slack",)),
    "node-outside": node(address="10.0.0.9"),
    "node-not-permitted": node(permitted=False, callable=False, approval="pending-reapproval"),
    "node-not-callable": node(callable=False),
    "pairing-waits": lambda: s.pairing_waits("home", NOW),
    "node-waits": gateway(pairings=(s.pairing(NOW, kind="node", name="build", asks_for=("system.run",)),)),
    "node-never-came": gateway(nodes=()),
    "node-offline": node(online=False),
    "credential-ends": sidecar(key_expiry=NOW + timedelta(days=6, hours=1)),
    "credential-ends-soon": sidecar(key_expiry=NOW + timedelta(days=29)),
    "auth-key-ended": lambda: altered(well(), control={"keys": (s.auth_key("home", NOW, invalid=True),)}),
}
