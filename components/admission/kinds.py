"""Everything else that may come into a stack's namespaces: an allow-list of kinds, and of what may be done to them.

It judges others than the control plane and those who may change the guard: a person with the role `edit` or `admin`, a
program of the cluster. Whatever is the same for anyone has rules of its own.
"""

from typing import Final

from components.admission.cel import Cel, all_of, among, any_of, given, matches, optional, quoted
from components.admission.rule import Guard, Kinds, Rule
from components.constants import (
    ANNOTATION_HAND_OVER,
    GATEWAY_CONTAINER,
    LABEL_STACK,
    NODE_CONTAINER,
)

# By anybody with the rights: `group/resource`, and what else is said about them below.
_CORE: Final = (
    "configmaps",
    "secrets",
    "events",
    "pods",
    "pods/exec",
    "pods/attach",
    "pods/eviction",
)
ALLOWED: Final = (
    *(f"/{resource}" for resource in _CORE),
    *("events.k8s.io/events", "authorization.k8s.io/localsubjectaccessreviews"),
    *("apps/deployments", "apps/deployments/scale"),
    *("rbac.authorization.k8s.io/roles", "rbac.authorization.k8s.io/rolebindings"),
)
# By programs of other namespaces, which an administrator has let in: backup, networks, reports, pull secrets.
_PROGRAMS: Final = ("/serviceaccounts", "/persistentvolumeclaims", "coordination.k8s.io/leases")

_USER: Final = "request.userInfo.?username.orValue('')"
_SUB: Final = "request.?subResource.orValue('')"
_CREATED: Final = "request.operation == 'CREATE'"
_UPDATED: Final = "request.operation == 'UPDATE'"
_DELETED: Final = "request.operation == 'DELETE'"
_KIND: Final = "variables.kind"
_BUILT_IN: Final = "!request.resource.group.contains('.') || request.resource.group.endsWith('.k8s.io')"


def _label(of: str) -> Cel:
    return given(f"{of}.metadata", "labels", "{}") + f"[?{quoted(LABEL_STACK)}].orValue('')"


def _hand_over(of: str) -> Cel:
    return given(f"{of}.metadata", "annotations", "{}") + f"[?{quoted(ANNOTATION_HAND_OVER)}]"


def _kept(*fields: str) -> Cel:
    """True when an update leaves these fields as they are."""
    return all_of(*(f"{optional('object', field)} == {optional('oldObject', field)}" for field in fields))


def _if(condition: Cel, then: Cel) -> Cel:
    return f"!({condition}) || ({then})"


_NAME: Final = "object.?metadata.?name.orValue('')"
# As manifest.content_name makes them: one that is there already would stop the next update, or be taken for it.
_OUR_NAMES: Final = ".*-(tailnet-kek|tailnet-authkey|gateway-token|agent-secrets|config|serve|ca-bundle)-[0-9a-f]{10}"
_CONTENT: Final = ("data", "binaryData", "type", "immutable", "spec", "metadata.labels", "metadata.ownerReferences")
_RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
_ANNOTATIONS: Final = "spec.template.metadata.annotations"


def _annotated(of: str) -> Cel:
    return given(of, _ANNOTATIONS, "{}")


