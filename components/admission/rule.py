"""Rules of the admission guard as data, and the objects of the API that put them in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from components import names
from components.admission.cel import Cel, quoted
from components.constants import LABEL_STACK
from components.manifest import Manifest, metadata

Mode = Literal["deny", "warn", "audit"]
# A warning alone would be seen by nobody but the client.
ACTIONS: Final[Mapping[Mode, list[str]]] = {"deny": ["Deny"], "warn": ["Warn", "Audit"], "audit": ["Audit"]}
WRITES: Final = ("CREATE", "UPDATE")
# A verb of ours: whoever has it on the guard's policies may try, by dry runs, what only who may change the guard may do.
PREVIEW_VERB: Final = "preview"

# The control plane: what it does here follows from objects that were judged when they were written.
_CONTROL_PLANE: Final = (
    "request.userInfo.?groups.orValue([]).exists(g, g in ['system:nodes', 'system:serviceaccounts:kube-system']) || "
    "request.userInfo.?username.orValue('') in ['system:kube-controller-manager', 'system:kube-scheduler']"
)


@dataclass(frozen=True)
class Kinds:
    """Resources of one API group, and the operations on them."""

    group: str
    resources: Sequence[str]
    operations: Sequence[str] = WRITES

    def manifest(self, scope: str) -> Manifest:
        """As a policy has it; `scope` is that of the resources."""
        return {
            "apiGroups": [self.group],
            "apiVersions": ["*"],
            "operations": list(self.operations),
            "resources": list(self.resources),
            "scope": scope,
        }


@dataclass(frozen=True)
class Rule:
    """One rule. `holds` is true for what is admitted; `detail` is an expression for a text that tells what broke it."""

    name: str
    invariant: str
    message: str
    holds: Cel
    detail: Cel | None = None

    @property
    def said(self) -> str:
        """The message, with its invariant."""
        return f"{self.invariant}: {self.message}"

    def manifest(self) -> Manifest:
        """As a policy has it."""
        validation: Manifest = {"expression": self.holds, "message": self.said, "reason": "Forbidden"}
        if self.detail is not None:
            validation["messageExpression"] = f"{quoted(self.said)} + ' ' + {self.detail}"
        return validation


@dataclass(frozen=True)
class Guard:
    """The rules about some kinds.

    `scope` is where: in the stack's namespaces, for objects with the stack's label, or in the whole cluster. `audience`
    is who is judged: anyone, or others than the control plane and those who may change the guard, who could as well
    remove it. `always`: in force in every mode.
    """

    part: str
    kinds: Sequence[Kinds]
    rules: Sequence[Rule]
    scope: Literal["namespaces", "labelled", "cluster"] = "namespaces"
    audience: Literal["anyone", "others"] = "anyone"
    when: Cel | None = None
    variables: Mapping[str, Cel] = field(default_factory=dict[str, Cel])
    always: bool = False

    def policy(self, stack: str) -> Manifest:
        """The ValidatingAdmissionPolicy."""
        conditions: list[Manifest] = []
        if self.when is not None:
            conditions.append({"name": "when", "expression": self.when})
        if self.audience == "others":
            conditions.append({"name": "others", "expression": f"!({_CONTROL_PLANE} || {may_change_guard(stack)})"})
        # A selector of namespaces never keeps a policy from what is in none: nodes, volumes, classes of everybody.
        resources = "Namespaced" if self.scope == "namespaces" else "*"
        spec: Manifest = {
            "failurePolicy": "Fail",
            "matchConstraints": {
                **self._where(stack),
                "resourceRules": [kinds.manifest(resources) for kinds in self.kinds],
            },
            "validations": [rule.manifest() for rule in self.rules],
        }
        if conditions:
            spec["matchConditions"] = conditions
        if self.variables:
            spec["variables"] = [{"name": name, "expression": cel} for name, cel in self.variables.items()]
        return {"metadata": self._metadata(stack), "spec": spec}

    def binding(self, stack: str, mode: Mode) -> Manifest:
        """The ValidatingAdmissionPolicyBinding that puts the policy in force, for all that it constrains."""
        spec: Manifest = {
            "policyName": self.name(stack),
            "validationActions": ACTIONS["deny" if self.always else mode],
            "matchResources": self._where(stack),
        }
        return {"metadata": self._metadata(stack), "spec": spec}

    def name(self, stack: str) -> str:
        """The name of its objects: they are cluster-wide, so each stack has its own."""
        return f"{names.guard(stack)}-{self.part}"

    def _metadata(self, stack: str) -> Manifest:
        return metadata(None, {LABEL_STACK: stack}, self.name(stack))

    def _where(self, stack: str) -> Manifest:
        selector: Manifest = {"matchLabels": {LABEL_STACK: stack}}
        inside = selector if self.scope == "namespaces" else {}
        # Whatever carries the label before or after the update.
        labelled = selector if self.scope == "labelled" else {}
        return {"matchPolicy": "Equivalent", "namespaceSelector": inside, "objectSelector": labelled}


def may_change_guard(stack: str) -> Cel:
    """True when the request comes from somebody who may change the guard: the stack's own program, an administrator. A dry run
    may also come from an account that previews: it keeps nothing, so it need not have the right to change the guard.
    """
    policy = (
        "authorizer.group('admissionregistration.k8s.io').resource('validatingadmissionpolicies')"
        f".name({quoted(f'{names.guard(stack)}-pods')})"
    )
    previews = f"request.?dryRun.orValue(false) && {policy}.check({quoted(PREVIEW_VERB)}).allowed()"
    return f"{policy}.check('patch').allowed() || ({previews})"
