"""Pods beside their Deployment: whatever changed a pod on its way, it runs what the Deployment says, and nothing else.

The API server gives the rules the Deployment of the pod's namespace. So an image, an argument or a variable is compared
with what the stack declares now, and nothing of one instance is written into the guard.
"""

from collections.abc import Sequence
from typing import Final

from components.admission.cel import Cel, all_of, breaking, each, given, items, optional, quoted
from components.admission.rule import Guard, Kinds, Rule
from components.constants import LABEL_SIDECAR, PROJECT

_TEMPLATE: Final = "params.spec.template"
_DECLARED: Final = "variables.declared"
_RUNNING: Final = "variables.running"


def _same(fields: Sequence[str]) -> Cel:
    """True of a container `c` that has these fields as its declared counterpart `d`."""
    pairs = (f"dyn({optional('c', field)}) == dyn({optional('d', field)})" for field in fields)
    return f"{_DECLARED}.exists(d, {all_of('d.name == c.name', *pairs)})"


def _containers(name: str, invariant: str, message: str, fields: Sequence[str]) -> Rule:
    holds = _same(fields)
    return Rule(
        name,
        invariant,
        message,
        each(_RUNNING, holds),
        breaking(_RUNNING, holds),
    )


_USERS: Final = ("runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "appArmorProfile")
# Without SELinux labels: OpenShift gives each namespace its own. pods.py judges them.
_POD_SECURITY: Final = (*_USERS, "fsGroup", "fsGroupChangePolicy", "supplementalGroups", "supplementalGroupsPolicy")
_SECURITY: Final = (
    *(*_USERS, "privileged", "allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem", "procMount"),
)
_POD_FIELDS: Final = (
    *("hostAliases", "dnsPolicy", "dnsConfig", "hostname", "subdomain", "runtimeClassName", "enableServiceLinks"),
)
_OURS: Final = f"k.startsWith({quoted(f'{PROJECT}/')})"
_LABELS: Final = f"dyn({given('object.metadata', 'labels', '{}')})"
_TEMPLATE_LABELS: Final = f"dyn({given(f'{_TEMPLATE}.metadata', 'labels', '{}')})"

RULES: Final = (
    Rule(
        "containers",
        "I3",
        "a pod has the containers of its Deployment, and no other:",
        all_of(
            *(
                f"{items('object.spec', part)}.map(c, c.name) == {items(f'{_TEMPLATE}.spec', part)}.map(c, c.name)"
                for part in ("containers", "initContainers")
            ),
            f"{items('object.spec', 'ephemeralContainers')}.size() == 0",
        ),
        f"{_RUNNING}.map(c, c.name).join(', ')",
    ),
    _containers("image", "I8", "a container has the image of its Deployment:", ["image"]),
    _containers(
        "command",
        "I3",
        "a container runs what its Deployment says:",
        ["command", "args", "workingDir", "lifecycle", "restartPolicy", "stdin", "tty"],
    ),
    _containers("environment", "I3", "a container has the variables of its Deployment:", ["env", "envFrom"]),
    _containers("mounts", "I3", "a container mounts what its Deployment says:", ["volumeMounts", "volumeDevices"]),
    _containers(
        "probes",
        "I1",
        "a container has the ports and probes of its Deployment:",
        ["ports", "startupProbe", "readinessProbe", "livenessProbe"],
    ),
    _containers(
        "security",
        "I2",
        "a container has the security context of its Deployment:",
        [f"securityContext.{one}" for one in _SECURITY],
    ),
    Rule(
        "volumes",
        "I3",
        "a pod has the volumes of its Deployment:",
        f"dyn({items('object.spec', 'volumes')}) == dyn({items(f'{_TEMPLATE}.spec', 'volumes')})",
        f"{items('object.spec', 'volumes')}.map(v, v.name).join(', ')",
    ),
    Rule(
        "pod",
        "I2",
        f"a pod has these fields of its Deployment: {', '.join(_POD_FIELDS)}; and its security context",
        all_of(
            *(
                f"dyn({optional('object.spec', field)}) == dyn({optional(f'{_TEMPLATE}.spec', field)})"
                for field in (*_POD_FIELDS, *(f"securityContext.{one}" for one in _POD_SECURITY))
            )
        ),
    ),
    Rule(
        "labels",
        "I6",
        "a pod has the stack's labels as its Deployment has them: NetworkPolicies select by them",
        all_of(
            f"{_TEMPLATE_LABELS}.all(k, {_LABELS}[?k] == {_TEMPLATE_LABELS}[?k])",
            f"{_LABELS}.all(k, !{_OURS} || {_LABELS}[?k] == {_TEMPLATE_LABELS}[?k])",
        ),
    ),
)

DECLARED: Final = Guard(
    "declared",
    [Kinds("", ["pods"], ["CREATE"])],
    RULES,
    variables={
        "declared": f"dyn({items(f'{_TEMPLATE}.spec', 'initContainers')}) + dyn({_TEMPLATE}.spec.containers)",
        "running": f"dyn({items('object.spec', 'initContainers')}) + dyn(object.spec.containers)",
    },
    deployment=True,
)

FORWARD: Final = Guard(
    "forward",
    [Kinds("", ["pods/portforward"], ["CONNECT"])],
    [
        Rule(
            "sidecar",
            "I1",
            "a gateway in a tailnet is reached through it; port-forward is for those who may change the guard",
            f"{given(f'{_TEMPLATE}.metadata', 'labels', '{}')}[?{quoted(LABEL_SIDECAR)}].orValue('') != 'true'",
        )
    ],
    audience="others",
    deployment=True,
)