RULES: Final = (
    Rule(
        "tokens",
        "I5",
        "only the kubelet asks for tokens of a service account here",
        f"{_KIND} != '/serviceaccounts/token'",
    ),
    Rule(
        "pods",
        "I3",
        "pods come from the Deployment of the stack, and change with it. They may be deleted, not made or changed",
        _if(
            f"{_KIND} == '/pods'",
            any_of(
                _DELETED,
                all_of(
                    _UPDATED,
                    _kept("spec", "metadata.labels", "metadata.ownerReferences"),
                    any_of("!variables.person", _kept("metadata.annotations")),
                ),
            ),
        ),
    ),
    Rule(
        "debug",
        "I3",
        "an ephemeral container shares the gateway's loopback: it is for those who may change the guard",
        f"{_KIND} != '/pods/ephemeralcontainers'",
    ),
    Rule(
        "exec",
        "I3",
        f"exec and attach are for the containers {GATEWAY_CONTAINER} and {NODE_CONTAINER}; the others are for those who may "
        "change the guard",
        _if(
            among(_KIND, ("/pods/exec", "/pods/attach")),
            among("object.?container.orValue('')", ("", GATEWAY_CONTAINER, NODE_CONTAINER)),
        ),
    ),
    Rule(
        "forward",
        "I1",
        "port-forward leads past the tailnet, and past the login by it: it is for those who may change the guard",
        f"{_KIND} != '/pods/portforward'",
    ),
    Rule(
        "deployment",
        "I3",
        "the Deployment is the stack's: it may be restarted (kubectl rollout restart) and scaled to 0 or 1",
        _if(
            f"{_KIND} == 'apps/deployments'",
            all_of(
                _UPDATED,
                _kept(
                    *(f"spec.{field}" for field in ("selector", "strategy", "paused", "template.spec")),
                    *("spec.template.metadata.labels", "metadata.labels", "metadata.ownerReferences"),
                ),
                f"{_hand_over('object')} == {_hand_over('oldObject')}",
                "object.?spec.?replicas.orValue(1) <= 1",
                *(
                    f"{_annotated(one)}.all(k, k == '{_RESTARTED}' || {_annotated(other)}[?k] == {_annotated(one)}[?k])"
                    for one, other in (("object", "oldObject"), ("oldObject", "object"))
                ),
            ),
        ),
    ),
    Rule(
        "scale",
        "I10",
        "two pods would write one state",
        _if(f"{_KIND} == 'apps/deployments/scale'", "object.?spec.?replicas.orValue(0) <= 1"),
    ),
    Rule(
        "network",
        "I6",
        "NetworkPolicies are the stack's: each one more widens the others, and each one less too",
        f"!{_KIND}.endsWith('/networkpolicies')",
    ),
    Rule(
        "stack",
        "I12",
        "what carries the stack's label, or a name of its objects, is the stack's: nobody else makes, changes or deletes it:",
        any_of(
            f"{_KIND}.startsWith('/pods') || {_KIND}.startsWith('apps/') || {_KIND}.startsWith('events') || "
            "request.operation == 'CONNECT'",
            all_of(
                _if(
                    _CREATED,
                    any_of("object == null", all_of("variables.label == ''", f"!{matches(_NAME, _OUR_NAMES)}")),
                ),
                _if(_DELETED, "oldObject == null || variables.label_before == ''"),
                _if(
                    _UPDATED,
                    any_of(
                        "variables.label == '' && variables.label_before == ''",
                        all_of(_kept(*_CONTENT), f"{_hand_over('object')} == {_hand_over('oldObject')}"),
                    ),
                ),
            ),
        ),
        f"{_KIND} + ' ' + request.?name.orValue('')",
    ),
    Rule(
        "kind",
        "I1, I3, I5",
        "this kind has no place in a gateway's namespace, unless who may change the guard puts it there:",
        any_of(
            among(_KIND, ALLOWED),
            all_of("!variables.person", any_of(f"!({_BUILT_IN})", among(_KIND, _PROGRAMS))),
        ),
        _KIND,
    ),
)

KINDS: Final = Guard(
    "kinds",
    [Kinds("*", ["*/*"], ["*"])],
    RULES,
    audience="others",
    # What a controller reports is no change, and namespaces have rules of their own.
    when=f"{_SUB} != 'status' && request.resource.resource != 'namespaces'",
    variables={
        "kind": f"request.resource.group + '/' + request.resource.resource + ({_SUB} == '' ? '' : '/' + {_SUB})",
        # Service accounts of the namespace itself belong to whoever may write here.
        "person": f"!{_USER}.startsWith('system:serviceaccount:') || "
        f"{_USER}.startsWith('system:serviceaccount:' + request.?namespace.orValue('') + ':')",
        "label": _label("object"),
        "label_before": _label("oldObject"),
    },
)
