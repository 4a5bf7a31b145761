"""Changes of an owner by the real engine: previewed, bound to their plan, confirmed; refused, failed or killed, with nothing left."""

import dataclasses
import json
import multiprocessing
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from addons.changes.apply import GOING_BACK
from addons.changes.jobs import Jobs
from addons.changes.journal import Journal
from addons.changes.model import Change, Job, JobState, Kind
from addons.errors import AddonsError
from components.constants import PROJECT
from engine.directory import StackDirectory
from sandbox.kube import Object
from tests.support.engine_world import (
    Cluster,
    MakeStack,
    Stack,
    Tailnet,
    Values,
    containers,
    eventually,
    instance,
    unsealed,
)
from tests.support.plain_text import hidden_in, secrets_of

PROGRAMS = Path(__file__).parent / "programs"
OWNER = "alice@example.com"
INSTANCES = f"{PROJECT}:instances"


def change(kind: Kind, value: str = "", of: str = "own") -> Change:
    return Change(instance=of, kind=kind, value=value)


@dataclasses.dataclass
class Owner:
    """Somebody with a stack of their own, who changes it by jobs."""

    stack: Stack
    declared: tuple[Values, ...]
    directory: StackDirectory
    journal: Journal

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.directory, self.journal, lambda _: True)

    @property
    def namespace(self) -> str:
        return f"openclaw-{self.declared[0]['id']}"

    def ended(self, job: Job, *states: JobState) -> Job:
        """The job once it is in one of the states, or over."""
        deadline = time.monotonic() + 500
        while not ((now := self.job(job)).state in states or now.state.ended):
            assert time.monotonic() < deadline, now.events
            time.sleep(0.2)
        return now

    def job(self, job: Job) -> Job:
        record = self.journal.record(job.id)
        assert record
        return record.job

    def asked(self, change: Change, key: str | None = None) -> Job:
        job = self.jobs.propose(change, OWNER, SecretStr(key) if key else None)
        assert job.state in (JobState.QUEUED, JobState.PREVIEWING)
        return self.ended(job, JobState.ASKING)

    def done(self, change: Change, key: str | None = None) -> Job:
        asked = self.asked(change, key)
        assert asked.state == JobState.ASKING, (asked.problem, asked.events)
        job = self.ended(self.jobs.confirm(asked.id))
        assert job.state == JobState.DONE, (job.problem, job.hint, job.events)
        return job

    def file(self) -> str:
        return self.directory.file.read_text()

    def sidecar(self) -> Values:
        return yaml.safe_load(self.file())["config"][INSTANCES][0]["tailscale"]

    def kept(self) -> dict[str, str]:
        """All that is on disk of jobs, of the stack's directory and of what the engine printed, by place."""
        world = self.stack.world.home
        files = [
            path
            for place in (self.journal.directory, self.directory.directory, world.logs)
            for path in place.rglob("*")
        ]
        return {
            str(path): path.read_text(errors="replace") for path in files if path.is_file() and not path.is_symlink()
        }


def owner(stack: Stack, *declared: Values, applied: bool = True) -> Owner:
    if applied:
        stack.up(*declared)
    directory = stack.engine(*declared).directory()
    comment = "# The owner's own words.\n"
    directory.file.write_text(comment + directory.file.read_text())
    return Owner(stack, declared, directory, Journal(stack.world.home.root / "jobs" / stack.name))


@pytest.fixture(scope="module")
def own(stack: MakeStack, tailnet: Tailnet) -> Owner:
    return owner(stack("own", owned=True), instance("own", people=[OWNER, "bob@example.com"]))


def snapshot(of: Owner, cluster: Cluster) -> tuple[str, dict[str, str]]:
    return of.file(), cluster.inventory(of.stack.name)


def content(of: Owner, cluster: Cluster) -> dict[str, str]:
    """The stack's objects without what a new one of the same name and content has of its own."""
    return {
        place: re.sub(r'("openclaw-tailnet/objects": )"[0-9a-f]+"', r"\1", json.dumps(json.loads(said)[1:]))
        for place, said in cluster.inventory(of.stack.name).items()
    }


def minted(tailnet: Tailnet) -> set[str]:
    return {name for name, key in tailnet.valid_keys().items() if "openclaw own" in key["description"]}


