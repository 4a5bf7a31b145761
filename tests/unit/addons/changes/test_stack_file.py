"""The stack's own file is replaced in one step, as it was in all but its text, and only over what was read."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.changes.stack_file import StackFile, Text
from addons.errors import AddonsError

OLD, NEW = "config:\r\n  a: 1 # é\r\n", "config:\r\n  a: 2 # é\r\n"


@pytest.fixture
def file(tmp_path: Path) -> StackFile:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_bytes(OLD.encode())
    return StackFile(path)


def test_bytes_mode_and_link_stay(file: StackFile, tmp_path: Path) -> None:
    file.path.chmod(0o640)
    (tmp_path / "elsewhere").mkdir()
    link = StackFile(tmp_path / "elsewhere" / "Pulumi.prod.yaml")
    link.path.symlink_to(file.path)
    link.replace(NEW, only_over=Text(OLD).digest)
    assert link.path.is_symlink()
    assert file.path.read_bytes() == NEW.encode()
    assert file.path.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Pulumi.prod.yaml", "elsewhere"]


def test_a_file_that_somebody_changed_is_left_alone(file: StackFile) -> None:
    read = file.read()
    file.path.write_text("theirs: 1\n")
    with pytest.raises(AddonsError, match="was changed by somebody meanwhile; nothing was written"):
        file.replace(NEW, only_over=read.digest)
    assert file.path.read_text() == "theirs: 1\n"


def test_a_file_that_cannot_be_written_stays_whole(file: StackFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AddonsError, match="No space left on device"):
        file.replace(NEW, only_over=Text(OLD).digest)
    assert file.path.read_bytes() == OLD.encode()
    assert list(file.path.parent.iterdir()) == [file.path]


def test_no_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AddonsError, match=r"there is no .*Pulumi\.none\.yaml"):
        StackFile(tmp_path / "Pulumi.none.yaml").read()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("config: {'addons:stackFile': git}\n", "changed through git (addons:stackFile is git)"),
        ("config:\n  addons:stackFile: git\n", "changed through git"),
        ("config: {a: 1}\n", ""),
        ("{}\n", ""),
    ],
)
def test_git_owns_a_file_that_says_so(file: StackFile, text: str, reason: str) -> None:
    file.path.write_text(text)
    assert reason in file.read_only()
    assert bool(reason) == bool(file.read_only())


def test_rights_decide_otherwise(file: StackFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(path: Path, mode: int) -> bool:
        return False

    # As root, which these tests may be, everything is writable.
    monkeypatch.setattr(os, "access", none)
    assert file.read_only() == "Pulumi.prod.yaml may not be written by this user"


LINES = st.lists(st.text("ab #:\r", max_size=4), max_size=8)


@settings(max_examples=25)
@given(old=LINES, new=LINES, ends=st.tuples(st.booleans(), st.booleans()))
def test_a_patch_is_what_git_takes(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], ends: tuple[bool, bool]
) -> None:
    root = tmp_path_factory.mktemp("repository")
    (root / "stacks").mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    path = root / "stacks" / "Pulumi.prod.yaml"
    before, after = ("\n".join(lines) + "\n" * ends[n] for n, lines in enumerate((old, new)))
    # Git deletes a file that is emptied.
    if before == after or not before or not after:
        return
    path.write_bytes(before.encode())
    patch = StackFile(path).patch(before, after)
    assert patch.startswith("--- a/stacks/Pulumi.prod.yaml\n")
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=root, check=True, capture_output=True)
    assert path.read_bytes() == after.encode()


def test_a_patch_outside_of_git_is_applied_beside_the_file(file: StackFile) -> None:
    assert file.patch(OLD, NEW).splitlines()[:2] == ["--- a/Pulumi.prod.yaml", "+++ b/Pulumi.prod.yaml"]
