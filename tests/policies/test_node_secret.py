"""Every way in which the container of a node could be given a secret (I4)."""

import pytest

from tests.support.policy_cases import DEPLOYMENT, SPEC, Props, container, deployment, pod, run

SECRET = {"name": "x", "secret": {"secretName": "gateway-token"}}
PROJECTED = {"name": "x", "projected": {"sources": [{"secret": {"name": "gateway-token"}}]}}
MOUNT = [{"name": "x", "mountPath": "/x"}]
AT = f"{SPEC}.containers[0]"


@pytest.mark.parametrize(
    ("fields", "volumes", "path"),
    [
        ({"env": [{"name": "OPENCLAW_GATEWAY_PASSWORD", "value": "word"}]}, [], f"{AT}.env[0]"),
        ({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}, [], f"{AT}.env[0]"),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, [], f"{AT}.envFrom[0].secretRef"),
        ({"volumeMounts": MOUNT}, [SECRET], f"{AT}.volumeMounts[0]"),
        ({"volumeMounts": MOUNT}, [PROJECTED], f"{AT}.volumeMounts[0]"),
    ],
)
def test_i4_no_form_of_it_reaches_the_commands(fields: Props, volumes: list[Props], path: str) -> None:
    (message,) = run("I4 node_secret", DEPLOYMENT, deployment(pod(container("node", **fields), volumes=volumes)))
    assert f"({path})" in message
    assert "word" not in message
    other = deployment(pod(container("gateway", **fields), volumes=volumes))
    assert run("I4 node_secret", DEPLOYMENT, other) == []