def test_a_preview_tells_what_will_be_and_changes_nothing(own: Owner, cluster: Cluster) -> None:
    before = snapshot(own, cluster)
    job = own.asked(change(Kind.DISABLE))
    assert job.state == JobState.ASKING, (job.problem, job.hint)
    assert job.preview
    told = [f"{one.sort}: {one.says}" for one in job.preview.consequences]
    assert "access lost: alice@example.com and bob@example.com can no longer reach own through the tailnet." in told
    assert [line for line in told if line.startswith("restarts: The gateway own restarts")]
    assert "kept: The data of own, its token and both volumes stay." in told
    assert {(step.operation, step.name) for step in job.preview.steps} >= {
        ("update", "own-gateway"),
        ("delete", "own-authkey"),
        ("replace", "own-config"),
    }
    assert [line for line in job.preview.file_diff.splitlines() if line[:1] in "+-"][2:] == ["+        enabled: false"]
    assert snapshot(own, cluster) == before
    with pytest.raises(AddonsError, match=r"another change is under way: switch off own \(asking\), asked by alice"):
        own.jobs.propose(change(Kind.ROTATE_KEY), "bob@example.com")
    dropped = own.jobs.cancel(job.id)
    assert dropped.state == JobState.CANCELLED
    assert own.job(job) == dropped
    with pytest.raises(AddonsError, match="this change is over: cancelled"):
        own.jobs.cancel(job.id)
    with pytest.raises(AddonsError, match="does not wait for a yes"):
        own.jobs.confirm(job.id)
    assert snapshot(own, cluster) == before


def test_switching_off_and_on_again_keeps_everything(own: Owner, cluster: Cluster) -> None:
    def kept() -> Any:
        return cluster.claims(own.namespace), cluster.secret_of(own.namespace, "gateway-token")["data"]

    before, text = kept(), own.file()
    off = own.done(change(Kind.DISABLE))
    assert {*containers(cluster.pod(own.namespace))} == {"gateway"}
    assert own.file() == text.replace("        reach: http\n", "        reach: http\n        enabled: false\n")
    assert kept() == before
    counted = [(event.done, event.total) for event in off.events if event.done]
    numbers = [done for done, _ in counted]
    assert numbers == sorted(numbers)
    assert {total for _, total in counted} == {counted[-1][1]}
    assert 0 < numbers[-1] <= (counted[-1][1] or 0)
    says = [event.says for event in off.events]
    assert "Deployment own-gateway is changed" in says
    assert says[-1] == "It is as it was wanted."
    assert [event.number for event in off.events] == list(range(1, len(off.events) + 1))

    on = own.done(change(Kind.ENABLE))
    assert on.preview
    assert [one.says for one in on.preview.consequences if one.sort == "access gained"] == [
        "alice@example.com and bob@example.com can reach own through the tailnet."
    ]
    assert {*containers(cluster.pod(own.namespace))} == {"unseal", "tailscale", "gateway"}
    assert own.file() == text.replace("        reach: http\n", "        reach: http\n        enabled: true\n")
    assert kept() == before


def test_another_name(own: Owner, cluster: Cluster) -> None:
    job = own.done(change(Kind.HOSTNAME, "lab"))
    assert job.preview
    assert [one.says for one in job.preview.consequences if one.sort == "warning"] == [
        "http://openclaw-own.sandbox.internal stops answering; http://lab.sandbox.internal answers instead. "
        "Bookmarks and clients need the new one."
    ]
    env = {entry["name"]: entry.get("value") for entry in containers(cluster.pod(own.namespace))["tailscale"]["env"]}
    assert env["TS_HOSTNAME"] == "lab"
    assert own.directory.outputs()["instances"]["own"]["address"] == "http://lab.sandbox.internal"


def test_a_new_key_is_minted_and_the_old_one_revoked(own: Owner, cluster: Cluster, tailnet: Tailnet) -> None:
    keys, claims = minted(tailnet), cluster.claims(own.namespace)
    own.done(change(Kind.ROTATE_KEY))
    assert len(minted(tailnet)) == len(keys) == 1
    assert minted(tailnet).isdisjoint(keys)
    assert own.sidecar()["authKey"]["rotation"] == time.strftime("%Y-%m-%d", time.gmtime())
    assert cluster.claims(own.namespace) == claims


