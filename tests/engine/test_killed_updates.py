"""An update that was killed at any point is repaired by the next plain `pulumi up`, and nothing that it made lies about unseen."""

import json
import multiprocessing
import os
import signal
from collections.abc import Generator
from typing import Any

import httpx
import pytest

from components.constants import LABEL_STACK, PROJECT
from engine.errors import EngineError
from engine.locks import locks
from engine.processes import end
from engine.state import pending
from tests.support.engine_world import Cluster, MakeStack, Stack, Tailnet, Values, eventually, instance, steps

KILLED = instance("killed", tailscale={"enabled": True})


def forget(stack: Stack, name: str) -> None:
    """The state of an update that was killed when the cluster had made `name`, and the engine had not noted it: neither
    the object nor those that depend on it are in the state, and its creation is pending."""
    document: Any = json.loads(stack.state_file.read_text())
    latest = document["checkpoint"]["latest"]
    [lost] = [resource for resource in latest["resources"] if resource["urn"].endswith(f"::{name}")]
    gone, kept = {lost["urn"]}, list[Values]()
    for resource in latest["resources"]:  # each after what it depends on
        depends = resource["type"].startswith("kubernetes:") and gone & set(resource.get("dependencies", []))
        if resource is lost or depends:
            gone.add(resource["urn"])
        else:
            kept.append(resource)
    for resource in kept:  # components wait for what is gone
        resource["dependencies"] = [urn for urn in resource.get("dependencies", []) if urn not in gone]
    begun = {key: value for key, value in lost.items() if key not in ("id", "outputs")}
    latest["resources"], latest["pending_operations"] = kept, [{"resource": begun, "type": "creating"}]
    stack.state_file.write_text(json.dumps(document))


def objects(cluster: Cluster) -> dict[str, str]:
    """The stack's objects in the cluster: uid by place."""
    return {place: json.loads(said)[0] for place, said in cluster.inventory("killed").items()}


@pytest.fixture(scope="module")
def killed(stack: MakeStack, tailnet: Tailnet) -> Stack:
    new_stack = stack("killed", owned=True)
    new_stack.at(KILLED)
    return new_stack


@pytest.mark.parametrize(
    "name",
    [
        "guard-pods",
        "killed-namespace",
        "killed-gateway-home",
        "killed-default-deny",
        "killed-gateway-token",
        "killed-config",
        "killed-gateway",
    ],
)
def test_i10_what_a_killed_update_had_made_is_found_again(killed: Stack, cluster: Cluster, name: str) -> None:
    killed.at(KILLED)
    before = objects(cluster)
    forget(killed, name)
    assert name not in killed.resources()

    result = killed.engine(KILLED).plain_up()

    assert steps(result)[name] == "create"
    assert cluster.pod("openclaw-killed")
    assert objects(cluster) == before, "the same objects, none beside them"
    # The engine names what was in doubt at each update, until it is told that nothing is.
    assert f"{name}, interrupted while creating" in result.output
    again = killed.engine(KILLED).up()
    assert f"{name}, interrupted while creating" in again.output
    assert again.unchanged, steps(again)
    assert not pending(killed.world.home.state, PROJECT, "killed")


def up(stack: Stack, name: str) -> None:
    stack.engine(instance(name)).up()


