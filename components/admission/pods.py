"""Pods: what any of them may be, whoever asks for it, and whatever changed it on its way (I1, I2, I3, I5)."""

from typing import Final

from components import credential, gateway, placement, sealed_key, sidecar
from components.admission.cel import (
    NOTHING,
    Cel,
    all_of,
    among,
    any_of,
    breaking,
    each,
    given,
    items,
    listed,
    matches,
    quoted,
    table,
)
from components.admission.rule import Guard, Kinds, Rule
from components.admission.tailnet_side import TAILNET_RULES
from components.constants import (
    ANNOTATION_IMAGE,
    ENROL_CONTAINER,
    GATEWAY_CONTAINER,
    LABEL_INSTANCE,
    LABEL_SIDECAR,
    NODE_CONTAINER,
    PLUGINS_CONTAINER,
    SIDECAR_CONTAINER,
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
from components.pods import HOME

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
# One place for each volume, in every container.
PATHS: Final[dict[str, str]] = {
    VOLUME_HOME: HOME,
    VOLUME_CONFIG: gateway.CONFIG_PATH,
    VOLUME_TMP: "/tmp",
    VOLUME_CA: placement.CA_PATH,
    VOLUME_TAILNET_STATE: sidecar.STATE_PATH,
    VOLUME_AUTH_KEY: credential.AUTH_KEY_PATH,
    VOLUME_TOKEN: credential.TOKEN_PATH,
    VOLUME_SERVE: sidecar.SERVE_PATH,
    VOLUME_TAILNET_RUN: "/var/run/tailscale",
    VOLUME_TAILNET_TMP: "/tmp",
    VOLUME_TUN: TUN_DEVICE,
    VOLUME_KEK: sealed_key.KEK_PATH,
    VOLUME_SEALED_KEY: sealed_key.SEALED_PATH,
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
    return given(base, fields, NOTHING)


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
    # names.seal_subject
    "subject": "request.namespace + '/' "
    f"+ {given('object.metadata', 'labels', '{}')}[?{quoted(LABEL_INSTANCE)}].orValue('')",
    "volumes": f"dyn({items('object.spec', 'volumes')})",
}
_ALL: Final = "variables.all"
_POD: Final = "object.spec"


def _rule(name: str, invariant: str, message: str, containers: Cel, holds: Cel) -> Rule:
    """A rule about each of these containers, whose message names those that break it."""
    return Rule(name, invariant, message, each(containers, holds), breaking(containers, holds))


def _own(fields: str, otherwise: Cel) -> Cel:
    """A field of a container's security context, or else the pod's."""
    return given("c", f"securityContext.{fields}", given(_POD, f"securityContext.{fields}", otherwise))


def _mounts(volume: Cel) -> Cel:
    """True when the container mounts no volume of which the expression, about the mount `m`, is true."""
    return f"{items('c', 'volumeMounts')}.all(m, !({volume}))"


_ADDED: Final = items("c", "securityContext.capabilities.add")
_DROPPED: Final = f"'ALL' in {items('c', 'securityContext.capabilities.drop')}"
_SOURCE: Final = any_of(*(all_of(f"v.name == {quoted(name)}", source) for name, source in SOURCES.items()))
_MOUNTED: Final = f"m.name in {table(MOUNTS)}[?c.name].orValue({listed(_EPHEMERAL_MOUNTS)})"
_PLACES: Final = "{" + ", ".join(f"{quoted(name)}: {quoted(path)}" for name, path in PATHS.items()) + "}"
_IN_PLACE: Final = all_of(
    f"{_PLACES}[?m.name].orValue('') == m.mountPath",
    f"{_field('m', 'subPath')} + {_field('m', 'subPathExpr')} + {_field('m', 'mountPropagation')} in ['', 'None']",
)
_DECLARED: Final = "(dyn(object.spec.containers) + variables.init)"
_ANNOTATIONS: Final = given("object.metadata", "annotations", "{}")
_LABELS: Final = given("object.metadata", "labels", "{}")
_INSTANCE: Final = f"[?{quoted(LABEL_INSTANCE)}]"
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
            each(_ALL, f"{items('c', 'ports')}.all(p, {given('p', 'hostPort', '0')} == 0)"),
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
            each(_ALL, _DROPPED),
            each("variables.sidecar", f"{_ADDED}.all(a, a == 'NET_ADMIN')"),
            each("variables.others", f"{_ADDED}.size() == 0"),
        ),
        breaking(_ALL, all_of(_DROPPED, f"{_ADDED}.all(a, a == 'NET_ADMIN' && c.name == '{SIDECAR_CONTAINER}')")),
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
            f"{_own('seccompProfile.type', NOTHING)} in ['RuntimeDefault', 'Localhost']",
            f"{_own('appArmorProfile.type', NOTHING)} != 'Unconfined'",
            f"{_own('seLinuxOptions.type', NOTHING)} in ['', 'container_t', 'container_init_t', 'container_kvm_t']",
            f"{_own('seLinuxOptions.user', NOTHING)} + {_own('seLinuxOptions.role', NOTHING)} == ''",
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
            each(_ALL, f"{items('c', 'volumeDevices')}.size() == 0 && {items('c', 'resources.claims')}.size() == 0"),
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
            each("variables.others", _mounts(f"m.name == '{VOLUME_TUN}'")),
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
            each(_POD + ".containers", among("c.name", _MAIN)),
            each("variables.init", among("c.name", _INIT)),
            each("variables.ephemeral", f"!({among('c.name', (*_MAIN, *_INIT))})"),
        ),
        f"{_ALL}.map(c, c.name).join(', ')",
    ),
    Rule(
        "volumes",
        "I3",
        "a volume is one of those that the stack declares, made of what the stack declares for it:",
        each("variables.volumes", _SOURCE, "v"),
        breaking("variables.volumes", _SOURCE, "v", "v.name"),
    ),
    _rule(
        "mounts",
        "I3",
        "a container mounts only its own volumes:",
        _ALL,
        _mounts(f"!({_MOUNTED})"),
    ),
    _rule("places", "I3", "a volume is mounted whole, and in its own place:", _ALL, _mounts(f"!({_IN_PLACE})")),
    _rule(
        "commands",
        "I3",
        "a container keeps its image's entrypoint, and has no hooks:",
        _DECLARED,
        "!has(c.command) && !has(c.lifecycle)",
    ),
    _rule(
        "declared-image",
        "I8",
        f"a container has the image that the stack declares for it, in the annotation {ANNOTATION_IMAGE}<container>:",
        _DECLARED,
        f"{_ANNOTATIONS}[?{quoted(ANNOTATION_IMAGE)} + c.name].orValue('') == c.image",
    ),
    Rule(
        "host-aliases",
        "I6",
        "names of other hosts are the DNS's to say",
        f"{items(_POD, 'hostAliases')}.size() == 0",
    ),
    Rule(
        "labels",
        "I6",
        "NetworkPolicies select pods by the stack's labels: that of the namespace's instance, and that of a sidecar",
        all_of(
            f"{_LABELS}{_INSTANCE} == {given('namespaceObject.metadata', 'labels', '{}')}{_INSTANCE}",
            f"{_LABELS}[?{quoted(LABEL_SIDECAR)}].orValue('') == (variables.sidecar.size() > 0 ? 'true' : '')",
        ),
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
    *TAILNET_RULES,
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
