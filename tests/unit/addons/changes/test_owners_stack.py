"""Which stack an owner means, and where its jobs are kept."""

from pathlib import Path

import pytest

from addons.changes.owners_stack import journal, owners_stack
from addons.errors import AddonsError
from engine.directory import StackDirectory


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two stacks, one of which is selected."""
    root = tmp_path / "project"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
    for stack in ("prod", "dev"):
        (root / f"Pulumi.{stack}.yaml").write_text("config: {}\n")
    cli = tmp_path / "bin" / "pulumi"
    cli.parent.mkdir()
    cli.write_text('#!/bin/sh\n[ "$3" = --show-name ] && [ -e Pulumi.yaml ] && cat "$(dirname "$0")/selected"\n')
    cli.chmod(0o755)
    (cli.parent / "selected").write_text("prod\n")
    monkeypatch.setenv("PATH", f"{cli.parent}:/usr/bin:/bin")
    monkeypatch.delenv("PULUMI_STACK", raising=False)
    return root


def test_the_selected_stack_of_the_project_above(project: Path) -> None:
    assert owners_stack(project / "deep" / "er") == StackDirectory(project, "prod")


def test_a_named_stack_and_the_projects_policy_pack(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "policies").mkdir()
    (project / "policies" / "PulumiPolicy.yaml").write_text("runtime: python\n")
    assert owners_stack(project, "dev") == StackDirectory(project, "dev", (project / "policies",))
    monkeypatch.setenv("PULUMI_STACK", "dev")
    assert owners_stack(project).stack == "dev"


def test_what_is_not_there_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AddonsError, match=r"there is no Pulumi\.none\.yaml in .*Choose another stack"):
        owners_stack(project, "none")
    with pytest.raises(AddonsError, match=r"there is no Pulumi\.yaml in .* or above it"):
        owners_stack(project.parent)
    (project.parent / "bin" / "selected").unlink()
    with pytest.raises(AddonsError, match=r"no stack of .* is selected"):
        owners_stack(project)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AddonsError, match="there is no pulumi on PATH"):
        owners_stack(project, "prod")


def test_jobs_are_kept_for_each_stack_and_directory(project: Path, tmp_path: Path) -> None:
    prod, dev = StackDirectory(project, "prod"), StackDirectory(project, "org/demo/dev")
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    assert journal(prod, state).directory.parent == tmp_path / "state" / "openclaw-tailnet"
    assert journal(prod, state) != journal(dev, state)
    assert journal(prod, {}).directory.parent.parent == Path.home() / ".local" / "state"
