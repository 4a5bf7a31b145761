"""The one error of a policy that the control server would refuse."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """What failed of one test, as the hosted API reports it: the test's source, and one line for each assertion."""

    user: str
    errors: tuple[str, ...]


class PolicyError(Exception):
    """`message` is the hosted service's where it is known; `failures` are set when it is `test(s) failed`."""

    def __init__(self, message: str, failures: Sequence[Failure] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.failures = tuple(failures)
