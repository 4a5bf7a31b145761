"""What reaches into a stack's namespaces from outside them: roles for their accounts, volumes of a Kubernetes node (I2, I5)."""

from collections.abc import Sequence

from components.admission.cel import NOTHING, Cel, any_of, given, quoted
from components.admission.objects import no_subject
from components.admission.rule import Guard, Kinds, Rule


def _known(namespaces: Sequence[str]) -> Cel:
    """A map, in which a name is found at once: the rules judge every binding of the cluster."""
    return "{" + ", ".join(f"{quoted(name)}: 1" for name in namespaces) + "}"


def accounts(namespaces: Sequence[str]) -> Guard:
    """No role anywhere for a service account of these namespaces."""
    subject = any_of(
        f"s.kind == 'ServiceAccount' && {given('s', 'namespace', NOTHING)} in variables.ours",
        # The same by its name as a user, and all of a namespace as a group.
        "s.name.matches('^system:serviceaccounts?:') && s.name.split(':')[2] in variables.ours",
    )
    return Guard(
        "accounts",
        [Kinds("rbac.authorization.k8s.io", ["clusterrolebindings", "rolebindings"])],
        [no_subject("a gateway's service account has no role, in no namespace:", subject)],
        scope="cluster",
        variables={"ours": _known(namespaces)},
    )


def volumes(namespaces: Sequence[str]) -> Guard:
    """No directory of a Kubernetes node as a volume of these namespaces, but by a program that provisions storage."""
    return Guard(
        "volumes",
        [Kinds("", ["persistentvolumes"])],
        [
            Rule(
                "host-path",
                "I2",
                "a person's volume for a gateway is no directory of a Kubernetes node",
                "request.userInfo.?username.orValue('').startsWith('system:serviceaccount:') || "
                f"!({given('object.spec', 'claimRef.namespace', NOTHING)} in variables.ours) || "
                "!(has(object.spec.hostPath) || has(object.spec.local))",
            )
        ],
        scope="cluster",
        variables={"ours": _known(namespaces)},
        audience="others",
    )
