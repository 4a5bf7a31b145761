"""Reports of work to whoever waits for it."""

from typing import Protocol


class Progress(Protocol):
    """Hears what is being done; `left` estimates the seconds of everything that is still to do."""

    def __call__(self, message: str, left: float) -> None: ...
