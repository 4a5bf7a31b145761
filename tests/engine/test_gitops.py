"""A stack by merge requests, with the real engine and a real git repository: previewed, refused, applied, drifted, repaired."""

import json
import multiprocessing
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from components.constants import PROJECT
from engine.directory import StackDirectory
from engine.locks import locks
from engine.processes import Process, end, start_time
from gitops import binding
from gitops.apply import apply
from gitops.model import Outcome
from gitops.preview import Files
from tests.support.configs import ROOT
from tests.support.engine_world import Cluster, MakeStack, Stack, Tailnet, Values, containers, eventually, instance
from tests.support.gitops_repository import INSTANCES, Job, Repository, kept
from tests.support.plain_text import hidden_in, secrets_of

BOB = "bob@example.com"
HOME = instance("ops", people=["alice@example.com"])
NAMESPACE = "openclaw-ops"
EXPOSED = ROOT / "tests" / "engine" / "programs" / "exposed.py"


@pytest.fixture(scope="module")
def stack(stack: MakeStack, tailnet: Tailnet) -> Stack:
    made = stack("ops", owned=True)
    made.up(HOME)
    return made


@pytest.fixture(scope="module")
def repository(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(tmp_path_factory.mktemp("gitops") / "repository", stack.engine(HOME).directory())
    made.begin()
    return made


def with_bob(config: Values) -> None:
    config[INSTANCES][0]["people"].append(BOB)


def with_another(config: Values) -> None:
    config[INSTANCES].append(instance("lab", people=[BOB]))


def renamed(config: Values) -> None:
    config[INSTANCES][0]["id"] = "house"


def refused(job: Job, capsys: pytest.CaptureFixture[str]) -> str:
    """What a refused apply says."""
    capsys.readouterr()
    assert job.apply() == Outcome.REFUSED.exit_code
    return " ".join(capsys.readouterr().err.split())


def test_main_as_it_is_changes_nothing(repository: Repository) -> None:
    job = repository.job()
    assert job.preview().outcome is Outcome.UNCHANGED, job.text
    assert job.apply() == 0
    assert job.text.startswith("## ops: nothing changes\n")


def test_a_request_that_gives_access_is_explained_and_applied(
    repository: Repository, cluster: Cluster, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    before = cluster.inventory("ops")
    request = repository.request("bob", with_bob)
    summary = request.preview()
    assert summary.outcome is Outcome.CHANGE, request.text
    assert summary.changes.access.gained == ("bob@example.com can reach ops through the tailnet.",)
    assert summary.changes.access.lost == ()
    assert "+ bob@example.com may open gateway ops (tcp 80)" in summary.changes.access.said
    assert "Who has access after this" in request.text
    assert "| bob@example.com | tag:openclaw-ops | ops | tcp 80 | yes |" in request.text
    assert cluster.inventory("ops") == before, "a preview changes nothing"

    merged = repository.merge("bob")
    assert "this is" in (said := refused(Job(merged.directory, request.out), capsys)), said
    assert "it is of the commit" in said
    assert merged.preview().outcome is Outcome.CHANGE
    assert merged.apply() == 0
    assert "The tailnet's policy is changed" in capsys.readouterr().out
    access = merged.directory.outputs()["access"]
    assert {row["subject"] for row in access} == {"alice@example.com", BOB}

    assert "the stack was updated by somebody since the preview" in refused(merged, capsys), "a plan is applied once"
    left = kept(request) | {f"merged {name}": text for name, text in kept(merged).items()}
    assert hidden_in(left, secrets_of(stack, HOME) | {"the API key": stack.world.api_key}) == []


def test_a_request_that_opens_a_port_is_refused_by_the_rule(repository: Repository, cluster: Cluster) -> None:
    def exposing(config: Values) -> None:
        config.update({"exposed:by": "node-port", "exposed:namespace": NAMESPACE})

    program = f"import runpy\nrunpy.run_path({str(EXPOSED)!r}, run_name='__main__')\n"
    job = repository.request("port", exposing, program)
    summary = job.preview()
    assert summary.outcome is Outcome.REFUSED
    [ruling] = [one for one in summary.pack if one.mandatory]
    assert 'I1: Service "exposed-node-port" is of type NodePort' in ruling.says
    assert f"- `{ruling.rule}`: I1: Service" in job.text
    assert not Files(job.out).plan.exists()
    assert job.apply() == Outcome.ERROR.exit_code, "a refused preview is nothing to apply"
    assert cluster.names("Service", NAMESPACE) == set()


def test_a_rename_says_what_it_costs_and_how_to_avoid_it(repository: Repository) -> None:
    job = repository.request("rename", renamed)
    summary = job.preview()
    assert summary.outcome is Outcome.CHANGE
    warnings = summary.of("warning")
    assert any("ops is not renamed to house" in one and "keep `id: ops`" in one for one in warnings), warnings
    assert {one.name for one in summary.changes.deleted if one.kept} >= {
        "ops-namespace",
        "ops-gateway-home",
        "ops-tailnet-state",
    }
    assert any("The gateway ops is removed" in one for one in summary.of("deleted"))
    assert summary.changes.access.lost != ()


def test_settings_that_make_no_sense_are_refused_by_their_path(repository: Repository) -> None:
    def wrong(config: Values) -> None:
        config[INSTANCES][0]["people"] = ["nobody"]

    job = repository.request("wrong", wrong)
    summary = job.preview()
    assert summary.outcome is Outcome.REFUSED, summary
    assert "instances[0].people[0]" in summary.problem


def test_a_fork_without_secrets_is_judged_by_its_files(repository: Repository) -> None:
    job = repository.request("fork", with_another)
    # Nobody's backend, passphrase or CLI.
    fork = Job(StackDirectory(job.directory.directory, "ops"), job.out)
    summary = fork.preview("--offline")
    assert (summary.outcome, summary.offline) == (Outcome.PASSED, True), summary.problem
    assert "| bob@example.com | tag:openclaw-lab | lab | tcp 80 | yes |" in fork.text


def test_drift_by_hand_is_found_explained_and_healed(repository: Repository, cluster: Cluster) -> None:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/openclaw"
    cluster.delete(f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies/default-deny")
    limits = {"containers": [{"name": "gateway", "resources": {"limits": {"memory": "3Gi"}}}]}
    cluster.strategic(path, {"spec": {"template": {"spec": limits}}})

    job = repository.job()
    assert job.run("drift", "--out", str(job.out)) == Outcome.DRIFT.exit_code
    summary = Files(job.out).read()
    assert "NetworkPolicy ops-default-deny is not there." in summary.warnings
    [said] = [line for line in summary.warnings if line.startswith("Deployment ops-gateway is another")]
    assert "`spec.template.spec" in said
    assert not Files(job.out).plan.exists(), "nobody reviewed that"
    assert "The next apply brings back what the program says" in job.text

    healing = repository.job()
    assert healing.preview().outcome is Outcome.CHANGE
    assert healing.apply() == 0
    assert cluster.one("NetworkPolicy", NAMESPACE, "default-deny")
    assert containers(cluster.deployment(NAMESPACE))["gateway"]["resources"]["limits"]["memory"] != "3Gi"
    assert repository.job().run("drift", "--out", str(job.out)) == 0


def newer(name: str) -> str:
    return "9.9.9"


def test_another_version_or_file_than_at_the_preview_is_refused(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = repository.request("lab", with_another)
    assert job.preview().outcome is Outcome.CHANGE
    with monkeypatch.context() as patched:
        patched.setattr(binding, "version", newer)
        assert "pulumi-kubernetes was" in (said := refused(job, capsys))
        assert "and is 9.9.9" in said
    plan, file = Files(job.out).plan, job.directory.file
    previewed, committed = plan.read_bytes(), file.read_text()
    plan.write_bytes(previewed + b"\n")
    assert "the plan beside the summary is not the one that was previewed" in refused(job, capsys)
    plan.write_bytes(previewed)
    file.write_text(committed + "# Mine.\n")
    assert "files here differ from the commit: Pulumi.ops.yaml" in refused(job, capsys)


def test_a_locked_stack_is_left_alone_and_the_holder_is_named(
    repository: Repository, stack: Stack, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    before = cluster.inventory("ops")
    job = repository.job("lab")
    place = stack.world.home.state / ".pulumi" / "locks" / "organization" / PROJECT / "ops"
    place.mkdir(parents=True, exist_ok=True)
    lock = place / "theirs.json"
    content = {"pid": 4711, "username": "carol", "hostname": "elsewhere", "timestamp": "2026-11-27T20:14:06+01:00"}
    lock.write_text(json.dumps(content))
    try:
        summary = job.preview()
        code = job.apply()
    finally:
        lock.unlink()
    assert summary.outcome is Outcome.CHANGE, "a preview takes no lock"
    assert any("Another update of the stack is running (pid 4711 of carol" in one for one in summary.warnings)
    assert code == Outcome.LOCKED.exit_code
    assert "pid 4711 of carol on elsewhere" in " ".join(capsys.readouterr().err.split())
    assert cluster.inventory("ops") == before


def noted(log: Path, line: str) -> None:
    with log.open("a") as file:
        file.write(f"{line}\n")


def applied(job: Job, log: Path) -> None:
    """In a process of its own, until it is killed."""
    apply(job.directory, Files(job.out), partial(noted, log))


def test_an_apply_that_is_killed_is_repaired_by_the_next(
    repository: Repository, stack: Stack, cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job, log = repository.merge("lab"), tmp_path / "log"
    summary = job.preview()
    assert any("The gateway lab is new" in one for one in summary.of("created"))
    child = multiprocessing.get_context("spawn").Process(target=applied, args=(job, log))
    child.start()
    eventually(log.exists, "the first operation", 120)
    [lock] = locks(stack.world.home.state, PROJECT, "ops")
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    end([Process(lock.pid, start_time(lock.pid) or 0)], 0)
    child.join(60)

    assert "the stack was updated by somebody since the preview" in refused(job, capsys), "its plan is of another state"
    again = repository.job()
    assert again.preview().outcome is Outcome.CHANGE
    assert again.apply() == 0
    assert cluster.pod("openclaw-lab")
    after = repository.job()
    assert after.preview().outcome is Outcome.UNCHANGED, after.text


def test_a_destroy_is_told_beforehand(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert repository.job().run("destroy-check") == Outcome.CHANGE.exit_code
    kept, removed = capsys.readouterr().out.split("Is removed:\n")
    assert "  PersistentVolumeClaim ops-gateway-home\n" in kept
    assert "  Namespace lab-namespace\n" in kept
    assert "  Deployment ops-gateway\n" in removed
