"""Pods that the admission guard is there to refuse: the declared one, changed in one thing. At least one for each rule."""

from typing import Any, Final

from components.constants import LABEL_INSTANCE, LABEL_SIDECAR
from sandbox.kube import Object
from tests.support.guard_attacks import Attack
from tests.support.guard_requests import ADMINISTRATOR, CONTROLLER, Ask, Change, Request, Scene

TUN: Final[Object] = {"path": "/dev/net/tun", "type": "CharDevice"}
IDENTITY: Final = "api.tailscale.com/k1CNTRL"


def volume(name: str = "extra", **source: Any) -> Change:
    """One more volume."""
    return lambda spec, of: spec["volumes"].append({"name": name, **source})


def instead(name: str, **source: Any) -> Change:
    """Another source for a volume."""

    def change(spec: Object, of: dict[str, Object]) -> None:
        spec["volumes"] = [one for one in spec["volumes"] if one["name"] != name] + [{"name": name, **source}]

    return change


def mount(container: str, name: str) -> Change:
    """One more mount."""
    return lambda spec, of: of[container]["volumeMounts"].append({"name": name, "mountPath": "/extra"})


def mounted(container: str, name: str, **fields: Any) -> Change:
    """Fields of a container's mount of a volume."""

    def change(spec: Object, of: dict[str, Object]) -> None:
        for one in of[container]["volumeMounts"]:
            if one["name"] == name:
                one.update(fields)

    return change


def security(container: str, **context: Any) -> Change:
    """Fields of a container's security context."""
    return lambda spec, of: of[container]["securityContext"].update(context)


def field(container: str, **fields: Any) -> Change:
    """Fields of a container."""
    return lambda spec, of: of[container].update(fields)


def variable(container: str, **entry: Any) -> Change:
    """One more variable."""
    return lambda spec, of: of[container].setdefault("env", []).append(entry)


def secret_variable(container: str) -> Change:
    """The key-encryption key as a variable."""
    return variable(
        container, name="KEK", valueFrom={"secretKeyRef": {"name": "a-tailnet-kek-0123456789", "key": "kek"}}
    )


def argument(container: str, *words: str) -> Change:
    return lambda spec, of: of[container].update(args=[*of[container].get("args", []), *words])


def pod(**fields: Any) -> Change:
    """Fields of the pod's specification."""
    return lambda spec, of: spec.update(fields)


def both(*changes: Change) -> Change:
    """Several changes."""

    def change(spec: Object, of: dict[str, Object]) -> None:
        for one in changes:
            one(spec, of)

    return change


def another(part: str, name: str) -> Change:
    """One more container, as harmless by itself as the gateway."""

    def change(spec: Object, of: dict[str, Object]) -> None:
        spec[part].append(
            {"name": name, "image": "example.com/tunnel:1", "securityContext": of["gateway"]["securityContext"]}
        )

    return change


def token(audience: str, name: str = "tailnet-token", container: str = "tailscale") -> Change:
    """A token of the pod's own account, mounted in a container."""
    source: Object = {"serviceAccountToken": {"path": "token", "audience": audience}}
    return both(volume(name, projected={"sources": [source]}), mount(container, name))


def _without_probe(spec: Object, of: dict[str, Object]) -> None:
    of["tailscale"]["startupProbe"] = {"exec": {"command": ["tailscale", "funnel", "18789"]}}


def _unseal(spec: Object, of: dict[str, Object]) -> None:
    of["unseal"]["args"][2] = "--import"


def _instead_of_unsealing(spec: Object, of: dict[str, Object]) -> None:
    of["unseal"]["args"][3] = "console.log(1)"


def _for_another(spec: Object, of: dict[str, Object]) -> None:
    of["unseal"]["args"][5] = "openclaw-other/other"


