"""What the events of previews say: recorded ones of the real engine, and small ones for what those do not have."""

from typing import TYPE_CHECKING, Any

from gitops.events import access_said, diagnostics, images, rulings, things, warnings
from gitops.model import Image, Ruling, Thing
from tests.support.engine_events import event, events

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def step(op: str, type: str, name: str, **metadata: Any) -> "EngineEvent":
    urn = f"urn:pulumi:s::p::{type}::{name}"
    return event({"resourcePreEvent": {"metadata": {"op": op, "urn": urn, "type": type, **metadata}}})


def state(**fields: Any) -> dict[str, Any]:
    return {"type": "", "urn": "", **fields}


def said(severity: str, message: str, **fields: Any) -> "EngineEvent":
    return event({"diagnosticEvent": {"message": message, "color": "never", "severity": severity, **fields}})


def policy(rule: str, level: str, message: str) -> "EngineEvent":
    names = {"policyName": rule, "policyPackName": "pack", "policyPackVersion": "1", "policyPackVersionTag": ""}
    return event({"policyEvent": {"message": message, "color": "never", "enforcementLevel": level, **names}})


def test_resources_are_told_once_in_order_and_a_replacement_is_one() -> None:
    found = things(events("preview-disable"))
    assert [one.name for one in found["replaced"]] == ["home-config"]
    assert [one.name for one in found["updated"]] == ["home-gateway", "home-namespace", "policy"]
    assert [one.name for one in found["deleted"]] == sorted(
        [one.name for one in found["deleted"]],
        key=lambda name: next((one.type, one.name) for one in found["deleted"] if one.name == name),
    )
    assert "home-authkey" in {one.name for one in found["deleted"]}
    assert found["created"] == []


def test_components_are_no_resources() -> None:
    assert things([step("create", "openclaw:tailnet:Instance", "home"), step("same", DEPLOYMENT, "x")]) == {
        "created": [],
        "updated": [],
        "replaced": [],
        "deleted": [],
    }


def test_a_replacement_names_what_forces_it() -> None:
    diff = {"data.a": {"diffKind": "update-replace"}, "metadata.labels": {"diffKind": "update"}}
    [thing] = things([step("replace", "kubernetes:core/v1:ConfigMap", "config", detailedDiff=diff)])["replaced"]
    assert thing.keys == ("data.a",)
    [thing] = things([step("replace", "random:index/randomBytes:RandomBytes", "t", keys=["keepers"])])["replaced"]
    assert thing.keys == ("keepers",)


def test_what_is_retained_leaves_the_stack_only() -> None:
    claim = "kubernetes:core/v1:PersistentVolumeClaim"
    kept = step("delete", claim, "home", old=state(retainOnDelete=True))
    gone = step("delete", claim, "lab", old=state())
    assert things([kept, gone])["deleted"] == [Thing(type=claim, name="home", kept=True), Thing(type=claim, name="lab")]


def pod(**images: str) -> dict[str, Any]:
    containers = [{"name": name, "image": image} for name, image in images.items()]
    return state(
        inputs={"spec": {"template": {"spec": {"initContainers": containers[1:], "containers": containers[:1]}}}}
    )


def test_images_that_change_are_told_with_both_versions() -> None:
    changed = step(
        "update",
        DEPLOYMENT,
        "home-gateway",
        old=pod(gateway="g:1", tailscale="t:1"),
        new=pod(gateway="g:2", tailscale="t:1"),
    )
    added = step("create", DEPLOYMENT, "lab-gateway", new=pod(gateway="g:2"))
    same = step("same", DEPLOYMENT, "x", old=pod(gateway="g:1"), new=pod(gateway="g:2"))
    assert list(images([changed, added, same])) == [
        Image(workload="home-gateway", container="gateway", before="g:1", after="g:2"),
        Image(workload="lab-gateway", container="gateway", before="", after="g:2"),
    ]


def test_the_packs_words_come_by_rule_refusals_first_and_once() -> None:
    told = [
        policy("advice-x", "advisory", "advice: <{%reset%}>a\n"),
        policy("public", "mandatory", "Nothing is public.\nI1: b"),
    ]
    assert rulings([*told, told[1]]) == [
        Ruling(rule="public", mandatory=True, says="I1: b"),
        Ruling(rule="advice-x", mandatory=False, says="advice: a"),
    ]


def test_warnings_are_about_the_change_and_not_about_the_machine() -> None:
    told = [
        said("warning", "using pulumi-resource-kubernetes from $PATH at /usr/bin/x"),
        said("warning", "lab: reach tcp lets\n anybody in"),
        said("warning", "lab: reach tcp lets\n anybody in"),
        said("info", "no warning"),
        said("warning", "gone in a moment", ephemeral=True),
    ]
    assert warnings(told) == ["lab: reach tcp lets anybody in"]


def test_the_programs_words_on_access() -> None:
    gains = "Who gains and who loses access:\n  + bob may open gateway home (tcp 443)\n  - * may no longer open it\n"
    table = "Who has access after this:\n| a |\n|---|\nagent of home: guarded"
    told = diagnostics([said("info#err", gains), said("info", table), said("info", "something else")])
    assert access_said(told) == (
        ("+ bob may open gateway home (tcp 443)", "- * may no longer open it"),
        ("| a |", "|---|", "agent of home: guarded"),
    )
