"""An update that was killed at any point is repaired by the next plain `pulumi up`, and nothing that it made lies about unseen."""

import copy
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from engine_world import Cluster, MakeStack, Stack, Tailnet, Values, eventually, instance, steps

from components.constants import LABEL_STACK
from sandbox.processes import end
from sandbox.stack_config import PROJECT
from sandbox.stack_state import pending
from sandbox.update_lock import locks

OBJECTS = {"Namespace", "PersistentVolumeClaim", "Secret", "ConfigMap", "NetworkPolicy", "Deployment"}


def forget(stack: Stack, name: str) -> None:
    """The state of an update that was killed when the cluster had made `name`, and the engine had not noted it: neither
    the resource nor what comes after it is in the state, and its creation is pending."""
    document: Any = json.loads(stack.state_file.read_text())
    latest = document["checkpoint"]["latest"]
    [lost] = [resource for resource in latest["resources"] if resource["urn"].endswith(f"::{name}")]
    gone, kept = {lost["urn"]}, list[Values]()
    for resource in latest["resources"]:  # each after what it depends on
        if gone & {resource["urn"], resource.get("parent"), *resource.get("dependencies", [])}:
            gone.add(resource["urn"])
        else:
            kept.append(resource)
    begun = {key: value for key, value in copy.deepcopy(lost).items() if key not in ("id", "outputs")}
    latest["resources"], latest["pending_operations"] = kept, [{"resource": begun, "type": "creating"}]
    stack.state_file.write_text(json.dumps(document))


@pytest.fixture(scope="module")
def killed(stack: MakeStack, tailnet: Tailnet) -> Stack:
    made = stack("killed", owned=True)
    made.at(KILLED)
    return made


KILLED = instance("killed", tailscale={"enabled": True}, gateway={"auth": {"mode": "password"}})


@pytest.mark.parametrize(
    "name",
    [
        "guard-pods",
        "guard-pods-binding",
        "killed-namespace",
        "killed-gateway-home",
        "killed-default-deny",
        "killed-gateway-token",
        "killed-tailnet-authkey",
        "killed-config",
        "killed-gateway",
    ],
)
def test_i10_what_a_killed_update_had_made_is_found_again(killed: Stack, cluster: Cluster, name: str) -> None:
    killed.at(KILLED)
    before = {place: json.loads(said)[0] for place, said in cluster.inventory("killed").items()}
    forget(killed, name)
    assert name not in killed.resources()

    result = killed.engine(KILLED).plain_up()

    assert name in steps(result)
    assert cluster.pod("openclaw-killed")
    after = {place: json.loads(said)[0] for place, said in cluster.inventory("killed").items()}
    assert after == before, "the same objects, none beside them"
    again = killed.engine(KILLED).preview()
    assert again.unchanged, steps(again)
    # The engine says by itself what was in doubt, until somebody refreshes.
    assert f"{name}, interrupted while creating" in again.output
    killed.engine(KILLED).up()
    assert "interrupted" not in killed.engine(KILLED).preview().output


def up(stack: Stack, name: str) -> None:
    stack.engine(instance(name)).up()


@pytest.mark.parametrize(("moment", "kind"), [("secret", "Secret"), ("deployment", "Deployment")])
def test_an_engine_that_was_killed_is_followed_by_a_plain_update(
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


def named(cluster: Cluster, kind: str, namespace: str, name: str, labels: dict[str, str]) -> Callable[[], None]:
    """Somebody else's object, under a name that this stack would give; returns what removes it."""
    group, _, plural = cluster.LISTS[kind].rpartition("/")
    place = f"{group}/namespaces/{namespace}/{plural}" if namespace else f"{group}/{plural}"
    assert cluster.create(place, {"metadata": {"name": name, "labels": labels}})
    return lambda: cluster.delete(f"{place}/{name}")


@pytest.mark.parametrize(
    ("labels", "owner"),
    [({}, "was there before and belongs to no stack"), ({LABEL_STACK: "other"}, "belongs to the stack other")],
)
def test_i12_what_others_made_is_not_adopted(
    killed: Stack, cluster: Cluster, labels: dict[str, str], owner: str
) -> None:
    killed.at(KILLED)
    theirs = instance("theirs")
    remove = named(cluster, "Namespace", "", "openclaw-theirs", labels)
    try:
        before = cluster.one("Namespace", "", "openclaw-theirs")
        for operation in (killed.preview, killed.up):
            with pytest.raises(Exception, match=f"I12: openclaw-theirs {owner}"):
                operation(KILLED, theirs)
        assert cluster.one("Namespace", "", "openclaw-theirs")["metadata"]["uid"] == before["metadata"]["uid"]
        assert cluster.one("Namespace", "", "openclaw-theirs")["metadata"]["labels"] == before["metadata"]["labels"]

        cluster.merge(
            "/api/v1/namespaces/openclaw-theirs",
            {"metadata": {"annotations": {"openclaw-tailnet/hand-over": "killed"}}},
        )
        killed.up(KILLED, theirs)
        assert cluster.one("Namespace", "", "openclaw-theirs")["metadata"]["uid"] == before["metadata"]["uid"]
        assert cluster.pod("openclaw-theirs")
    finally:
        killed.up(KILLED)
        remove()
        eventually(lambda: cluster.get("/api/v1/namespaces/openclaw-theirs") is None, "the namespace to go")
