"""A state that is lost: the stack is rebuilt around the living gateways, which keep their data and their device."""

from pathlib import Path

from gitops.apply import apply
from gitops.model import Outcome
from gitops.preview import Files, preview
from tests.support.engine_world import Cluster, MakeStack, instance
from tests.support.gitops_repository import git


def test_a_lost_state_is_rebuilt_around_the_living_gateways(stack: MakeStack, cluster: Cluster, tmp_path: Path) -> None:
    one = instance("lost")
    made = stack("lost")
    made.up(one)
    claims, objects = cluster.claims("openclaw-lost"), set(cluster.inventory("lost"))
    for path in made.state_file.parent.glob("lost.json*"):
        path.unlink()

    directory = made.engine(one).directory()
    git(directory.directory, "init", "-q")
    git(directory.directory, "commit", "-q", "--allow-empty", "-m", "what is declared")
    files, said = Files(tmp_path), list[str]()
    summary = preview(directory, files)
    assert (summary.outcome, summary.problem) == (Outcome.CHANGE, "")
    changes = summary.changes
    assert (changes.updated, changes.replaced, changes.deleted) == ((), (), ())
    assert {one.name for one in changes.created} >= {"lost-gateway", "lost-gateway-home", "lost-tailnet-state"}

    apply(directory, files, said.append)
    assert "Deployment lost-gateway is there" in said
    assert cluster.claims("openclaw-lost") == claims, "its data and its device"
    assert cluster.pod("openclaw-lost")
    left = objects - set(cluster.inventory("lost"))
    assert left == set(), "what was there is there"
    # What is made of random text is made anew; the old one stays behind under its old name.
    secrets = [name for name in cluster.names("Secret", "openclaw-lost") if "gateway-token" in name]
    assert len(secrets) == 2
    assert preview(directory, files).outcome is Outcome.UNCHANGED
