"""Errors of a pipeline's commands that a person can do something about."""

from engine.errors import UserError


class GitopsError(UserError):
    """`problem` says what is wrong, `hint` the next step."""


class Stale(UserError):
    """A plan that may not be applied any more. `differences` say what is another now, one line each."""

    def __init__(self, differences: list[str]) -> None:
        super().__init__("the plan is not applied: " + "; ".join(differences), "Preview again, and have that reviewed")
        self.differences = differences
