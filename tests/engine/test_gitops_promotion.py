"""The stacks of the repository themselves: one change goes through dev to prod, and both preview clean in the real engine."""

import subprocess
from pathlib import Path

import pytest

from components.constants import PROJECT
from gitops.model import Outcome
from gitops.preview import Files, preview
from tests.support.configs import ROOT, read_stack_file
from tests.support.engine_world import MakeStack, Tailnet, Values

# What is of the owner's own tailnet and cluster; the rest is previewed as it is written.
ELSEWHERE = {"name", "ownership", "oauthClientId", "oauthClientSecret", "apiKey"}


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_both_stacks_of_the_repository_preview_clean(
    stack: MakeStack, tailnet: Tailnet, name: str, tmp_path: Path
) -> None:
    config = read_stack_file(ROOT / f"Pulumi.{name}.yaml")
    tailnet_of_it: Values = {key: value for key, value in config["tailnet"].items() if key not in ELSEWHERE}
    made = stack(f"promoted-{name}", owned=True)
    made.config = {f"{PROJECT}:tailnet": tailnet_of_it, f"{PROJECT}:nodes": config.get("nodes", [])}
    directory = made.engine(*config["instances"]).directory()
    subprocess.run(["git", "init", "-q"], cwd=directory.directory, check=True)
    commit = [
        "git",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "one",
    ]
    subprocess.run(commit, cwd=directory.directory, check=True)

    summary = preview(directory, Files(tmp_path))
    assert (summary.outcome, summary.problem) == (Outcome.CHANGE, "")
    assert [one for one in summary.pack if one.mandatory] == []
    assert {one.name for one in summary.changes.created} >= {f"{one['id']}-gateway" for one in config["instances"]}
    others = (*summary.changes.updated, *summary.changes.replaced, *summary.changes.deleted)
    assert others == ()
    # One line of Pulumi.yaml is the version of both.
    gateways = {one.after for one in summary.changes.images if one.container == "gateway"}
    assert len(gateways) == 1
    assert gateways.pop() in (ROOT / "Pulumi.yaml").read_text()
