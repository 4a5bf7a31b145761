"""The Tailscale sidecar: a native sidecar with its own state, key, limits and Serve configuration."""

import json
from typing import Any

import pulumi

from components import credential
from components.constants import (
    GATEWAY_PORT,
    SIDECAR_CONTAINER,
    SIDECAR_HEALTH_PORT,
    TUN_DEVICE,
    VOLUME_SERVE,
    VOLUME_TAILNET_RUN,
    VOLUME_TAILNET_STATE,
    VOLUME_TAILNET_TMP,
    VOLUME_TUN,
)
from components.manifest import Manifest, env
from components.names import Names
from components.pods import USER, Container, Volume, limits, locked_down
from components.settings import Sidecar, Tailnet

SERVE_KEY = "serve.json"
SERVE_PATH = "/etc/tailnet-serve"
# Not a directory called `tailscale`: tailscaled would chmod it, which fails as non-root and leaves the state in memory.
STATE_PATH = "/var/lib/ts-state"
PROBE_COMMAND = ("wget", "-q", "--spider", f"http://127.0.0.1:{SIDECAR_HEALTH_PORT}/healthz")


def address(sidecar: Sidecar, fqdn: str) -> str:
    """The URL at which people and clients open the gateway."""
    return {"https": f"https://{fqdn}", "http": f"http://{fqdn}", "tcp": f"ws://{fqdn}:{GATEWAY_PORT}"}[sidecar.reach]


def portals(sidecar: Sidecar, fqdn: str) -> list[str]:
    """The URLs at which people open what the agent has started, by port."""
    scheme = {"https": "https", "http": "http", "tcp": "tcp"}[sidecar.reach]
    return [f"{scheme}://{fqdn}:{port}" for port in sorted(sidecar.portals)]


def serve_json(sidecar: Sidecar, fqdn: str) -> str:
    """The Serve configuration; never with Funnel (I1). A portal's port is the same on both sides."""
    behind = {sidecar.served_port: GATEWAY_PORT} | {port: port for port in sorted(sidecar.portals)}
    if sidecar.reach == "tcp":
        forwards = {str(port): {"TCPForward": f"127.0.0.1:{target}"} for port, target in behind.items()}
        return json.dumps({"TCP": forwards}, indent=2)
    # The full name is written out: `${TS_CERT_DOMAIN}` becomes `no-https` without certificates, and matches nothing (tailscale#17728).
    return json.dumps(
        {
            "TCP": {str(port): {"HTTPS": True} if sidecar.reach == "https" else {"HTTP": True} for port in behind},
            "Web": {
                f"{fqdn}:{port}": {"Handlers": {"/": {"Proxy": f"http://127.0.0.1:{target}"}}}
                for port, target in behind.items()
            },
        },
        indent=2,
    )


