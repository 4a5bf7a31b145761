"""The sidecar and the unsealer in a pod: they run as the stack declares them, whoever declares them (I1, I3)."""

from typing import Final

from components import credential, sealed_key, sidecar
from components.admission.cel import NOTHING, all_of, any_of, each, given, items, listed, matches
from components.admission.rule import Rule
from components.constants import SIDECAR_CONTAINER, SIDECAR_HEALTH_PORT, UNSEAL_CONTAINER

# The sidecar's environment: each variable with the values that it may have (RE2).
SIDECAR_ENV: Final[dict[str, str]] = {
    "TS_USERSPACE": "true|false",
    "TS_KUBE_SECRET": "",
    "TS_STATE_DIR": sidecar.STATE_PATH,
    "TS_AUTH_ONCE": "true",
    "TS_AUTHKEY": f"file:{credential.AUTH_KEY_FILE}",
    "TS_CLIENT_SECRET": f"file:{credential.AUTH_KEY_FILE}",
    "TS_CLIENT_ID": rf"[^?&]+\?{credential.ATTRIBUTES}",
    "TS_ID_TOKEN": f"file:{credential.TOKEN_FILE}",
    "TS_HOSTNAME": "[-a-z0-9]+",
    "TS_ACCEPT_DNS": "false",
    "TS_TAILSCALED_EXTRA_ARGS": "--encrypt-state=false",
    "TS_OUTBOUND_HTTP_PROXY_LISTEN": r"127\.0\.0\.1:[0-9]+",
    "TS_SERVE_CONFIG": f"{sidecar.SERVE_PATH}/{sidecar.SERVE_KEY}",
    "TS_ENABLE_HEALTH_CHECK": "true",
    "TS_ENABLE_METRICS": "true|false",
    "TS_LOCAL_ADDR_PORT": rf"(127\.0\.0\.1|\$\(POD_IP\)):{SIDECAR_HEALTH_PORT}",
    "TS_NO_LOGS_NO_SUPPORT": "true",
    "TS_LOGS_DIR": "/tmp",
    "TS_DISABLE_PORTMAPPER": "1",
    "TS_USE_CACHED_NETMAP": "false",
    "TS_DEBUG_FIREWALL_MODE": "auto",
    "TS_EXTRA_ARGS": r"--reset( --login-server=https?://[^ ]+)?( --advertise-tags=tag:openclaw-[-a-z0-9]+)?",
    # Of a placement. Not in the list: lower case, which the probe's own client would read.
    "HTTPS_PROXY": "https?://[^ ]+",
    "HTTP_PROXY": "https?://[^ ]+",
    "NO_PROXY": "[^ ]+",
    "SSL_CERT_DIR": "[^ ]+",
}
_VARIABLE: Final = any_of(
    all_of(
        "!has(e.valueFrom)",
        matches(
            f"(e.name + '=' + {given('e', 'value', NOTHING)})",
            "|".join(f"{key}=({at})" for key, at in SIDECAR_ENV.items()),
        ),
    ),
    all_of("e.name == 'POD_IP'", f"{given('e', 'valueFrom.fieldRef.fieldPath', NOTHING)} == 'status.podIP'"),
)
_UNSEAL: Final = ("node", "--input-type=module", "--eval", sealed_key.UNSEAL_SCRIPT, "--")

_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_PROBE: Final = listed(sidecar.PROBE_COMMAND)

# About `variables.sidecar` and `variables.unseal`, the containers of these names in their place, and `variables.subject`,
# for which the key is sealed.
TAILNET_RULES: Final = (
    Rule(
        "sidecar-command",
        "I1",
        f"the container {SIDECAR_CONTAINER} runs its image as it is, and its probes ask for its health only",
        each(
            "variables.sidecar",
            all_of(
                "!has(c.args)",
                *(f"{given('c', f'{probe}.exec.command', _PROBE)} == {_PROBE}" for probe in _PROBES),
            ),
        ),
    ),
    Rule(
        "sidecar-environment",
        "I1",
        f"the container {SIDECAR_CONTAINER} has no variables but those that the stack declares (routes, SSH, exit nodes and "
        "proxies would be some):",
        each("variables.sidecar", f"!has(c.envFrom) && {items('c', 'env')}.all(e, {_VARIABLE})"),
        f"variables.sidecar.map(c, {items('c', 'env')}.filter(e, !({_VARIABLE})).map(e, e.name).join(', ')).join(', ')",
    ),
    Rule(
        "unseal-command",
        "I3",
        f"the container {UNSEAL_CONTAINER} opens the sealed key, and runs nothing else",
        each(
            "variables.unseal",
            all_of(
                "!has(c.env) && !has(c.envFrom)",
                f"{items('c', 'args')} == {listed(_UNSEAL)} + [variables.subject] + {listed(sealed_key.FILES)}",
            ),
        ),
    ),
)
