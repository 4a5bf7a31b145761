"""The one kind of error that a person sees: what is wrong, and what to do about it."""


class SandboxError(Exception):
    """`what` names the thing that failed, `mend` the next step; both are one line."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(f"{what}. {mend}" if mend else what)
        self.what = what
        self.mend = mend
