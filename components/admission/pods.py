"""Pods: what any of them may be, whoever asks for it, and whatever changed it on its way (I1, I2, I3, I5)."""

from typing import Final

from components import credential, sidecar
from components.admission.cel import Cel, all_of, among, any_of, given, items, listed, matches, quoted, table
from components.admission.rule import Guard, Kinds, Rule
from components.constants import (
    ENROL_CONTAINER,
    GATEWAY_CONTAINER,
    NODE_CONTAINER,
    PLUGINS_CONTAINER,
    SIDECAR_CONTAINER,
    SIDECAR_HEALTH_PORT,
    TAILNET_VOLUME_PREFIX,
    TOKEN_AUDIENCE_PREFIX,
    TUN_DEVICE,
    UNSEAL_CONTAINER,
    VOLUME_AUTH_KEY,
    VOLUME_CA,
    VOLUME_CONFIG,
    VOLUME_HOME,
    VOLUME_KEK,
    VOLUME_SEALED_KEY,
    VOLUME_SERVE,
    VOLUME_TAILNET_RUN,
    VOLUME_TAILNET_STATE,
    VOLUME_TAILNET_TMP,
    VOLUME_TMP,
    VOLUME_TOKEN,
    VOLUME_TUN,
)
from components.names import Names

_MAIN: Final = (GATEWAY_CONTAINER, NODE_CONTAINER)
_INIT: Final = (UNSEAL_CONTAINER, SIDECAR_CONTAINER, PLUGINS_CONTAINER, ENROL_CONTAINER)
# Where the tailnet's secrets are.
_TAILNET: Final = (SIDECAR_CONTAINER, UNSEAL_CONTAINER)

_AGENT_VOLUMES: Final = (VOLUME_HOME, VOLUME_TMP, VOLUME_CA)
MOUNTS: Final[dict[str, tuple[str, ...]]] = {
    GATEWAY_CONTAINER: (*_AGENT_VOLUMES, VOLUME_CONFIG),
    NODE_CONTAINER: _AGENT_VOLUMES,
    ENROL_CONTAINER: _AGENT_VOLUMES,
    PLUGINS_CONTAINER: _AGENT_VOLUMES,
    UNSEAL_CONTAINER: (VOLUME_KEK, VOLUME_SEALED_KEY, VOLUME_TAILNET_STATE, VOLUME_AUTH_KEY),
    SIDECAR_CONTAINER: (
        *(VOLUME_TAILNET_STATE, VOLUME_AUTH_KEY, VOLUME_TOKEN, VOLUME_SERVE, VOLUME_TAILNET_RUN, VOLUME_TAILNET_TMP),
        *(VOLUME_TUN, VOLUME_CA),
    ),
}
# An ephemeral container sees what the gateway sees, and no more.
_EPHEMERAL_MOUNTS: Final = MOUNTS[GATEWAY_CONTAINER]

# The Secrets of the tailnet's side, by the names that manifest.content_name gives them.
_DIGEST: Final = "-[0-9a-f]{10}"
_TAILNET_SECRET: Final = f".*-tailnet-(kek|authkey){_DIGEST}"


def _claim(name: str) -> Cel:
    return f"{_field('v', 'persistentVolumeClaim.claimName')} == {quoted(name)}"


def _config_map(part: str) -> Cel:
    return matches(_field("v", "configMap.name"), f".*-{part}{_DIGEST}")


def _secret(part: str) -> Cel:
    return matches(_field("v", "secret.secretName"), f".*-tailnet-{part}{_DIGEST}")


def _field(base: Cel, fields: str) -> Cel:
    return given(base, fields, "''")


def _flag(base: Cel, fields: str) -> Cel:
    return given(base, fields, "false")


