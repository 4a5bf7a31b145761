"""Secrets of somebody else's that the gateway reads: their change rolls the pod where that is asked for, and only there."""

import base64
import json

import pytest

from tests.support.engine_world import Cluster, MakeStack, Stack, Tailnet, instance, steps

NAMESPACE = "openclaw-reader"
VALUE = "value-of-somebody-else-0123456789"
READER = instance("reader", tailscale={"enabled": False})


def reading(roll: bool) -> dict[str, object]:
    return {**READER, "gateway": {"secretsFrom": [{"name": "theirs", "roll": roll}]}}


@pytest.fixture(scope="module")
def reader(stack: MakeStack, tailnet: Tailnet, cluster: Cluster) -> Stack:
    """A stack whose namespace has a Secret that another program wrote."""
    new_stack = stack("reader", owned=True)
    new_stack.up(READER)
    write(cluster, VALUE)
    return new_stack


def write(cluster: Cluster, value: str) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "theirs"},
        "data": {"THEIR_TOKEN": base64.b64encode(value.encode()).decode()},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    if cluster.get(f"{path}/theirs"):
        cluster.merge(f"{path}/theirs", {"data": manifest["data"]})
    else:
        assert cluster.create(path, manifest)


def test_a_change_of_it_rolls_the_pod_only_where_that_is_asked_for(reader: Stack, cluster: Cluster) -> None:
    reader.up(reading(roll=False))
    write(cluster, f"{VALUE}-2")
    assert steps(reader.up(reading(roll=False))) == {}

    assert "reader-gateway" in steps(reader.up(reading(roll=True)))
    assert steps(reader.preview(reading(roll=True))) == {}
    # Metadata of another's making is no change of content.
    cluster.merge(f"/api/v1/namespaces/{NAMESPACE}/secrets/theirs", {"metadata": {"annotations": {"seen": "today"}}})
    assert steps(reader.up(reading(roll=True))) == {}
    write(cluster, f"{VALUE}-3")
    assert steps(reader.up(reading(roll=True))) == {"reader-gateway": "update"}
    # Theirs still: it goes neither with the setting nor with the instance.
    reader.up(reading(roll=False))
    assert cluster.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/theirs")


def test_i4_its_content_is_kept_encrypted_and_shown_nowhere(reader: Stack, cluster: Cluster) -> None:
    write(cluster, VALUE)
    result = reader.up(reading(roll=True))
    events = "\n".join(str(event) for event in result.events)
    declared = json.dumps(cluster.one("Deployment", NAMESPACE, "openclaw"))
    for text in (reader.state_file.read_text(), result.output, events, declared):
        for form in (VALUE, base64.b64encode(VALUE.encode()).decode().rstrip("=")):
            assert form not in text


def test_one_that_is_not_there_ends_the_preview_with_its_name(reader: Stack) -> None:
    absent = {**READER, "gateway": {"secretsFrom": [{"name": "absent", "roll": True}]}}
    with pytest.raises(Exception, match="absent"):
        reader.preview(absent)
