"""The schema check that every registered Kubernetes object goes through finds what mocks would accept."""

from typing import Any

import pytest

from tests.support.schema import problems

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": spec}}}


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"spec": {"replicaz": 1}}, "spec.replicaz: unknown key"),
        ({"spec": {"replicas": "1"}}, "spec.replicas: '1' is not a int"),
        ({"metadata": {"labels": {"a": 1}}}, "metadata.labels[a]: 1 is not a str"),
        ({"metadata": ["a"]}, "metadata: ['a'] is not an object"),
        (pod(hostNetwork=0), "spec.template.spec.hostNetwork: 0 is not a bool"),
        (
            pod(terminationGracePeriodSeconds=True),
            "spec.template.spec.terminationGracePeriodSeconds: True is not a int",
        ),
        (pod(containers=[{"port": 1}]), "spec.template.spec.containers[0].port: unknown key"),
        (pod(containers=[{"env": {"A": "b"}}]), "spec.template.spec.containers[0].env: {'A': 'b'} is not a list"),
        (
            pod(volumes=[{"secret": {"secret_name": "x"}}]),
            "spec.template.spec.volumes[0].secret.secret_name: unknown key",
        ),
    ],
)
def test_a_wrong_key_or_value_is_found(inputs: dict[str, Any], problem: str) -> None:
    assert problems(DEPLOYMENT, inputs) == [problem]


def test_a_right_one_is_not() -> None:
    assert (
        problems(DEPLOYMENT, pod(containers=[{"name": "a", "ports": [{"containerPort": 1}]}], hostNetwork=False)) == []
    )
