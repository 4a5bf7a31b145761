"""The one kind of error that a person sees: the problem, and what to do about it."""

from pathlib import Path


class UserError(Exception):
    """`problem` says what is wrong, `hint` the next step; both are one line."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem}. {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class EngineError(UserError):
    """An operation failed. `diagnostics` are the engine's error messages, `output` everything that it printed."""

    def __init__(self, operation: str, diagnostics: list[str], output: str, log: Path | None) -> None:
        message = "; ".join(diagnostics) or output.strip().rpartition("\n")[2] or "no message"
        super().__init__(f"{operation} failed: {message}", f"Log: {log}" if log else "")
        self.diagnostics = diagnostics
        self.output = output


class StackLocked(UserError):
    """Another update of the stack runs. `holder` says whose and since when, as far as the backend tells."""

    def __init__(self, stack: str, holder: str) -> None:
        super().__init__(
            f"another update of the stack {stack} is running" + (f" ({holder})" if holder else ""),
            "Wait for it, then try again",
        )
