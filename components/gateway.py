"""The gateway container: OpenClaw's configuration, environment, probes and limits."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from components.constants import GATEWAY_CONTAINER, GATEWAY_PORT, VOLUME_CONFIG, VOLUME_HOME, VOLUME_TMP
from components.manifest import Manifest, env
from components.openclaw import permissions, reserved
from components.openclaw.merge import laid_under
from components.pods import HOME, STATE, USER, Container, Volume, heap_option, limits, locked_down
from components.settings import Instance

CONFIG_KEY: Final = "openclaw.json"
CONFIG_PATH: Final = "/etc/openclaw"
KEYS_KEY: Final = "keys.json"
SEED_SCRIPT: Final = (Path(__file__).parent / "openclaw" / "seed.mjs").read_text()
_RUN: Final = ("node", "openclaw.mjs", "gateway", "run")

# The gateway may drain active work for 315 s and shut down for 330 s; less would cut a running task.
GRACE_SECONDS = 345


def openclaw_json(instance: Instance, origin: str | None, browser: str | None = None) -> str:
    """The gateway's configuration file: the owner's, under ours. `origin` is where browsers open it; None without Tailscale.

    `browser`: the node whose browser the agent drives.
    """
    # An agent there must be; OpenClaw calls the first one so.
    first: dict[str, Any] = {"agents": {"entries": {"main": {}}}}
    given = instance.gateway.config
    has_agents = bool(given.get("agents", {}).get("entries"))
    return json.dumps(
        laid_under(given if has_agents else laid_under(given, first), ours(instance, origin, browser)), indent=2
    )


def config_files(instance: Instance, origin: str | None, browser: str | None = None) -> dict[str, str]:
    """The files of the configuration's ConfigMap, by name. A seeded gateway also gets the keys that it may not change."""
    files = {CONFIG_KEY: openclaw_json(instance, origin, browser)}
    if instance.gateway.ownership == "seeded":
        files[KEYS_KEY] = json.dumps({"set": ours(instance, origin, browser), **reserved.patterns()}, indent=2)
    return files


def ours(instance: Instance, origin: str | None, browser: str | None = None) -> dict[str, Any]:
    """The part of the configuration that is not the owner's: components/openclaw/reserved.py has the same keys, with reasons."""
    serve = instance.tailscale.enabled and instance.tailscale.reach != "tcp"
    commands = instance.gateway.nodes.commands
    gateway: dict[str, Any] = {
        "mode": "local",
        # Always explicit (I1): unset means 0.0.0.0 wherever the gateway believes that it is in a container.
        "bind": "loopback",
        "port": GATEWAY_PORT,
        "auth": _auth(instance),
        # Serve comes from loopback with proxy headers; since 2026.8.1 it is refused (403) unless it is trusted here.
        "trustedProxies": ["127.0.0.1/32"] if serve else [],
        "controlUi": {"enabled": True, "allowedOrigins": [origin] if origin else []},
        "terminal": {"enabled": False},
        # New configuration is a new ConfigMap and a new pod; reloading in place would do it twice.
        "reload": {"mode": "off"},
        # Loopback peers are not local users here: a userspace sidecar forwards tailnet peers to loopback.
        "nodes": {
            "pairing": {"autoApproveLocal": False, "sshVerify": False},
            "commands": {"allow": list(commands.allow), "deny": list(commands.deny)},
            # `auto` would take any node that says it has a browser.
            "browser": {"mode": "manual", "node": browser} if browser else {"mode": "off"},
            # What a node says of its tools and skills would be read by the agent as if it were the gateway's own.
            "pluginTools": {"enabled": False},
            "allowSkills": False,
        },
        "tailscale": {"mode": "off"},
    }
    return {
        "gateway": gateway,
        "update": {"checkOnStart": False},
        "discovery": {"mdns": {"mode": "off"}},
        "tools": permissions.tools(instance.gateway.permissions, instance.gateway.config.get("tools", {})),
        # Plugins come with the stack, and never by what the agent asks for: without a program that judges, nothing is installed.
        "security": {"installPolicy": {"enabled": True, "targets": ["plugin"]}},
        "logging": {"audit": {"enabled": True, "executionIdentity": instance.gateway.audit_identity}},
    }


