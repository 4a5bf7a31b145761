"""A plan is of one commit, one state and one set of versions."""

import subprocess
from pathlib import Path

import pytest

from engine.directory import StackDirectory
from gitops.binding import binding, differences
from gitops.errors import GitopsError
from gitops.model import Binding

BOUND = Binding(
    stack="prod", commit="a" * 40, uncommitted=(), updated_at="monday", versions={"CLI": "1", "pulumi": "2"}, digest="d"
)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({}, []),
        ({"stack": "dev"}, ["it is of the stack prod, not of dev"]),
        ({"digest": "e"}, ["the plan beside the summary is not the one that was previewed"]),
        ({"commit": "b" * 40}, ["it is of the commit aaaaaaaaaaaa, and this is bbbbbbbbbbbb"]),
        ({"uncommitted": ("x.py",)}, ["files here differ from the commit: x.py"]),
        ({"updated_at": "tuesday"}, ["the stack was updated by somebody since the preview, at tuesday"]),
        ({"updated_at": ""}, ["the stack was updated by somebody since the preview, by being removed"]),
        ({"versions": {"CLI": "3", "pulumi": "2"}}, ["CLI was 1 at the preview, and is 3"]),
        ({"versions": {"CLI": "1"}}, ["pulumi was 2 at the preview, and is none"]),
    ],
)
def test_what_is_another_is_said(now: dict[str, object], said: list[str]) -> None:
    assert list(differences(BOUND, BOUND.model_copy(update=now))) == said


def test_a_preview_of_what_no_commit_has_is_never_applied() -> None:
    dirty = BOUND.model_copy(update={"uncommitted": ("Pulumi.prod.yaml",)})
    assert list(differences(dirty, BOUND)) == ["it was made with files that no commit has: Pulumi.prod.yaml"]


class Told(StackDirectory):
    """A stack whose CLI is not asked."""

    def updated_at(self) -> str:
        return "monday"

    def cli_version(self) -> str:
        return "v3.259.0"


def git(directory: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(["git", *who, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_is_bound_to_the_commit_and_what_differs_from_it(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    with pytest.raises(GitopsError, match="git says of"):
        binding(Told(tmp_path, "prod"), plan)
    git(tmp_path, "init", "-q")
    (tmp_path / "Pulumi.prod.yaml").write_text("a")
    git(tmp_path, "add", "Pulumi.prod.yaml")
    git(tmp_path, "commit", "-qm", "one")
    bound = binding(Told(tmp_path, "prod"), plan)
    assert (bound.commit, bound.uncommitted) == (git(tmp_path, "rev-parse", "HEAD"), ())
    assert bound.versions["CLI"] == "3.259.0"
    assert set(bound.versions) == {"CLI", "pulumi", "pulumi-kubernetes", "pulumi-random", "pulumi-tailscale"}
    (tmp_path / "Pulumi.prod.yaml").write_text("b")
    assert binding(Told(tmp_path, "prod"), plan).uncommitted == ("Pulumi.prod.yaml",)
