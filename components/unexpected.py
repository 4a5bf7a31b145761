"""Unexpected exceptions as people see them: one line, the details in a file, and what to do next. Never a traceback."""

import contextlib
import os
import tempfile
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Final

from components.errors import Refusal

_ROOT: Final = Path(__file__).resolve().parent.parent
_PREFIX: Final = "openclaw-tailnet-"


def described(error: BaseException) -> str:
    """The kind of error and the line of ours that met it: `KeyError in components/names.py:12`."""
    ours = [
        f"{Path(frame.filename).relative_to(_ROOT)}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(_ROOT) and ".venv" not in Path(frame.filename).parts
    ]
    return f"{type(error).__name__} in {ours[-1]}" if ours else type(error).__name__


def record(error: BaseException, directory: Path | None = None) -> Path:
    """Write the traceback to a file of its own that only this user opens: messages may quote what is secret."""
    try:
        return _written(error, directory or Path(tempfile.gettempdir()))
    except OSError:
        return _written(error, Path(tempfile.gettempdir()))


def _written(error: BaseException, directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, suffix=".log", dir=directory)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(traceback.format_exception(error))
    return Path(name)


@contextlib.contextmanager
def explained() -> Generator[None]:
    """In the Pulumi program: whatever goes wrong becomes a RunError, which Pulumi shows without a traceback.

    A Refusal is shown as it is. The message of anything else stays in the file: a preview is read by more people than the
    stack's secrets. Also a decorator.
    """
    import pulumi

    try:
        yield
    except pulumi.RunError:
        raise
    except Refusal as error:
        raise pulumi.RunError(str(error)) from None
    except Exception as error:
        package = error.name.partition(".")[0] if isinstance(error, ImportError) and error.name else "components"
        if package != "components":
            raise pulumi.RunError(
                f"The Python package {package} is missing. Run `pulumi install`, then try again."
            ) from None
        raise pulumi.RunError(
            f"The program failed unexpectedly: {described(error)}. Details: {record(error)}. Report it with these details; once it is "
            "fixed, the next `pulumi up` continues from here."
        ) from None
