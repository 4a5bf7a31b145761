"""What a preview leaves behind, and what it says of one that came to nothing."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.directory import StackDirectory
from engine.errors import EngineError, StackLocked
from gitops.drift import drift
from gitops.errors import GitopsError
from gitops.model import Changes, Outcome, Summary, Thing
from gitops.preview import Files, preview
from tests.support.engine_events import event

STACK = "urn:pulumi:s::p::pulumi:pulumi:Stack::p-s"
SERVICE = "urn:pulumi:s::p::kubernetes:core/v1:Service::x"


class Failing(StackDirectory):
    """A stack whose preview ends with an error, after some events."""

    error: Exception
    events: tuple[Any, ...] = ()

    def preview(self, config: Path, plan: Path, on_event: Callable[[Any], None] = print, refresh: bool = False) -> Any:
        assert refresh, "what has drifted belongs into the plan"
        assert stat.S_IMODE(plan.stat().st_mode) == 0o600
        for one in type(self).events:
            on_event(event(one))
        raise type(self).error

    def updated_at(self) -> str:
        return ""


def failed(tmp_path: Path, error: Exception, *events: Any) -> Summary:
    (tmp_path / "Pulumi.yaml").write_text("name: p\n")
    kind = type("Kind", (Failing,), {"error": error, "events": events})
    files = Files(tmp_path / "out")
    summary = preview(kind(tmp_path, "s"), files)
    assert files.read() == summary
    assert not files.plan.exists()
    return summary


def diagnostic(message: str, urn: str) -> dict[str, Any]:
    return {"diagnosticEvent": {"message": message, "color": "never", "severity": "error", "urn": urn}}


def refusal(level: str) -> dict[str, Any]:
    names = {"policyName": "public", "policyPackName": "p", "policyPackVersion": "", "policyPackVersionTag": ""}
    return {"policyEvent": {"message": "I1: no", "color": "never", "enforcementLevel": level, **names}}


def test_a_refusal_of_the_pack_is_a_refusal_by_rule(tmp_path: Path) -> None:
    summary = failed(tmp_path, EngineError("preview", ["public: I1: no"], "", None), refusal("mandatory"))
    assert (summary.outcome, summary.problem) == (Outcome.REFUSED, "the policy pack refuses this change")
    assert [one.rule for one in summary.pack] == ["public"]


def test_a_refusal_of_the_program_is_one_too(tmp_path: Path) -> None:
    said = "instances[0].id: must be lower case"
    summary = failed(tmp_path, EngineError("preview", [said], "", None), diagnostic(said, STACK))
    assert (summary.outcome, summary.problem) == (Outcome.REFUSED, said)


def test_a_provider_that_fails_is_an_error(tmp_path: Path) -> None:
    error = EngineError("preview", ["no route", "preview failed"], "", None)
    summary = failed(
        tmp_path, error, refusal("advisory"), diagnostic("no route", SERVICE), diagnostic("preview failed", STACK)
    )
    assert (summary.outcome, summary.problem) == (Outcome.ERROR, "no route")
    assert failed(tmp_path, StackLocked("s", "pid 1")).outcome is Outcome.LOCKED


def test_an_earlier_plan_is_not_left_beside_a_newer_summary(tmp_path: Path) -> None:
    files = Files(tmp_path / "out")
    files.prepare()
    files.plan.write_text("old")
    failed(tmp_path, EngineError("preview", ["x"], "", None))


def test_a_directory_without_a_preview_is_said(tmp_path: Path) -> None:
    with pytest.raises(GitopsError, match=r"there is no summary\.json in .*preview --out"):
        Files(tmp_path).read()
    Files(tmp_path).summary.write_text("{}")
    with pytest.raises(GitopsError, match="is not the summary of a preview"):
        Files(tmp_path).read()


def test_drift_is_said_by_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Thing(type="kubernetes:networking.k8s.io/v1:NetworkPolicy", name="home-deny")
    pod = Thing(type="kubernetes:apps/v1:Deployment", name="home-gateway", keys=("spec.replicas",))
    changes = Changes(created=(policy,), updated=(pod,), replaced=(pod,), deleted=(policy,))

    def previewed(stack: StackDirectory, files: Files) -> Summary:
        files.prepare()
        files.plan.write_text("{}")
        return Summary(stack="s", outcome=Outcome.CHANGE, changes=changes)

    monkeypatch.setattr("gitops.drift.preview", previewed)
    files = Files(tmp_path / "out")
    summary = drift(StackDirectory(tmp_path, "s"), files)
    assert summary.outcome is Outcome.DRIFT
    assert summary.warnings[:4] == (
        "Deployment home-gateway is another than the program says: `spec.replicas`.",
        "Deployment home-gateway is another than the program says, and would be made anew: `spec.replicas`.",
        "NetworkPolicy home-deny is not there.",
        "NetworkPolicy home-deny is there, and the program does not declare it.",
    )
    assert files.read() == summary
    assert not files.plan.exists(), "nobody reviewed that"