def _auth(instance: Instance) -> dict[str, Any]:
    auth = instance.gateway.auth
    if auth.mode != "identity":
        return {"mode": auth.mode, "allowTailscale": False}
    # X-Forwarded-Proto comes from Serve with HTTPS only.
    required = ["x-forwarded-host", *(["x-forwarded-proto"] if instance.tailscale.reach == "https" else [])]
    return {
        "mode": "trusted-proxy",
        "allowTailscale": False,
        "trustedProxy": {
            "userHeader": "tailscale-user-login",
            "requiredHeaders": required,
            "allowUsers": list(auth.allow_users or instance.people),
            "allowLoopback": True,
        },
    }


def container(
    instance: Instance, image: str, token_secret: Any, secrets: list[Any], portals: Sequence[str] = ()
) -> Container:
    """The gateway container. `token_secret` and `secrets` are names of Secrets (Inputs); `portals` are URLs."""
    seeded = instance.gateway.ownership == "seeded"
    values = {
        "HOME": HOME,
        "OPENCLAW_STATE_DIR": STATE,
        "OPENCLAW_CONFIG_PATH": f"{STATE if seeded else CONFIG_PATH}/{CONFIG_KEY}",
        **({} if seeded else {"OPENCLAW_CONFIG_READONLY": "1"}),
        # Without a writable cache the gateway ends with exit 78 on a read-only root.
        "XDG_CACHE_HOME": f"{HOME}/.cache",
        # A restart is an exit that Kubernetes answers; no self-update, no triage.
        "OPENCLAW_SUPERVISOR_MODE": "external",
        "OPENCLAW_NO_AUTO_UPDATE": "1",
        "OPENCLAW_DISABLE_BONJOUR": "1",
        "DO_NOT_TRACK": "1",
        "NODE_OPTIONS": heap_option(instance.gateway.resources),
        # For the agent's commands: where people will open what it starts.
        **({"PORTAL_URLS": " ".join(portals)} if portals else {}),
    }
    return {
        "name": GATEWAY_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # `args`, not `command`: the image's entrypoint is tini, which reaps what the tools leave behind.
        "args": _seeded_run() if seeded else [*_RUN],
        "env": [
            *env(values),
            # Never optional: without it the gateway invents a token and goes ready.
            {
                "name": instance.gateway.auth.secret_variable,
                "valueFrom": {"secretKeyRef": {"name": token_secret, "key": "token"}},
            },
        ],
        "envFrom": [{"secretRef": {"name": name}} for name in secrets],
        # 5 minutes to start: upgrades migrate the state at boot.
        "startupProbe": probe("startupz", '"status":"started"', period=1, failures=300),
        "readinessProbe": probe("startupz", '"status":"started"', period=10, failures=3),
        "livenessProbe": probe("healthz", '"ok":true', period=30, failures=3),
        # A gateway that refuses its configuration says so in its last line.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": limits(instance.gateway.resources),
        "securityContext": locked_down(USER),
        "volumeMounts": [
            {"name": VOLUME_HOME, "mountPath": HOME},
            {"name": VOLUME_CONFIG, "mountPath": CONFIG_PATH, "readOnly": True},
            {"name": VOLUME_TMP, "mountPath": "/tmp"},
        ],
    }


def _seeded_run() -> list[str]:
    """Sets our keys in the configuration on the volume, then starts the gateway in the same process: also when the container
    alone restarts, where init containers would not run again.
    """
    files = f"{CONFIG_PATH}/{CONFIG_KEY} {CONFIG_PATH}/{KEYS_KEY} {STATE}/{CONFIG_KEY}"
    script = f'node --input-type=module --eval "$0" -- {files} && exec {" ".join(_RUN)}'
    return ["sh", "-c", script, SEED_SCRIPT]


def probe(path: str, body: str, period: int, failures: int) -> Manifest:
    """Asks the gateway from inside the pod, because nothing but loopback listens; `period` in seconds.

    The body is checked: unknown paths answer 200 with the Control UI's page. curl, which upstream's images have, takes a
    hundredth of the processor time of a `node -e`, and a starting gateway has none to spare.
    """
    script = f"curl -fsS -m 4 http://127.0.0.1:{GATEWAY_PORT}/{path} | grep -q '{body}'"
    return {
        "exec": {"command": ["sh", "-c", script]},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
        "successThreshold": 1,
    }


def volumes(config_map: Any, home_claim: str) -> list[Volume]:
    """The pod volumes of the gateway's side."""
    return [
        {"name": VOLUME_HOME, "persistentVolumeClaim": {"claimName": home_claim}},
        {"name": VOLUME_CONFIG, "configMap": {"name": config_map}},
        {"name": VOLUME_TMP, "emptyDir": {}},
    ]
