"""The stack's own file: read with a mark of its content, and replaced only while nobody else has changed it."""

import contextlib
import difflib
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from addons.changes.edit import at
from addons.changes.yaml_tree import data
from addons.errors import AddonsError

# In a stack file that a pipeline applies: `addons:stackFile: git`. Then nothing is written here.
OWNER_KEY: Final = "addons:stackFile"


@dataclass(frozen=True)
class Text:
    """What the file said at one moment."""

    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class StackFile:
    """`Pulumi.<stack>.yaml` of an owner."""

    path: Path

    def read(self) -> Text:
        """The file now, with its line breaks as they are. Raises AddonsError."""
        try:
            return Text(self.path.read_bytes().decode())
        except FileNotFoundError:
            raise AddonsError(f"there is no {self.path}", "Choose another stack, or `pulumi stack init`") from None
        except (OSError, UnicodeDecodeError) as error:
            raise AddonsError(f"{self.path} cannot be read ({type(error).__name__})", "Mend the file") from None

    def replace(self, text: str, only_over: str) -> None:
        """Writes `text` in one step, with the mode that the file has, behind a link if it is one. `only_over` is the digest
        of what must be there. Raises AddonsError when it is not, or when the file cannot be written."""
        if self.read().digest != only_over:
            raise AddonsError(
                f"{self.path.name} was changed by somebody meanwhile; nothing was written", "Preview the change again"
            )
        target = self.path.resolve()
        try:
            with _beside(target, text) as new:
                new.chmod(target.stat().st_mode & 0o7777)
                with contextlib.suppress(PermissionError):
                    os.chown(new, target.stat().st_uid, target.stat().st_gid)
                new.replace(target)
        except OSError as error:
            hint = "Give this user the right to write it"
            raise AddonsError(f"{self.path} cannot be written ({error.strerror})", hint) from None

    def read_only(self) -> str:
        """Why nothing may be written here; empty when it may.

        The rule is said in the file or by its rights, and never guessed: that git knows a file says nothing of who applies it.
        """
        if at(data(self.read().text), ["config", OWNER_KEY]) == "git":
            return f"{self.path.name} is changed through git ({OWNER_KEY} is git)"
        target = self.path.resolve()
        if not (os.access(target, os.W_OK) and os.access(target.parent, os.W_OK)):
            return f"{self.path.name} may not be written by this user"
        return ""

    def patch(self, old: str, new: str) -> str:
        """The difference as `git apply` takes it, in the root of the repository that the file is in."""
        name = f"{_place_in_repository(self.path.parent)}{self.path.name}"
        lines = difflib.unified_diff(_lines(old), _lines(new), f"a/{name}", f"b/{name}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@contextlib.contextmanager
def _beside(target: Path, text: str) -> Generator[Path]:
    """A file in the same directory with this content, on the disk before it takes the other's place."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        yield new
    finally:
        new.unlink(missing_ok=True)


def _lines(text: str) -> list[str]:
    # Only at line feeds, as git counts lines.
    return [f"{line}\n" for line in text.split("\n")[:-1]] + ([text.rpartition("\n")[2]] if text[-1:] != "\n" else [])


def _place_in_repository(directory: Path) -> str:
    """The directory's place below the root of its repository, as in `stacks/`; empty where there is no git."""
    command = ["git", "-C", str(directory), "rev-parse", "--show-prefix"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