def test_what_the_status_does_not_show_is_not_said_to_be_done(own: Owner) -> None:
    asked = own.asked(change(Kind.HOSTNAME, "den"))
    missing = "the tailnet still shows the old name"

    def blind(_: Change) -> str:
        return missing

    jobs = dataclasses.replace(own.jobs, verify=blind, patience=1)
    job = own.ended(jobs.confirm(asked.id))
    assert (job.state, job.problem) == (JobState.UNCONFIRMED, missing)
    assert own.sidecar()["hostname"] == "den", "the stack was updated"


def test_a_file_that_somebody_changed_meanwhile_is_theirs(own: Owner, cluster: Cluster) -> None:
    before = snapshot(own, cluster)
    job = own.asked(change(Kind.HOSTNAME, "mine"))
    theirs = before[0] + "# Theirs.\n"
    own.directory.file.write_text(theirs)
    refused = own.ended(own.jobs.confirm(job.id))
    assert refused.state == JobState.REFUSED
    assert "was changed by somebody meanwhile; nothing was written" in refused.problem
    assert snapshot(own, cluster) == (theirs, before[1])
    own.directory.file.write_text(before[0])


def test_a_stack_that_somebody_updated_meanwhile_is_not_updated(own: Owner, cluster: Cluster, tmp_path: Path) -> None:
    job = own.asked(change(Kind.HOSTNAME, "mine"))
    # Another person's checkout, with another limit: the plan would let it be undone, unseen.
    theirs = dataclasses.replace(own.directory, directory=tmp_path / "theirs")
    shutil.copytree(own.directory.directory, theirs.directory, symlinks=True)
    document = yaml.safe_load(theirs.file.read_text())
    document["config"][INSTANCES][0]["gateway"] = {"resources": {"memoryLimit": "3Gi"}}
    theirs.file.write_text(yaml.safe_dump(document, sort_keys=False))
    theirs.up()
    before = snapshot(own, cluster)
    refused = own.ended(own.jobs.confirm(job.id))
    assert (refused.state, refused.problem) == (
        JobState.REFUSED,
        "the stack was updated by somebody since the preview",
    )
    assert snapshot(own, cluster) == before
    assert containers(cluster.deployment(own.namespace))["gateway"]["resources"]["limits"]["memory"] == "3Gi"
    own.directory.up()


def test_an_update_does_what_was_previewed_or_nothing(own: Owner, cluster: Cluster) -> None:
    """Bound to its plan: here to that of another change, as if everything had become another meanwhile."""
    other = own.asked(change(Kind.HOSTNAME, "mine"))
    plan = own.journal.files(other.id).plan.read_bytes()
    own.jobs.cancel(other.id)
    before, env = own.file(), containers(cluster.deployment(own.namespace))["tailscale"]["env"]
    job = own.asked(change(Kind.ROTATE_KEY))
    own.journal.files(job.id).plan.write_bytes(plan)
    refused = own.ended(own.jobs.confirm(job.id))
    assert refused.state in (JobState.REFUSED, JobState.FAILED)
    assert refused.problem == "the stack is not any more what it was at the preview: somebody changed it meanwhile"
    assert own.file() == before
    assert containers(cluster.deployment(own.namespace))["tailscale"]["env"] == env
    assert own.directory.preview(own.directory.file, own.stack.world.home.root / "unused-plan").unchanged


def test_a_stack_that_somebody_updates_is_left_alone_and_they_are_named(own: Owner, cluster: Cluster) -> None:
    before = snapshot(own, cluster)
    job = own.asked(change(Kind.HOSTNAME, "mine"))
    place = own.stack.world.home.state / ".pulumi" / "locks" / "organization" / PROJECT / "own"
    place.mkdir(parents=True, exist_ok=True)
    lock = place / "theirs.json"
    content = {"pid": 4711, "username": "carol", "hostname": "elsewhere", "timestamp": "2026-11-27T20:14:06+01:00"}
    lock.write_text(json.dumps(content))
    try:
        refused = own.ended(own.jobs.confirm(job.id))
    finally:
        lock.unlink()
    assert refused.state == JobState.REFUSED
    assert refused.problem == (
        "another update of the stack own is running (pid 4711 of carol on elsewhere, since 2026-11-27T20:14:06+01:00)"
    )
    assert snapshot(own, cluster) == before


REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
DENIED = f"{REGISTRATION}/validatingadmissionpolicies"
BOUND = f"{REGISTRATION}/validatingadmissionpolicybindings"


