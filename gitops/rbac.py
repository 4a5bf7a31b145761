"""The two accounts of a pipeline as manifests: one that can preview and nothing else, one that can apply to its own stack.

A server-side preview is a dry run, and Kubernetes wants the same right for it as for the write itself (pulumi-kubernetes#2213).
So the rights of a preview are those to write, and an admission policy lets its account write nothing that is kept.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from components import names
from components.admission import guards
from components.admission.rule import PREVIEW_VERB
from components.constants import LABEL_STACK, PIPELINE_NAMESPACE
from components.ownership import namespaced
from components.settings import SettingsError
from components.settings.load import parse
from engine.directory import StackDirectory
from gitops.errors import GitopsError
from gitops.stack_config import stack_config

Manifest = dict[str, Any]

# Where the accounts are; no namespace of a gateway may hold one that has rights (I5).
NAMESPACE: Final = PIPELINE_NAMESPACE
_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"
_GUARDS: Final = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
# What may be read in the whole cluster by name: shapes, no content. Secrets and ConfigMaps only in the stack's namespaces.
_SHAPES: Final = (("apps", "deployments"), ("networking.k8s.io", "networkpolicies"))
_CONTENT: Final = ("configmaps", "secrets")
_DRY: Final = ("create", "patch")
_KEPT: Final = ("create", "patch", "delete")
_IN_ITS_NAMESPACES: Final = (
    f"namespaceObject == null || namespaceObject.metadata.?labels[?'{LABEL_STACK}'].orValue('') == '%s'"
)


def document(stack: StackDirectory) -> str:
    """Everything as one YAML text. Raises GitopsError for a configuration that cannot be used."""
    try:
        settings = parse(stack_config(stack).values)
    except SettingsError as error:
        problem = "; ".join(str(one) for one in error.problems[:3])
        raise GitopsError(f"the configuration of {stack.stack} cannot be used: {problem}", "Change it first") from None
    namespaces = [one.namespace for _, one in namespaced(settings)]
    return yaml.safe_dump_all(manifests(names.stack(stack.stack.rpartition("/")[2]), namespaces), sort_keys=False)


def manifests(stack: str, namespaces: Sequence[str]) -> list[Manifest]:
    """The manifests for a stack by its name in labels, whose gateways and nodes have these namespaces."""
    listed = [_namespace(NAMESPACE, {})]
    # A role is in a namespace that is there: the stack takes it over by its label, as it does one that was kept.
    listed += [_namespace(name, {LABEL_STACK: stack}) for name in sorted(set(namespaces))]
    for part, rules in (("preview", _preview_rules(stack)), ("apply", _apply_rules(stack))):
        listed += _account(stack, part, rules, sorted(set(namespaces)))
    return [
        *listed,
        *_limit(stack, "preview", _preview_limits(stack)),
        *_limit(stack, "apply", _apply_limits(stack)),
    ]


def account(stack: str, part: str) -> str:
    """The service account's name."""
    return f"{stack}-{part}"


def _preview_rules(stack: str) -> Iterator[Manifest]:
    yield _rule("", ["namespaces", "persistentvolumeclaims"], ["get", "list", *_DRY])
    for group, resource in _SHAPES:
        yield _rule(group, [resource], ["get", *_DRY])
    yield _rule("", _CONTENT, _DRY)
    # No right to write the guard, not even by a dry run: the API server holds no admission policy against admission policies.
    yield {**_rule(_ADMISSION, _GUARDS, ["get"]), "resourceNames": _guard_names(stack)}
    yield {**_rule(_ADMISSION, _GUARDS[:1], [PREVIEW_VERB]), "resourceNames": _guard_names(stack)}
    yield _rule("storage.k8s.io", ["storageclasses"], ["get"])


def _apply_rules(stack: str) -> Iterator[Manifest]:
    yield _rule("", ["namespaces", "persistentvolumeclaims"], ["get", "list", "watch", *_KEPT])
    for group, resource in _SHAPES:
        yield _rule(group, [resource], ["get", "list", "watch", *_KEPT])
    yield _rule("", _CONTENT, _KEPT)
    yield {**_rule(_ADMISSION, _GUARDS, ["get", *_KEPT]), "resourceNames": _guard_names(stack)}
    yield _rule("storage.k8s.io", ["storageclasses"], ["get"])
    # What a Deployment that does not get ready is explained by.
    yield _rule("apps", ["replicasets"], ["get", "list", "watch"])
    yield _rule("", ["pods", "events"], ["get", "list", "watch"])


def _account(stack: str, part: str, rules: Iterator[Manifest], namespaces: Sequence[str]) -> Iterator[Manifest]:
    name, role = account(stack, part), _cluster_name(stack, part)
    subject = {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "automountServiceAccountToken": False,
    }
    yield _object("ClusterRole", {"name": role}, rules=[*rules])
    yield _object("ClusterRoleBinding", {"name": role}, roleRef=_role_ref("ClusterRole", role), subjects=[subject])
    for namespace in namespaces:
        place = {"name": role, "namespace": namespace}
        yield _object("Role", place, rules=[_rule("", _CONTENT, ["get"])])
        yield _object("RoleBinding", place, roleRef=_role_ref("Role", role), subjects=[subject])


def _preview_limits(stack: str) -> list[Manifest]:
    return [
        {"expression": "request.?dryRun.orValue(false)", "message": "this account previews: it writes nothing"},
        {"expression": _IN_ITS_NAMESPACES % stack, "message": "this account previews its own stack"},
    ]


def _apply_limits(stack: str) -> list[Manifest]:
    own = f".metadata.?labels[?'{LABEL_STACK}'].orValue('') == '{stack}'"
    namespace = "request.resource.resource != 'namespaces'"
    return [
        {"expression": _IN_ITS_NAMESPACES % stack, "message": "this account writes in the namespaces of its own stack"},
        {
            "expression": f"{namespace} || (object != null && object{own}) || (oldObject != null && oldObject{own})",
            "message": "this account makes and removes namespaces of its own stack",
        },
    ]


def _limit(stack: str, part: str, validations: Sequence[Manifest]) -> Iterator[Manifest]:
    """What the API server holds against the account, whatever its roles say."""
    name = _cluster_name(stack, part)
    user = f"system:serviceaccount:{NAMESPACE}:{account(stack, part)}"
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"], "scope": "*"}
    yield {
        "apiVersion": f"{_ADMISSION}/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "matchConditions": [{"name": "account", "expression": f"request.userInfo.username == '{user}'"}],
            "validations": [{**one, "reason": "Forbidden"} for one in validations],
        },
    }
    yield {
        "apiVersion": f"{_ADMISSION}/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }


def _namespace(name: str, labels: Manifest) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _guard_names(stack: str) -> list[str]:
    return [guard.name(stack) for guard in guards([])]


def _cluster_name(stack: str, part: str) -> str:
    return f"openclaw-gitops-{stack}-{part}"


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Manifest:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _role_ref(kind: str, name: str) -> Manifest:
    return {"apiGroup": _RBAC, "kind": kind, "name": name}


def _object(kind: str, metadata: Manifest, **fields: Any) -> Manifest:
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata, **fields}