CHANGES: Final[dict[str, dict[str, Change]]] = {
    "pods/host-network": {
        "host network": pod(hostNetwork=True),
        "host port": field("gateway", ports=[{"containerPort": 1, "hostPort": 1}]),
        "host port of the sidecar": field("tailscale", ports=[{"containerPort": 1, "hostPort": 1}]),
    },
    "pods/privileges": {
        "privileged": field("gateway", securityContext={"privileged": True}),
        "gain": security("gateway", allowPrivilegeEscalation=True),
        "nothing said about gain": lambda spec, of: of["gateway"]["securityContext"].pop("allowPrivilegeEscalation"),
    },
    "pods/processes": {
        "the node's": pod(hostPID=True),
        "the node's IPC": pod(hostIPC=True),
        "each other's": pod(shareProcessNamespace=True),
    },
    "pods/capabilities": {
        "NET_ADMIN in the gateway": security("gateway", capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
        "NET_ADMIN in the unsealer": security("unseal", capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
        "NET_RAW in the sidecar": security(
            "tailscale", capabilities={"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]}
        ),
        "none dropped": security("gateway", capabilities={}),
        "one dropped": security("unseal", capabilities={"drop": ["NET_RAW"]}),
    },
    "pods/user": {
        "root": security("gateway", runAsUser=0, runAsNonRoot=False),
        "the image's": lambda spec, of: of["gateway"].update(
            securityContext={
                key: value
                for key, value in of["gateway"]["securityContext"].items()
                if key not in ("runAsUser", "runAsNonRoot")
            }
        ),
    },
    "pods/confinement": {
        "no seccomp": security("gateway", seccompProfile={"type": "Unconfined"}),
        "no AppArmor": security("tailscale", appArmorProfile={"type": "Unconfined"}),
        "another SELinux type": security("gateway", seLinuxOptions={"type": "spc_t"}),
        "a kernel parameter": lambda spec, of: spec["securityContext"].update(
            sysctls=[{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
        ),
    },
    "pods/devices": {
        "a block device": both(
            volume("gateway-tmp2", persistentVolumeClaim={"claimName": "gateway-home"}),
            field("gateway", volumeDevices=[{"name": "gateway-tmp2", "devicePath": "/dev/x"}]),
        ),
    },
    "pods/tun": {
        "a directory of the node": volume(hostPath={"path": "/etc"}),
        "under another name": volume(hostPath=TUN),
        "in the gateway": mount("gateway", "tun"),
    },
    "pods/tailnet-volumes": {
        "the auth key in the gateway": mount("gateway", "tailnet-authkey"),
        "the tailnet's token in the gateway": token(IDENTITY, container="gateway"),
    },
    "pods/api-token": {
        "by default": lambda spec, of: spec.pop("automountServiceAccountToken"),
        "asked for": pod(automountServiceAccountToken=True),
        "projected": volume(projected={"sources": [{"serviceAccountToken": {"path": "token"}}]}),
        "of the API, for the sidecar": token("https://kubernetes.default.svc.cluster.local"),
        "of no known audience": token("vault"),
        "the tailnet's under another name": token(IDENTITY, name="extra"),
    },
    "pods/tailnet-token": {"in the unsealer": token(IDENTITY, container="unseal")},
    "pods/containers": {
        "beside the gateway": another("containers", "cloudflared"),
        "before it": another("initContainers", "setup"),
        "called as the sidecar": another("containers", "gateway2"),
    },
    "pods/volumes": {
        "an empty directory": volume(emptyDir={}),
        "the identity under another name": instead(
            "gateway-home", persistentVolumeClaim={"claimName": "tailnet-state"}
        ),
        "the key under another name": instead("gateway-tmp", secret={"secretName": "a-tailnet-kek-0123456789"}),
        "another Secret as the key": instead("tailnet-kek", secret={"secretName": "mine"}),
        "a volume of a driver": volume(csi={"driver": "secrets-store.csi.k8s.io", "readOnly": True}),
        "a copy made for the pod": instead(
            "gateway-home",
            ephemeral={
                "volumeClaimTemplate": {
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "1Gi"}},
                        "dataSource": {"kind": "PersistentVolumeClaim", "name": "tailnet-state"},
                    }
                }
            },
        ),
        "another Serve file": instead("tailnet-serve", configMap={"name": "mine"}),
        "a projected Secret": volume(projected={"sources": [{"secret": {"name": "a-tailnet-kek-0123456789"}}]}),
        "a network share": volume(nfs={"server": "10.0.0.1", "path": "/"}),
    },
    "pods/mounts": {
        "the Serve file in the gateway": mount("gateway", "tailnet-serve"),
        "the gateway's data in the sidecar": mount("tailscale", "gateway-home"),
    },
    "pods/places": {
        "a library from the volume": mounted("gateway", "gateway-home", mountPath="/app"),
        "a part of the volume": mounted("gateway", "gateway-home", mountPath="/home/node", subPath="x"),
    },
    "pods/commands": {
        "another program": field("gateway", command=["sh", "-c", "socat TCP-LISTEN:80,fork TCP:127.0.0.1:18789"]),
        "a shell in the sidecar": field("tailscale", command=["sh", "-c", "tailscaled & sleep 1; tailscale up --ssh"]),
        "a hook": field("tailscale", lifecycle={"postStart": {"exec": {"command": ["tailscale", "set", "--ssh"]}}}),
        "another program for the unsealer": field("unseal", command=["sh"]),
    },
    "pods/declared-image": {
        "of the gateway": field("gateway", image="example.com/gateway:1"),
        "of the sidecar": field("tailscale", image="example.com/tailscale:1"),
    },
    "pods/host-aliases": {
        "a model's address": pod(hostAliases=[{"ip": "10.0.0.1", "hostnames": ["api.openai.com"]}]),
    },
    "pods/environment": {
        "the key in the gateway": secret_variable("gateway"),
        "all of its Secret": lambda spec, of: (
            of["gateway"].setdefault("envFrom", []).append({"secretRef": {"name": "a-tailnet-authkey-0123456789"}})
        ),
    },
    "pods/sidecar-command": {
        "another argument": field("tailscale", args=["--debug"]),
        "a probe": _without_probe,
    },
    "pods/sidecar-environment": {
        "routes": variable("tailscale", name="TS_ROUTES", value="10.0.0.0/8"),
        "SSH": variable("tailscale", name="TS_EXTRA_ARGS", value="--reset --ssh"),
        "a proxy on all addresses": variable("tailscale", name="TS_SOCKS5_SERVER", value="0.0.0.0:1055"),
        "state in a Secret": variable("tailscale", name="TS_KUBE_SECRET", value="tailscale"),
        "a Secret": secret_variable("tailscale"),
        "a Secret where nothing may be": variable(
            "tailscale", name="TS_KUBE_SECRET", valueFrom={"secretKeyRef": {"name": "mine", "key": "name"}}
        ),
        "a ConfigMap of them": field("tailscale", envFrom=[{"configMapRef": {"name": "mine"}}]),
    },
    "pods/unseal-command": {
        "another module": _unseal,
        "a variable": variable("unseal", name="NODE_OPTIONS", value="--import=/tmp/x.mjs"),
        "another script": _instead_of_unsealing,
        "another key": argument("unseal", "/tmp/out"),
        "the key of another instance": _for_another,
    },
}


def _asked(change: Change) -> Ask:
    return lambda scene: Request("POST", scene.path("pods"), scene.pod(change))


def _relabelled(labels: dict[str, str]) -> Ask:
    def request(scene: Scene) -> Request:
        body = scene.pod()
        body["metadata"]["labels"] |= labels
        return Request("POST", scene.path("pods"), body)

    return request


def debugged(**container: Any) -> Ask:
    """`kubectl debug --profile=restricted`, with something else in the container."""
    body: Object = {
        "name": "debugger",
        "image": "debian:12",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **container,
    }
    return lambda scene: Request(
        "PATCH",
        f"{scene.path('pods', scene.pod_name())}/ephemeralcontainers",
        {"spec": {"ephemeralContainers": [body]}},
    )


_BARE: Final[Object] = {"securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True}}

EPHEMERAL: Final = (
    Attack("pods/capabilities", "those of the runtime, for a debugger", debugged(**_BARE), ADMINISTRATOR),
    Attack("pods/privileges", "a privileged debugger", debugged(securityContext={"privileged": True}), ADMINISTRATOR),
    Attack("pods/target", "into the sidecar's processes", debugged(targetContainerName="tailscale"), ADMINISTRATOR),
    Attack("pods/target", "into the unsealer's processes", debugged(targetContainerName="unseal"), ADMINISTRATOR),
    Attack(
        "pods/tailnet-volumes",
        "the device's identity for a debugger",
        debugged(volumeMounts=[{"name": "tailnet-state", "mountPath": "/state"}]),
        ADMINISTRATOR,
    ),
    Attack(
        "pods/tun",
        "the device for a debugger",
        debugged(volumeMounts=[{"name": "tun", "mountPath": "/dev/net/tun"}]),
        ADMINISTRATOR,
    ),
    Attack("pods/containers", "a debugger called enrol", debugged(name="enrol"), ADMINISTRATOR),
)

POD_ATTACKS: Final = (
    *(
        Attack(rule, what, _asked(change), CONTROLLER)
        for rule, changes in CHANGES.items()
        for what, change in changes.items()
    ),
    Attack("pods/labels", "of another instance", _relabelled({LABEL_INSTANCE: "other"}), CONTROLLER),
    Attack("pods/labels", "of no sidecar", _relabelled({LABEL_SIDECAR: "false"}), CONTROLLER),
    Attack(
        "pods/image",
        "of a running container",
        lambda scene: Request(
            "PATCH",
            scene.path("pods", scene.pod_name()),
            {"spec": {"containers": [{"name": "gateway", "image": "example.com/gateway:1"}]}},
        ),
        ADMINISTRATOR,
    ),
    *EPHEMERAL,
)
