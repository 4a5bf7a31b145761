"""Secrets, claims and bindings in a stack's namespaces: what none of them may be, whoever writes it (I3, I5)."""

from typing import Final

from components.admission.cel import NOTHING, Cel, all_of, among, any_of, breaking, each, given, items, quoted
from components.admission.rule import Guard, Kinds, Rule
from components.constants import PIPELINE_NAMESPACE
from components.names import Names

SECRETS: Final = Guard(
    "secrets",
    [Kinds("", ["secrets"])],
    [
        Rule(
            "token",
            "I5",
            "a Secret of this type holds a token of a service account that never expires",
            f"{given('object', 'type', NOTHING)} != 'kubernetes.io/service-account-token'",
        )
    ],
)


def _source(field: str) -> Cel:
    return given("object.spec", field, "''")


CLAIMS: Final = Guard(
    "claims",
    [Kinds("", ["persistentvolumeclaims"], ["CREATE"])],
    [
        Rule(
            "clone",
            "I3",
            "a claim that copies another one would carry the device's identity, or the gateway's data, elsewhere",
            all_of(
                *(
                    f"{_source(f'{source}.kind')} != 'PersistentVolumeClaim'"
                    for source in ("dataSource", "dataSourceRef")
                ),
                f"{_source('dataSourceRef.namespace')} == ''",
            ),
        ),
        Rule(
            "name",
            "I3",
            f"the claims of a gateway are {Names.home_claim} and {Names.tailnet_claim}",
            among("object.metadata.name", (Names.home_claim, Names.tailnet_claim)),
        ),
    ],
)


def no_subject(says: str, forbidden: Cel) -> Rule:
    """No subject `s` of a binding for which `forbidden` holds."""
    subjects, allowed = items("object", "subjects"), f"!({forbidden})"
    return Rule("subjects", "I5", says, each(subjects, allowed, "s"), breaking(subjects, allowed, "s", "s.name"))


_PIPELINE: Final = f"{given('s', 'namespace', NOTHING)} == {quoted(PIPELINE_NAMESPACE)}"
_ACCOUNT: Final = any_of(f"s.kind == 'ServiceAccount' && !({_PIPELINE})", "s.name.startsWith('system:')")
BINDINGS: Final = Guard(
    "bindings",
    [Kinds("rbac.authorization.k8s.io", ["rolebindings"])],
    [no_subject("roles here are for people and their groups, and for no service account but a pipeline's:", _ACCOUNT)],
)
