"""Volumes for claims."""

from pathlib import Path

import pytest

from sandbox import control_plane, provisioner
from sandbox.kube import Object


def _claim(**spec: object) -> Object:
    return {
        "metadata": {"name": "c", "namespace": "n", "uid": "u", "annotations": {provisioner.SELECTED_NODE: "node-1"}},
        "spec": {
            "storageClassName": "sandbox",
            "accessModes": ["ReadWriteOncePod"],
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
    }


def test_a_claim_gets_a_volume_on_its_node_with_its_modes() -> None:
    volume = provisioner.wanted_volume(_claim(), Path("/volumes"))
    assert volume is not None
    spec = volume["spec"]
    assert spec["accessModes"] == ["ReadWriteOncePod"]
    assert spec["local"] == {"path": "/volumes/pvc-u"}
    assert spec["claimRef"]["uid"] == "u"
    expression = spec["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]
    assert expression["values"] == ["node-1"]


@pytest.mark.parametrize("spec", [{"storageClassName": "other"}, {"volumeName": "pvc-u"}])
def test_claims_of_others_and_bound_ones_get_none(spec: dict[str, str]) -> None:
    assert provisioner.wanted_volume(_claim(**spec), Path("/volumes")) is None


def test_a_claim_waits_for_the_scheduler() -> None:
    claim = _claim()
    claim["metadata"]["annotations"] = {}
    assert provisioner.wanted_volume(claim, Path("/volumes")) is None


@pytest.mark.parametrize(("has", "grows"), [("512Mi", "1Gi"), ("1Gi", None), ("2Gi", None)])
def test_a_claim_grows_but_never_shrinks(has: str, grows: str | None) -> None:
    claim = _claim(volumeName="pvc-u") | {"status": {"phase": "Bound", "capacity": {"storage": has}}}
    assert provisioner.growth(claim) == grows


@pytest.mark.parametrize(
    ("phase", "policy", "by", "gone"),
    [
        ("Released", "Delete", control_plane.PROVISIONER, True),
        ("Bound", "Delete", control_plane.PROVISIONER, False),
        ("Released", "Retain", control_plane.PROVISIONER, False),
        ("Released", "Delete", "somebody-else", False),
    ],
)
def test_only_our_released_volumes_are_deleted(phase: str, policy: str, by: str, gone: bool) -> None:
    volume: Object = {
        "metadata": {"annotations": {provisioner.PROVISIONED_BY: by}},
        "spec": {"persistentVolumeReclaimPolicy": policy},
        "status": {"phase": phase},
    }
    assert provisioner.released(volume) is gone


@pytest.mark.parametrize(("quantity", "size"), [("1Gi", 2**30), ("64Mi", 2**26), ("10", 10), ("1.5k", 1500)])
def test_sizes_are_read(quantity: str, size: int) -> None:
    assert provisioner.size(quantity) == size