_EMPTY: Final = "has(v.emptyDir)"
# What a volume of each name is made of: so a rule about a name is one about its content.
SOURCES: Final[dict[str, Cel]] = {
    VOLUME_HOME: _claim(Names.home_claim),
    VOLUME_CONFIG: _config_map("config"),
    VOLUME_TMP: _EMPTY,
    VOLUME_CA: all_of("has(v.configMap)", f"!{_config_map('(config|serve)')}"),
    VOLUME_TAILNET_STATE: _claim(Names.tailnet_claim),
    VOLUME_SERVE: _config_map("serve"),
    VOLUME_TAILNET_RUN: _EMPTY,
    VOLUME_TAILNET_TMP: _EMPTY,
    VOLUME_KEK: _secret("kek"),
    VOLUME_SEALED_KEY: _secret("authkey"),
    VOLUME_AUTH_KEY: f"{_field('v', 'emptyDir.medium')} == 'Memory'",
    # Each has a rule of its own.
    VOLUME_TOKEN: "has(v.projected)",
    VOLUME_TUN: "has(v.hostPath)",
}

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
    matches(f"e.name + '=' + {_field('e', 'value')}", "|".join(f"{name}=({at})" for name, at in SIDECAR_ENV.items())),
    all_of("e.name == 'POD_IP'", f"{_field('e', 'valueFrom.fieldRef.fieldPath')} == 'status.podIP'"),
)
# The script itself is compared with the Deployment's (declared.py): pods of the version before this one still start.
_UNSEAL_START: Final = ("node", "--input-type=module", "--eval")

# Dynamic types: the lists of the three kinds of containers could not be joined otherwise.
_VARIABLES: Final[dict[str, Cel]] = {
    "init": f"dyn({items('object.spec', 'initContainers')})",
    "ephemeral": f"dyn({items('object.spec', 'ephemeralContainers')})",
    "all": "dyn(object.spec.containers) + variables.init + variables.ephemeral",
    # By its place too: an ephemeral container may have any name that is not taken.
    "sidecar": f"variables.init.filter(c, c.name == '{SIDECAR_CONTAINER}')",
    "unseal": f"variables.init.filter(c, c.name == '{UNSEAL_CONTAINER}')",
    "others": f"variables.all.filter(c, c.name != '{SIDECAR_CONTAINER}') "
    f"+ (dyn(object.spec.containers) + variables.ephemeral).filter(c, c.name == '{SIDECAR_CONTAINER}')",
    "volumes": f"dyn({items('object.spec', 'volumes')})",
}
_ALL: Final = "variables.all"
_POD: Final = "object.spec"


def _each(containers: Cel, holds: Cel) -> Cel:
    return f"{containers}.all(c, {holds})"


def _names(containers: Cel, broken: Cel, name: Cel = "c.name", of: str = "c") -> Cel:
    """The names of those that break a rule, for its message."""
    return f"{containers}.filter({of}, {broken}).map({of}, {name}).join(', ')"


def _rule(name: str, invariant: str, message: str, containers: Cel, holds: Cel) -> Rule:
    """A rule about each of these containers, whose message names those that break it."""
    return Rule(name, invariant, message, _each(containers, holds), _names(containers, f"!({holds})"))


def _own(fields: str, otherwise: Cel) -> Cel:
    """A field of a container's security context, or else the pod's."""
    return given("c", f"securityContext.{fields}", given(_POD, f"securityContext.{fields}", otherwise))


def _mounts(volume: Cel) -> Cel:
    """True when the container mounts no volume of which the expression, about the mount `m`, is true."""
    return f"{items('c', 'volumeMounts')}.all(m, !({volume}))"


_ADDED: Final = items("c", "securityContext.capabilities.add")
_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_PROBE: Final = listed(sidecar.PROBE_COMMAND)
_SOURCE: Final = any_of(*(all_of(f"v.name == {quoted(name)}", source) for name, source in SOURCES.items()))
_MOUNTED: Final = f"m.name in {table(MOUNTS)}[?c.name].orValue({listed(_EPHEMERAL_MOUNTS)})"
_TOKEN: Final = all_of(
    f"v.name == {quoted(VOLUME_TOKEN)}",
    f"{items('v', 'projected.sources')}.all(s, {_field('s', 'serviceAccountToken.audience')}"
    f".startsWith({quoted(TOKEN_AUDIENCE_PREFIX)}))",
)
_SEALED: Final = "({})".format(
    any_of(
        matches(_field("e", "valueFrom.secretKeyRef.name"), _TAILNET_SECRET),
        "has(e.valueFrom) && !(has(e.valueFrom.secretKeyRef) || has(e.valueFrom.fieldRef) "
        "|| has(e.valueFrom.configMapKeyRef) || has(e.valueFrom.resourceFieldRef))",
    )
)


