"""The plan and the progress that recorded events of the real engine tell."""

import pytest

from addons.changes.events import Operation, Progress, planned
from tests.support.engine_events import events

SAMPLES = ("preview-disable", "preview-enable", "preview-hostname", "preview-rotate")


def test_a_plan_has_each_resource_once_in_order() -> None:
    plan = planned(events("preview-disable"))
    assert [(step.operation, step.name) for step in plan.steps][:3] == [
        ("update", "policy"),
        ("update", "home-namespace"),
        ("update", "home-network"),
    ]
    assert len({(step.type, step.name) for step in plan.steps}) == len(plan.steps) == 12
    assert [step.operation for step in plan.steps if step.name == "home-config"] == ["replace"]
    assert plan.templates == {"home-gateway"}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_plan_names_properties_and_no_values(sample: str) -> None:
    for step in planned(events(sample)).steps:
        assert not [key for key in step.keys if "\n" in key or len(key) > 90]


def test_a_plan_has_the_access_before_and_after() -> None:
    plan = planned(events("preview-disable"))
    assert [(row["subject"], row["gateway"]) for row in plan.before["access"]] == [
        ("alice@example.com", "home"),
        ("bob@example.com", "home"),
        ("bob@example.com", "guest"),
    ]
    assert [(row["subject"], row["gateway"]) for row in plan.after["access"]] == [("bob@example.com", "guest")]


def test_progress_counts_what_was_planned_and_ends_with_all_of_it() -> None:
    plan = planned(events("preview-disable"))
    progress = Progress(plan.operations)
    counts: list[int] = []
    said: list[str] = []
    for event in events("up-disable"):
        words = progress.heard(event)
        counts.append(len(progress.done))
        said += [words] if words else []
    assert progress.total == len(plan.operations) == 14
    assert counts == sorted(counts)
    assert progress.done == plan.operations
    assert progress.waiting() is None
    assert "Deployment home-gateway is changed" in said
    assert "ConfigMap home-config is there, in the place of the old one" in said
    assert "Auth key home-authkey is gone" in said
    assert len(said) == len(set(said))


def test_a_pod_is_waited_for_from_its_beginning_to_its_end() -> None:
    progress = Progress(frozenset())
    waited: list[bool] = []
    for event in events("up-disable"):
        progress.heard(event)
        waited.append(progress.waiting() is not None)
    assert any(waited)
    assert not waited[-1]
    assert progress.total == len(progress.done)


def test_an_operation_is_named_by_its_urn() -> None:
    urn = "urn:pulumi:prod::openclaw-tailnet::openclaw:tailnet:Topology$kubernetes:apps/v1:Deployment::home-gateway"
    one = Operation("update", urn)
    assert (one.name, one.type, one.is_pod) == ("home-gateway", "kubernetes:apps/v1:Deployment", True)