def container(
    names: Names,
    sidecar: Sidecar,
    tailnet: Tailnet,
    image: str,
    client_id: pulumi.Input[str] | None = None,
    proxy: str | None = None,
) -> Container:
    """The sidecar, as an init container that stays: it starts before the gateway and outlives its drain.

    `client_id` is that of the federated identity, for the credential `workloadIdentity`. With `proxy` (an address of
    its own, as in `127.0.0.1:1055`) it serves nothing, and is an HTTP proxy into the tailnet instead.
    """
    tun = sidecar.mode == "tun"
    listen = f"$(POD_IP):{SIDECAR_HEALTH_PORT}" if sidecar.metrics else f"127.0.0.1:{SIDECAR_HEALTH_PORT}"
    values: dict[str, pulumi.Input[str]] = {
        "TS_USERSPACE": "false" if tun else "true",
        # Explicitly empty: unset means a Secret called `tailscale`, a service-account token and RBAC (I5).
        "TS_KUBE_SECRET": "",
        "TS_STATE_DIR": STATE_PATH,
        # Only an unregistered device uses the key: a healthy one would be logged out by an expired key (tailscale#16987).
        "TS_AUTH_ONCE": "true",
        **credential.variables(sidecar.credential, client_id),
        "TS_HOSTNAME": names.hostname,
        "TS_ACCEPT_DNS": "false",
        # A TPM would tie the state to one machine (tailscale#17654).
        "TS_TAILSCALED_EXTRA_ARGS": "--encrypt-state=false",
        **({"TS_OUTBOUND_HTTP_PROXY_LISTEN": proxy} if proxy else {"TS_SERVE_CONFIG": f"{SERVE_PATH}/{SERVE_KEY}"}),
        "TS_ENABLE_HEALTH_CHECK": "true",
        "TS_ENABLE_METRICS": "true" if sidecar.metrics else "false",
        "TS_LOCAL_ADDR_PORT": listen,
        "TS_NO_LOGS_NO_SUPPORT": "true",
        "TS_LOGS_DIR": "/tmp",
        "TS_DISABLE_PORTMAPPER": "1",
        # A cached map makes a restarted device "Running" before it has heard from the control server. When that has removed
        # the device meanwhile, containerboot never logs in: healthy for ever, and in nobody's tailnet.
        "TS_USE_CACHED_NETMAP": "false",
        # Where nf_tables exists no legacy lock file and no NET_RAW is needed; elsewhere iptables is found.
        "TS_DEBUG_FIREWALL_MODE": "auto",
    }
    # What is not said here is default again: else `up` refuses to leave out what an earlier form of the credential had
    # set, and a device that has to join anew after a change of the form would never do so.
    up = ["--reset", *([f"--login-server={tailnet.login_server}"] if tailnet.login_server else [])]
    values["TS_EXTRA_ARGS"] = " ".join([*up, *credential.arguments(sidecar.credential, names.tag)])
    return {
        "name": SIDECAR_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        # POD_IP stands before the variable that uses it, or it is not expanded.
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}, *env(values)],
        # No liveness probe: /healthz stays 200 through outages on purpose, and restarting cures none of them.
        "startupProbe": _probe(sidecar, period=1, failures=120),
        "readinessProbe": _probe(sidecar, period=10, failures=3),
        # A refused key is in its last line.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": limits(sidecar.resources),
        # uid 0 without NET_ADMIN's friends: as another user the tun device cannot be opened.
        "securityContext": locked_down(0, add=["NET_ADMIN"]) if tun else locked_down(USER),
        "volumeMounts": [
            {"name": VOLUME_TAILNET_STATE, "mountPath": STATE_PATH},
            credential.mount(sidecar.credential),
            # A directory, never a subPath: only then do edits arrive.
            *([] if proxy else [{"name": VOLUME_SERVE, "mountPath": SERVE_PATH, "readOnly": True}]),
            {"name": VOLUME_TAILNET_RUN, "mountPath": "/var/run/tailscale"},
            {"name": VOLUME_TAILNET_TMP, "mountPath": "/tmp"},
            *([{"name": VOLUME_TUN, "mountPath": TUN_DEVICE}] if tun else []),
        ],
    }


def _probe(sidecar: Sidecar, period: int, failures: int) -> Manifest:
    check: Manifest = (
        {"httpGet": {"path": "/healthz", "port": SIDECAR_HEALTH_PORT, "scheme": "HTTP"}}
        if sidecar.metrics
        else {"exec": {"command": [*PROBE_COMMAND]}}
    )
    return {**check, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures, "successThreshold": 1}


def volumes(sidecar: Sidecar, serve_config_map: Any, tailnet_claim: str) -> list[Volume]:
    """The pod volumes of the sidecar's side, but for those of its credential."""
    tun: list[Volume] = [{"name": VOLUME_TUN, "hostPath": {"path": TUN_DEVICE, "type": "CharDevice"}}]
    return [
        {"name": VOLUME_TAILNET_STATE, "persistentVolumeClaim": {"claimName": tailnet_claim}},
        *([{"name": VOLUME_SERVE, "configMap": {"name": serve_config_map}}] if serve_config_map is not None else []),
        {"name": VOLUME_TAILNET_RUN, "emptyDir": {}},
        {"name": VOLUME_TAILNET_TMP, "emptyDir": {}},
        *(tun if sidecar.mode == "tun" else []),
    ]