@pytest.mark.parametrize(("moment", "kind"), [("secret", "Secret"), ("deployment", "Deployment")])
def test_a_killed_engine_is_followed_by_a_plain_update(
    stack: MakeStack, cluster: Cluster, moment: str, kind: str
) -> None:
    name = f"cut-{moment}"
    cut = stack(name)
    # A process of its own: the program's side of a killed engine does not end well.
    child = multiprocessing.get_context("spawn").Process(target=up, args=(cut, name))
    child.start()
    path = f"{cluster.LISTS[kind]}?labelSelector={LABEL_STACK}%3D{name}"
    eventually(lambda: cluster.items(path), f"the first {kind}")
    [lock] = locks(cut.world.home.state, PROJECT, name)
    os.kill(lock.pid, signal.SIGKILL)
    child.join(60)
    assert child.exitcode == 1
    done = cut.resources()
    assert f"{name}-namespace" in done, "it was to be killed in the middle, not at the beginning"
    assert f"{name}-gateway" not in done, "it was to be killed in the middle, not at the end"

    # As `make up` begins: the policy pack's server outlives its engine.
    end(cut.world.orphans())
    assert cut.world.orphans() == []
    engine = cut.engine(instance(name))
    engine.plain_up()
    assert cluster.pod(f"openclaw-{name}")
    secrets = cluster.names("Secret", f"openclaw-{name}")
    assert len(secrets) == 3, f"token, sealed key and its key, and nothing that was left: {secrets}"
    assert len(cluster.names("ConfigMap", f"openclaw-{name}") - {"kube-root-ca.crt"}) == 2
    engine.up()
    assert not pending(cut.world.home.state, PROJECT, name)
    after = cut.preview(instance(name))
    assert after.unchanged, steps(after)


@pytest.fixture
def theirs(killed: Stack, cluster: Cluster, request: pytest.FixtureRequest) -> Generator[Any]:
    """A namespace of somebody else, under the name that an instance of ours would have."""
    killed.at(KILLED)
    metadata = {"name": "openclaw-theirs", "labels": {"kept": "yes", **request.param}}
    assert cluster.create("/api/v1/namespaces", {"metadata": metadata})
    yield cluster.one("Namespace", "", "openclaw-theirs")["metadata"]
    killed.up(KILLED)
    cluster.delete("/api/v1/namespaces/openclaw-theirs")
    eventually(lambda: cluster.get("/api/v1/namespaces/openclaw-theirs") is None, "the namespace to go")


@pytest.mark.parametrize("theirs", [{}], indirect=True)
def test_i12_what_a_person_made_is_not_adopted(killed: Stack, cluster: Cluster, theirs: Any) -> None:
    with pytest.raises(EngineError, match="the namespace openclaw-theirs was there before and belongs to no stack"):
        killed.up(KILLED, instance("theirs"))
    assert cluster.one("Namespace", "", "openclaw-theirs")["metadata"] == theirs


@pytest.mark.parametrize("theirs", [{LABEL_STACK: "other"}], indirect=True)
def test_i12_what_another_stack_made_is_adopted_only_when_it_is_handed_over(
    killed: Stack, cluster: Cluster, theirs: Any
) -> None:
    with pytest.raises(EngineError, match="the namespace openclaw-theirs belongs to the stack other") as refused:
        killed.preview(KILLED, instance("theirs"))
    assert cluster.one("Namespace", "", "openclaw-theirs")["metadata"] == theirs
    assert "kubectl annotate namespace openclaw-theirs openclaw-tailnet/hand-over=killed" in str(refused.value)

    handed = {"metadata": {"annotations": {"openclaw-tailnet/hand-over": "killed"}}}
    cluster.merge("/api/v1/namespaces/openclaw-theirs", handed)
    killed.up(KILLED, instance("theirs"))
    now = cluster.one("Namespace", "", "openclaw-theirs")["metadata"]
    assert (now["uid"], now["labels"][LABEL_STACK], now["labels"]["kept"]) == (theirs["uid"], "killed", "yes")
    assert cluster.pod("openclaw-theirs")


def test_i12_nobody_takes_an_object_out_of_its_stack(killed: Stack, cluster: Cluster) -> None:
    killed.at(KILLED)
    for label in ("other", None):
        with pytest.raises(httpx.HTTPStatusError, match="openclaw-killed belongs to the stack killed"):
            cluster.merge("/api/v1/namespaces/openclaw-killed", {"metadata": {"labels": {LABEL_STACK: label}}})
