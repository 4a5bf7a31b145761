"""What an operation of the engine says when it fails."""

from pulumi.automation.events import EngineEvent

from engine import operation
from tests.support.engine_events import event

# The file backend's words (pkg/backend/diy/lock.go), as the CLI prints them.
LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock "
    "file with `pulumi cancel`.\n  file:///state/.pulumi/locks/organization/p/prod/1.json: created by alice@laptop "
    "(pid 4711) at 2026-11-27T20:14:06+01:00"
)


def test_a_locked_stack_is_told_with_its_holder() -> None:
    said = operation.locked("prod", LOCKED)
    assert str(said) == (
        "another update of the stack prod is running (pid 4711 of alice on laptop, since 2026-11-27T20:14:06+01:00). "
        "Wait for it, then try again"
    )
    assert str(operation.locked("prod", "[409] Conflict: Another update is currently in progress.")).startswith(
        "another update of the stack prod is running. "
    )


def diagnostic(message: str, severity: str = "error") -> EngineEvent:
    return event({"diagnosticEvent": {"message": message, "severity": severity, "color": "never"}})


def test_errors_and_refusals_are_told_once_and_in_plain_text() -> None:
    refusal = {"message": "<{%fg 1%}>NodePort<{%reset%}>\n", "policyName": "i1", "enforcementLevel": "mandatory"}
    events = [
        diagnostic("wrong\n"),
        diagnostic("an unhandled error occurred: wrong\nTraceback (most recent call last):\n..."),
        diagnostic("only a warning", "warning"),
        event({"policyEvent": refusal}),
        event({"policyEvent": {**refusal, "enforcementLevel": "advisory"}}),
    ]
    assert operation.errors(events) == ["wrong", "i1: NodePort"]
