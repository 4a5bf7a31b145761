"""Who owns what (I12): a stack never takes over an object of another stack, or of a person, and nobody moves a namespace."""

from typing import Final

from components.admission.cel import Cel, any_of, given, optional, quoted
from components.admission.rule import Guard, Kinds, Rule
from components.constants import ANNOTATION_HAND_OVER, LABEL_STACK


def _label(of: str) -> Cel:
    return f"{given(f'{of}.metadata', 'labels', '{}')}[?{quoted(LABEL_STACK)}].orValue('')"


def _annotation(of: str) -> Cel:
    return f"{given(f'{of}.metadata', 'annotations', '{}')}[?{quoted(ANNOTATION_HAND_OVER)}].orValue('')"


def _handed_over(holder: str) -> Cel:
    return f"{holder} != null && {_annotation(holder)} == variables.claimed"


_VARIABLES: Final = {"owner": _label("oldObject"), "claimed": _label("object")}
# An update that lays a label on an object is how a server-side apply takes over what is there already. Who hands a
# namespace over hands over what is in it.
_MAY_TAKE: Final = f"variables.claimed != '' && ({any_of(_handed_over('oldObject'), _handed_over('namespaceObject'))})"

OWNERSHIP: Final = Guard(
    "ownership",
    [
        Kinds("", ["namespaces", "persistentvolumeclaims", "secrets", "configmaps"], ["UPDATE"]),
        Kinds("apps", ["deployments"], ["UPDATE"]),
        Kinds("networking.k8s.io", ["networkpolicies"], ["UPDATE"]),
    ],
    [
        Rule(
            "label",
            "I12",
            "an object stays its owner's:",
            any_of("variables.owner == variables.claimed", _MAY_TAKE),
            "object.metadata.name + (variables.owner == '' ? ' was there before and belongs to no stack' : "
            f"' belongs to the stack ' + variables.owner) + ', so its label {LABEL_STACK} stays as it is. Give the instance "
            f"another namespace, or hand the object over: annotate it with {ANNOTATION_HAND_OVER}=' + "
            "(variables.claimed == '' ? 'STACK' : variables.claimed)",
        )
    ],
    scope="labelled",
    variables=_VARIABLES,
    # Two stacks in one cluster are held apart while one of them tries its rules out.
    always=True,
)

NAMESPACES: Final = Guard(
    "namespaces",
    [Kinds("", ["namespaces"], ["CREATE", "UPDATE", "DELETE"])],
    [
        Rule(
            "delete",
            "I10",
            "a namespace goes with its volumes: that is for those who may change the guard",
            "request.operation != 'DELETE'",
        ),
        Rule(
            "create",
            "I12",
            "only the stack itself makes namespaces of its own",
            "request.operation != 'CREATE'",
        ),
        Rule(
            "labels",
            "I12",
            "the labels of a stack's namespace are the stack's: they put the guard and Pod Security in force",
            any_of(
                "request.operation != 'UPDATE'",
                f"{optional('object.metadata', 'labels')} == {optional('oldObject.metadata', 'labels')}",
                _MAY_TAKE,
            ),
        ),
        Rule(
            "hand-over",
            "I12",
            f"only who may change the guard hands a namespace over ({ANNOTATION_HAND_OVER})",
            any_of(
                "request.operation != 'UPDATE'",
                f"{_annotation('object')} == {_annotation('oldObject')}",
            ),
        ),
    ],
    scope="labelled",
    audience="others",
    variables=_VARIABLES,
)