def _images(containers: str) -> Cel:
    now, before = (f"{items(f'{pod}.spec', containers)}.map(c, c.image)" for pod in ("object", "oldObject"))
    return f"{now} == {before}"


RULES: Final = (
    Rule(
        "host-network",
        "I1",
        "hostNetwork and hostPort open ports on the node",
        all_of(
            f"!{_flag(_POD, 'hostNetwork')}",
            _each(_ALL, f"{items('c', 'ports')}.all(p, {given('p', 'hostPort', '0')} == 0)"),
        ),
    ),
    _rule(
        "privileges",
        "I2",
        "no container is privileged, and none may gain privileges:",
        _ALL,
        all_of(
            f"!{_flag('c', 'securityContext.privileged')}",
            f"!{given('c', 'securityContext.allowPrivilegeEscalation', 'true')}",
            f"{_field('c', 'securityContext.procMount')} in ['', 'Default']",
        ),
    ),
    Rule(
        "processes",
        "I2",
        "no pod shares processes, with the node or between its containers",
        all_of(*(f"!{_flag(_POD, flag)}" for flag in ("hostPID", "hostIPC", "shareProcessNamespace"))),
    ),
    Rule(
        "capabilities",
        "I2",
        f"every container drops ALL capabilities; NET_ADMIN is for the container {SIDECAR_CONTAINER} only, and no other "
        "capability is for anyone:",
        all_of(
            _each(_ALL, f"'ALL' in {items('c', 'securityContext.capabilities.drop')}"),
            _each("variables.sidecar", f"{_ADDED}.all(a, a == 'NET_ADMIN')"),
            _each("variables.others", f"{_ADDED}.size() == 0"),
        ),
        _names(
            _ALL,
            f"!('ALL' in {items('c', 'securityContext.capabilities.drop')}) || "
            f"{_ADDED}.exists(a, a != 'NET_ADMIN' || c.name != '{SIDECAR_CONTAINER}')",
        ),
    ),
    _rule(
        "user",
        "I2",
        f"only the container {SIDECAR_CONTAINER} may run as root:",
        "variables.others",
        all_of(_own("runAsNonRoot", "false"), f"{_own('runAsUser', '1')} != 0"),
    ),
    _rule(
        "confinement",
        "I2",
        "seccomp is RuntimeDefault or Localhost, AppArmor is not off, and SELinux and sysctls are the runtime's:",
        _ALL,
        all_of(
            f"{_own('seccompProfile.type', quoted(''))} in ['RuntimeDefault', 'Localhost']",
            f"{_own('appArmorProfile.type', quoted(''))} != 'Unconfined'",
            f"{_own('seLinuxOptions.type', quoted(''))} in ['', 'container_t', 'container_init_t', 'container_kvm_t']",
            f"{_own('seLinuxOptions.user', quoted(''))} + {_own('seLinuxOptions.role', quoted(''))} == ''",
            f"!{_own('windowsOptions.hostProcess', 'false')}",
            f"{items(_POD, 'securityContext.sysctls')}.size() == 0",
        ),
    ),
    Rule(
        "devices",
        "I2",
        "no pod claims devices, and no container has a block device",
        all_of(
            f"{items(_POD, 'resourceClaims')}.size() == 0",
            _each(_ALL, f"{items('c', 'volumeDevices')}.size() == 0 && {items('c', 'resources.claims')}.size() == 0"),
        ),
    ),
    Rule(
        "tun",
        "I2",
        f"the only hostPath is the device {TUN_DEVICE}, mounted only in the container {SIDECAR_CONTAINER}",
        all_of(
            "variables.volumes.all(v, !has(v.hostPath) || "
            f"(v.name == '{VOLUME_TUN}' && v.hostPath.path == '{TUN_DEVICE}' "
            f"&& {_field('v', 'hostPath.type')} == 'CharDevice'))",
            _each("variables.others", _mounts(f"m.name == '{VOLUME_TUN}'")),
        ),
    ),
    _rule(
        "tailnet-volumes",
        "I3",
        f"volumes of the tailnet's side are for the containers {SIDECAR_CONTAINER} and {UNSEAL_CONTAINER} only:",
        f"variables.others.filter(o, o.name != '{UNSEAL_CONTAINER}')",
        _mounts(f"m.name.startsWith('{TAILNET_VOLUME_PREFIX}')"),
    ),
    Rule(
        "api-token",
        "I5",
        "no pod gets a service-account token that the Kubernetes API accepts",
        all_of(
            f"!{given(_POD, 'automountServiceAccountToken', 'true')}",
            f"{_field(_POD, 'serviceAccountName')} in ['', 'default']",
            f"variables.volumes.all(v, !has(v.projected) || ({_TOKEN}))",
        ),
    ),
    _rule(
        "tailnet-token",
        "I5",
        f"a service-account token for the tailnet is for the container {SIDECAR_CONTAINER} only:",
        "variables.others",
        _mounts(f"m.name == '{VOLUME_TOKEN}'"),
    ),
    Rule(
        "containers",
        "I3",
        f"containers of a gateway's or node's pod are {', '.join((*_MAIN, *_INIT))}, each in its place; another one would "
        "share their loopback:",
        all_of(
            _each(_POD + ".containers", among("c.name", _MAIN)),
            _each("variables.init", among("c.name", _INIT)),
            _each("variables.ephemeral", f"!({among('c.name', (*_MAIN, *_INIT))})"),
        ),
        _names(_ALL, f"!({among('c.name', (*_MAIN, *_INIT))})"),
    ),
    Rule(
        "volumes",
        "I3",
        "a volume is one of those that the stack declares, made of what the stack declares for it:",
        f"variables.volumes.all(v, {_SOURCE})",
        _names("variables.volumes", f"!({_SOURCE})", "v.name", "v"),
    ),
    _rule(
        "mounts",
        "I3",
        "a container mounts only its own volumes:",
        _ALL,
        _mounts(f"!({_MOUNTED})"),
    ),
    _rule(
        "environment",
        "I3",
        "no container reads the tailnet's Secrets, nor files, into its environment:",
        _ALL,
        all_of(
            f"{items('c', 'env')}.all(e, !{_SEALED})",
            f"{items('c', 'envFrom')}.all(e, !{matches(_field('e', 'secretRef.name'), _TAILNET_SECRET)})",
        ),
    ),
    _rule(
        "target",
        "I3",
        "an ephemeral container does not enter the processes of the tailnet's side:",
        "variables.ephemeral",
        f"!({among(_field('c', 'targetContainerName'), _TAILNET)})",
    ),
    Rule(
        "sidecar-command",
        "I1",
        f"the container {SIDECAR_CONTAINER} runs its image as it is, and its probes ask for its health only",
        _each(
            "variables.sidecar",
            all_of(
                "!has(c.command) && !has(c.args) && !has(c.lifecycle)",
                *(f"{given('c', f'{probe}.exec.command', _PROBE)} == {_PROBE}" for probe in _PROBES),
            ),
        ),
    ),
    Rule(
        "sidecar-environment",
        "I1",
        f"the container {SIDECAR_CONTAINER} has no variables but those that the stack declares (routes, SSH, exit nodes and "
        "proxies would be some):",
        _each("variables.sidecar", f"!has(c.envFrom) && {items('c', 'env')}.all(e, {_VARIABLE})"),
        f"variables.sidecar.map(c, {items('c', 'env')}.filter(e, !({_VARIABLE})).map(e, e.name).join(', ')).join(', ')",
    ),
    Rule(
        "unseal-command",
        "I3",
        f"the container {UNSEAL_CONTAINER} opens the sealed key, and runs nothing else",
        _each(
            "variables.unseal",
            all_of(
                "!has(c.command) && !has(c.env) && !has(c.envFrom) && !has(c.lifecycle)",
                f"{items('c', 'args')}.size() > 5",
                *(f"{items('c', 'args')}[{place}] == {quoted(word)}" for place, word in enumerate(_UNSEAL_START)),
            ),
        ),
    ),
    Rule(
        "image",
        "I8",
        "the image of a running container does not change: change the Deployment, by the stack",
        f"oldObject == null || {_images('containers')} && {_images('initContainers')}",
    ),
)

PODS: Final = Guard(
    "pods",
    [Kinds("", ["pods", "pods/ephemeralcontainers"])],
    RULES,
    # A pod from before a rule still loses its finalizers.
    when="oldObject == null || object.spec != oldObject.spec",
    variables=_VARIABLES,
)
