"""Changes and their progress as people read them."""

from typing import Final

from addons.changes.model import Change, Job, JobState, Kind

# The shape of each sort of consequence.
SORTS: Final = {
    "restarts": "restarts",
    "access gained": "plus",
    "access lost": "less",
    "kept": "yes",
    "created": "plus",
    "changed": "restarts",
    "deleted": "less",
    "warning": "warn",
}
DOING: Final = {
    JobState.QUEUED: "waits for its turn",
    JobState.PREVIEWING: "is being previewed",
    JobState.ASKING: "waits for a yes",
    JobState.APPLYING: "is being applied",
    JobState.VERIFYING: "is being checked",
}
OUTCOMES: Final = {
    JobState.DONE: "Done, and confirmed by the status.",
    JobState.UNCONFIRMED: "Applied. The status has not come to what was wanted.",
    JobState.REFUSED: "Refused. Nothing was changed.",
    JobState.FAILED: "Failed. The stack file is as it was before.",
    JobState.CANCELLED: "Cancelled.",
}
# The stages of a change, and the states that each covers.
STAGES: Final = (
    ("Preview", (JobState.QUEUED, JobState.PREVIEWING)),
    ("Decide", (JobState.ASKING,)),
    ("Apply", (JobState.APPLYING,)),
    ("Check", (JobState.VERIFYING,)),
)


def title(change: Change) -> str:
    """What is asked for, as a heading."""
    return {
        Kind.ENABLE: f"Switch on private access to {change.instance}",
        Kind.DISABLE: f"Switch off private access to {change.instance}",
        Kind.HOSTNAME: f"Call {change.instance} {change.value}",
        Kind.ROTATE_KEY: f"Rotate the key of {change.instance}",
        Kind.AUTH_KEY: f"Give {change.instance} another auth key",
        Kind.ADDRESS: f"Show {change.instance} by its {'raw address' if change.value == 'address' else 'name'}",
    }[change.kind]


def cancelling(job: Job) -> str:
    """What cancelling does, at the state that the change is in."""
    if job.state is JobState.APPLYING:
        return (
            "Cancelling interrupts the engine once: what is in flight is finished, the rest is not begun, "
            "and the stack file is put back."
        )
    if job.state is JobState.VERIFYING:
        return "The stack is updated already: cancelling only ends the watching."
    return "Nothing is changed before you say yes."


def diff_line(line: str) -> str:
    """The class of a line of a unified diff."""
    if line.startswith(("---", "+++")):
        return "head"
    return {"+": "added", "-": "removed", "@": "place"}.get(line[:1], "same")