def deny(cluster: Cluster, namespace: str) -> Callable[[], None]:
    """From now on Deployments of the namespace cannot be changed, as by a fault of the cluster; the result ends that."""
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    policy: Object = {
        "metadata": {"name": "out-of-order"},
        "spec": {
            "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
            "validations": [{"expression": "false", "message": "this cluster is out of order"}],
        },
    }
    binding: Object = {
        "metadata": {"name": "out-of-order"},
        "spec": {"policyName": "out-of-order", "validationActions": ["Deny"]},
    }
    assert cluster.create(DENIED, policy)
    assert cluster.create(BOUND, binding)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/openclaw?dryRun=All"
    headers = [("content-type", "application/merge-patch+json")]
    annotated = {"metadata": {"annotations": {"test": "1"}}}
    eventually(lambda: cluster.send("PATCH", path, annotated, headers).is_error, "the fault")

    def end() -> None:
        cluster.delete(f"{BOUND}/out-of-order")
        cluster.delete(f"{DENIED}/out-of-order")
        eventually(lambda: not cluster.send("PATCH", path, annotated, headers).is_error, "the fault to end")

    return end


def test_an_update_that_fails_half_way_leaves_file_and_cluster_as_before(own: Owner, cluster: Cluster) -> None:
    before = own.file(), content(own, cluster)
    job = own.asked(change(Kind.DISABLE))
    end = deny(cluster, own.namespace)
    try:
        own.jobs.confirm(job.id)
        eventually(lambda: any(event.says == GOING_BACK for event in own.job(job).events), "the way back", 240)
    finally:
        end()
    failed = own.ended(job)
    assert failed.state == JobState.FAILED, failed.events
    assert "this cluster is out of order" in failed.problem
    says = [event.says for event in failed.events]
    assert "ConfigMap own-config is there, in the place of the old one" in says, "it was to fail in the middle"
    assert says[-1] == "Pulumi.own.yaml and the cluster are as they were before."
    assert own.file() == before[0]
    assert content(own, cluster) == before[1]
    assert own.directory.preview(own.directory.file, own.stack.world.home.root / "unused-plan").unchanged


@pytest.fixture
def hasty(stack: MakeStack) -> Owner:
    """A stack whose pods are waited for a minute at most, on a Kubernetes node that takes none for now."""
    made = stack("hasty-own")
    made.program, made.config = PROGRAMS / "hasty.py", {"hasty:seconds": 60}
    return owner(made, instance("hasty-own"))


def unschedulable(cluster: Cluster, wanted: bool) -> None:
    for node in cluster.items("/api/v1/nodes"):
        cluster.merge(f"/api/v1/nodes/{node['metadata']['name']}", {"spec": {"unschedulable": wanted}})


def test_a_cancelled_update_finishes_what_is_in_flight_and_goes_back(hasty: Owner, cluster: Cluster) -> None:
    before = hasty.file(), content(hasty, cluster)
    job = hasty.asked(change(Kind.HOSTNAME, "mine", "hasty-own"))
    unschedulable(cluster, True)
    try:
        hasty.jobs.confirm(job.id)
        waits = "Waiting for the pod of hasty-own-gateway"
        eventually(
            lambda: any(e.says.startswith(waits) for e in hasty.job(job).events), "the pod to be waited for", 120
        )
        asked = hasty.jobs.cancel(job.id)
        assert "the engine finishes what is in flight" in asked.events[-1].says
        with pytest.raises(AddonsError, match="A second interrupt would end it at once, and may leave objects"):
            hasty.jobs.cancel(job.id)
        eventually(lambda: any(event.says == GOING_BACK for event in hasty.job(job).events), "the way back", 120)
    finally:
        unschedulable(cluster, False)
    ended = hasty.ended(job)
    assert ended.state == JobState.CANCELLED, (ended.problem, ended.events)
    assert ended.problem == "the update was stopped, as somebody asked"
    assert hasty.file() == before[0]
    assert content(hasty, cluster) == before[1]
    hasty.stack.destroy()


def confirmed(of: Owner, job: str) -> None:
    """In a process of its own: confirms the job, and works on it until it is killed."""
    of.jobs.confirm(job)
    time.sleep(600)


