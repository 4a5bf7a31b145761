"""What people are told that an update does."""

from typing import TYPE_CHECKING, Any

from gitops.explain import changes
from gitops.model import Changes
from tests.support.engine_events import event, events

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent

CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def stack(before: dict[str, Any], after: dict[str, Any]) -> "EngineEvent":
    kind = "pulumi:pulumi:Stack"
    urn = f"urn:pulumi:s::p::{kind}::p-s"
    sides = {
        side: {"type": kind, "urn": urn, "outputs": outputs} for side, outputs in (("old", before), ("new", after))
    }
    return event({"resOutputsEvent": {"metadata": {"op": "same", "urn": urn, "type": kind, **sides}}})


def step(op: str, type: str, name: str, **metadata: Any) -> "EngineEvent":
    urn = f"urn:pulumi:s::p::{type}::{name}"
    return event({"resourcePreEvent": {"metadata": {"op": op, "urn": urn, "type": type, **metadata}}})


def gateways(**addresses: str) -> dict[str, Any]:
    return {"instances": {name: {"address": address} for name, address in addresses.items()}}


def told(of: Changes, sort: str) -> list[str]:
    return [one.says for one in of.consequences if one.sort == sort]


def test_a_gateway_that_is_switched_off_restarts_and_people_lose_access() -> None:
    found = changes(events("preview-disable"))
    assert told(found, "restarts") == [
        "The gateway home restarts: about 20 s without an answer, up to 40 s on a small machine. "
        "Work that its agent is doing is finished first."
    ]
    assert found.access.lost == ("alice@example.com and bob@example.com can no longer reach home through the tailnet.",)
    assert found.access.gained == ()


def test_a_gateway_that_is_switched_on_is_gained() -> None:
    found = changes(events("preview-enable"))
    assert found.access.gained == ("alice@example.com and bob@example.com can reach home through the tailnet.",)


def retained(name: str, retain: bool = True) -> "EngineEvent":
    return step("delete", CLAIM, name, old={"type": CLAIM, "urn": "", "retainOnDelete": retain})


def test_a_rename_is_a_new_gateway_and_says_how_to_avoid_that() -> None:
    found = changes(
        [
            step("create", DEPLOYMENT, "house-gateway"),
            step("delete", DEPLOYMENT, "home-gateway"),
            retained("home-gateway-home"),
            stack(gateways(home="https://a"), gateways(house="https://b")),
        ]
    )
    [warning] = told(found, "warning")
    assert warning.startswith("home is not renamed to house: an id names everything of a gateway")
    assert "an empty home, another token, another device and address" in warning
    assert "keep `id: home` and set its `tailscale.hostname`" in warning
    assert told(found, "created") == ["The gateway house is new. It answers at https://b."]
    [gone] = told(found, "deleted")
    assert "both volumes stay in the cluster" in gone
    assert told(found, "restarts") == [], "one that is new or gone does not restart"


def test_volumes_that_go_are_a_warning() -> None:
    found = changes([retained("home-gateway-home", False), stack(gateways(home="https://a"), gateways())])
    assert told(found, "warning") == ["The volume home-gateway-home is deleted: data is lost."]
    assert told(found, "deleted") == [
        "The gateway home is removed: it answers nobody any more. Its volumes are deleted with everything on them."
    ]


def test_another_address_is_said() -> None:
    found = changes([stack(gateways(home="https://a"), gateways(home="https://b"))])
    assert told(found, "warning") == [
        "https://a stops answering; https://b answers instead. Bookmarks and clients need the new one."
    ]
    assert found.nothing


def test_a_new_token_is_said() -> None:
    found = changes([step("replace", "random:index/randomBytes:RandomBytes", "home-token", keys=["keepers"])])
    assert told(found, "warning") == ["The token of home is made anew: everybody needs the new one."]


def test_another_pod_restarts_by_its_own_name() -> None:
    diff = {"spec.template.spec": {"diffKind": "update"}}
    found = changes([step("update", DEPLOYMENT, "node-build-host", detailedDiff=diff)])
    assert told(found, "restarts") == ["The pod of node-build-host restarts."]