def test_a_killed_server_is_told_as_failed_and_the_file_is_put_back(own: Owner, cluster: Cluster) -> None:
    text, before = own.file(), content(own, cluster)
    job = own.asked(change(Kind.DISABLE))
    child = multiprocessing.get_context("spawn").Process(target=confirmed, args=(own, job.id))
    child.start()
    eventually(lambda: any(e.done for e in own.journal.record(job.id).job.events), "the first operation", 120)  # pyright: ignore[reportOptionalMemberAccess]  # it was begun
    assert own.file() != text, "the file is written while the update runs"
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.join(60)
    # An engine that outlives its server for a moment is waited for.
    eventually(lambda: own.jobs.all()[0].state.ended, "another server to look", 120)
    ended = own.job(job)
    assert (ended.state, ended.problem) == (JobState.FAILED, "the program that worked on it ended in the middle")
    assert "Run `pulumi up`, then `pulumi up --refresh`" in ended.hint
    assert own.file() == text
    # As the hint says.
    own.directory.up()
    own.directory.up(refresh=True)
    assert content(own, cluster) == before
    assert {*containers(cluster.pod(own.namespace))} == {"unseal", "tailscale", "gateway"}
    own.done(change(Kind.HOSTNAME, "later"))


def test_the_policy_packs_words_are_the_refusal(stack: MakeStack, cluster: Cluster) -> None:
    made = stack("exposed-own")
    made.program = PROGRAMS / "exposed.py"
    made.config = {"exposed:by": "node-port", "exposed:namespace": "openclaw-exposed-own"}
    exposed = owner(made, instance("exposed-own"), applied=False)
    text = exposed.file()
    refused = exposed.asked(change(Kind.HOSTNAME, "mine", "exposed-own"))
    assert refused.state == JobState.REFUSED
    assert 'I1: Service "exposed-node-port" is of type NodePort' in refused.problem
    assert refused.preview
    assert refused.preview.refused == refused.problem
    assert exposed.file() == text
    assert cluster.inventory("exposed-own") == {}
    assert [path for path in exposed.journal.directory.iterdir() if path.is_dir()] == []


CANARY = "hskey-auth-canary-5f1d0c7e9b"


@pytest.fixture
def arguments() -> Generator[set[bytes]]:
    """The arguments of all processes that ran meanwhile, as far as one looks at them every few milliseconds."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    yield seen
    over.set()
    thread.join()


def places(of: Owner, job: Job, arguments: set[bytes]) -> Mapping[str, str]:
    return {**of.kept(), "job": job.model_dump_json(), "arguments": b"\n".join(arguments).decode(errors="replace")}


def test_a_pasted_key_is_sealed_and_nowhere_in_plain(stack: MakeStack, cluster: Cluster, arguments: set[bytes]) -> None:
    made = stack("pasted")
    made.config = {f"{PROJECT}:tailnet": {"loginServer": "http://127.0.0.1:1"}}
    made.secret = {f"{INSTANCES}[0].tailscale.authKey.value": "hskey-auth-first-0123456789"}
    pasted = owner(made, instance("pasted", tailscale={"reach": "tcp"}))
    job = pasted.done(change(Kind.AUTH_KEY, of="pasted"), CANARY)
    assert unsealed(cluster, pasted.namespace, "pasted") == CANARY
    assert set(pasted.sidecar()["authKey"]["value"]) == {"secure"}
    assert [command for command in arguments if b"config\0set\0" in command], "it was to be seen how it is encrypted"

    shown = pasted.done(change(Kind.ADDRESS, "address", "pasted"))
    assert shown.preview
    assert shown.preview.steps == ()
    assert pasted.directory.outputs()["instances"]["pasted"]["prefer"] == "address"

    secrets = secrets_of(made, *pasted.declared) | {"the pasted key": CANARY}
    assert hidden_in(places(pasted, job, arguments), secrets) == []
    assert [path for path in pasted.journal.directory.iterdir() if path.is_dir()] == [], "no plan is left"
    made.destroy()


def test_nothing_secret_is_kept_of_any_change(own: Owner, cluster: Cluster, tailnet: Tailnet) -> None:
    secrets = secrets_of(own.stack, *own.declared) | {"the API key": own.stack.world.api_key}
    kept = own.kept()
    assert len([place for place in kept if place.endswith(".jsonl")]) > 5
    assert hidden_in(kept, secrets) == []
    assert [path for path in own.journal.directory.iterdir() if path.is_dir()] == [], "no plan is left"
    own.stack.destroy()
