"""The sandbox's decisions: what it generates for the parts, whom it counts as its own, when a lock is stale."""

import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from engine import configuration, locks, state
from engine.processes import end
from sandbox import control_plane, processes, provisioner, supervisor
from sandbox.errors import SandboxError
from sandbox.home import MARKER, Home, exclusive
from sandbox.kube import Object
from sandbox.stack import Machine
from sandbox.world import people_of

STATE = "openclaw-tailnet"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "bin")
    home.create()
    return home


# Places


def test_ports_are_chosen_once_and_differ(home: Home) -> None:
    ports = [home.port(name) for name in ("etcd", "kube-apiserver", "headscale")]
    assert len(set(ports)) == 3
    assert [Home(home.root, home.bin).port(name) for name in ("etcd", "kube-apiserver", "headscale")] == ports


def test_two_homes_are_two_clusters(tmp_path: Path) -> None:
    assert Home(tmp_path / "a", tmp_path).cluster != Home(tmp_path / "b", tmp_path).cluster


def test_secrets_are_made_once_and_closed_to_others(home: Home) -> None:
    made = home.secret("passphrase")
    assert len(made) == 64
    assert home.secret("passphrase") == made
    assert (home.run / "passphrase").stat().st_mode & 0o777 == 0o600
    assert home.run.stat().st_mode & 0o777 == 0o700


def test_the_second_command_is_told_who_is_first(home: Home) -> None:
    with exclusive(home, "sandbox up"), pytest.raises(SandboxError, match=rf"`sandbox up` \(pid {os.getpid()}\)"):  # noqa: SIM117
        with exclusive(home, "sandbox down"):
            pass


def test_removing_leaves_only_the_tools(home: Home) -> None:
    home.bin.mkdir()
    home.secret("passphrase")
    home.kubeconfig.write_text("")
    home.remove()
    assert list(home.root.iterdir()) == []
    assert home.bin.is_dir()


# Control plane


def test_nothing_of_the_control_plane_listens_beyond_loopback(home: Home) -> None:
    addresses = [
        word.partition("=")[2]
        for part in control_plane.parts(home, simulated=True)
        for word in part.command
        if "address" in word.partition("=")[0] or "listen" in word or "-urls" in word
    ]
    assert len(addresses) >= 8
    assert {re.sub(r"^http://|:\d+$", "", address) for address in addresses} <= {"127.0.0.1", "InternalIP"}


def test_every_part_of_the_control_plane_says_when_it_is_ready(home: Home) -> None:
    made = control_plane.parts(home, simulated=True)
    assert [part.name for part in made if not (part.health_url or part.ready_line)] == []


def test_a_real_node_has_no_kwok_beside_it(home: Home) -> None:
    both = [{part.name for part in control_plane.parts(home, simulated)} for simulated in (False, True)]
    assert both[1] - both[0] == {"kwok"}


def test_certificates_are_made_once_and_closed_to_others(home: Home) -> None:
    control_plane.prepare(home)
    before = {path.name: path.read_bytes() for path in control_plane.pki(home).iterdir()}
    assert set(before) == {f"{name}.{end}" for name in ("ca", "apiserver", "admin") for end in ("crt", "key")}
    control_plane.prepare(home)
    assert before == {path.name: path.read_bytes() for path in control_plane.pki(home).iterdir()}
    keys = [*control_plane.pki(home).glob("*.key"), home.kubeconfig]
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}


def test_the_api_server_proves_who_it_is_to_a_strict_client(home: Home) -> None:
    control_plane.prepare(home)
    made = control_plane.pki(home)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made / "apiserver.crt", made / "apiserver.key")
    client = ssl.create_default_context(cafile=str(made / "ca.crt"))
    # What Python asks for from 3.13 on.
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    answering = server.wrap_bio(ours, theirs, server_side=True)
    asking = client.wrap_bio(theirs, ours, server_hostname="127.0.0.1")
    for _ in range(4):
        for side in (asking, answering):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert asking.getpeercert()


def test_kwok_leaves_a_real_node_alone(home: Home) -> None:
    kwok = next(part for part in control_plane.parts(home, simulated=True) if part.name == "kwok")
    arguments = dict(word.removeprefix("--").split("=", 1) for word in kwok.command if word.startswith("--"))
    assert arguments["manage-all-nodes"] == "false"
    key, _, value = arguments["manage-nodes-with-annotation-selector"].partition("=")
    assert control_plane.simulated_node()["metadata"]["annotations"] == {key: value}


# Supervision


def test_parts_become_supervised_processes() -> None:
    first = supervisor.Part("first", ["/bin/first", "$HOME"], health_url="http://127.0.0.1:8080/health")
    second = supervisor.Part("second", ["/bin/second"], ready_line="ready", after=("first",), environment={"B": "1"})
    third = supervisor.Part("third", ["/bin/third"], after=("second",))
    project = yaml.safe_load(yaml.safe_dump(supervisor.composition([first, second, third], Path("/logs"), Path("/x"))))
    made = project["processes"]
    assert project["disable_env_expansion"] is True
    assert made["first"]["entrypoint"] == ["/bin/first", "$HOME"]
    probe = made["first"]["readiness_probe"]["http_get"]
    assert probe == {"host": "127.0.0.1", "port": "8080", "scheme": "http", "path": "/health"}
    assert made["second"]["depends_on"] == {"first": {"condition": "process_healthy"}}
    assert made["second"]["ready_log_line"] == "ready"
    assert made["second"]["environment"] == ["B=1"]
    assert made["third"]["depends_on"] == {"second": {"condition": "process_log_ready"}}
    assert {process["availability"]["restart"] for process in made.values()} == {"always"}
    assert made["third"]["log_location"] == "/logs/third.log"


def test_a_socket_path_that_cannot_work_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="too long for a Unix socket"):
        supervisor.Supervisor(Home(tmp_path / ("x" * 100), tmp_path))


# Processes


def test_only_marked_processes_are_ours(home: Home) -> None:
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    with (
        subprocess.Popen(command, env=home.environment(), stdout=subprocess.PIPE) as ours,
        subprocess.Popen(command, stdout=subprocess.PIPE) as theirs,
        subprocess.Popen(command, env={**os.environ, MARKER: "another"}, stdout=subprocess.PIPE) as another,
    ):
        for child in (ours, theirs, another):
            assert child.stdout is not None
            child.stdout.readline()
        assert [process.pid for process in processes.members(home)] == [ours.pid]
        end(processes.members(home))
        assert ours.wait(5) == -signal.SIGTERM
        assert theirs.poll() is None
        theirs.kill()
        another.kill()


def test_a_number_that_was_given_to_another_process_is_not_signalled() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        started = processes.start_time(child.pid)
        assert started is not None
        stale = processes.Process(child.pid, started - 1)
        assert not stale.alive()
        end([stale])
        assert child.poll() is None
        assert processes.Process(child.pid, started).alive()
        child.kill()


# The engine's lock and state


@pytest.mark.parametrize(
    ("hostname", "engine_lives", "stale"), [("here", True, False), ("here", False, True), ("elsewhere", False, False)]
)
def test_a_lock_is_stale_only_when_its_engine_on_this_machine_is_gone(
    hostname: str, engine_lives: bool, stale: bool
) -> None:
    assert locks.UpdateLock(7, hostname).stale("here", lambda pid: engine_lives) is stale


def test_locks_are_read_from_the_backend(tmp_path: Path) -> None:
    directory = tmp_path / ".pulumi" / "locks" / "organization" / STATE / "sandbox"
    directory.mkdir(parents=True)
    (directory / "a.json").write_text(json.dumps({"pid": 41, "username": "x", "hostname": "here", "timestamp": ""}))
    assert locks.locks(tmp_path, STATE, "sandbox") == [locks.UpdateLock(41, "here")]
    assert locks.locks(tmp_path, STATE, "other") == []


def test_a_process_that_is_no_engine_holds_no_lock() -> None:
    assert not locks.runs_engine(os.getpid())
    assert not locks.runs_engine(0)


def _write_state(directory: Path, **latest: object) -> None:
    path = directory / ".pulumi" / "stacks" / STATE / "sandbox.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"checkpoint": {"latest": latest or None}}))


def test_pending_operations_are_seen(tmp_path: Path) -> None:
    assert not state.pending(tmp_path, STATE, "sandbox")
    _write_state(tmp_path, pending_operations=[{"type": "creating"}])
    assert state.pending(tmp_path, STATE, "sandbox")


def test_an_empty_state_has_nothing(tmp_path: Path) -> None:
    _write_state(tmp_path)
    assert not state.pending(tmp_path, STATE, "sandbox")
    assert state.outputs(tmp_path, STATE, "sandbox") == {}


def test_outputs_show_no_secret(tmp_path: Path) -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "abc"}
    outputs = {"tokens": {"home": secret}, "instances": {"home": {"address": "a"}}, "list": [secret, 1]}
    _write_state(tmp_path, resources=[{"type": "pulumi:pulumi:Stack", "outputs": outputs}])
    assert state.outputs(tmp_path, STATE, "sandbox") == {
        "tokens": {"home": state.HIDDEN},
        "instances": {"home": {"address": "a"}},
        "list": [state.HIDDEN, 1],
    }


# The stack file


def _config(source: Path, key: str = "k") -> configuration.StackConfig:
    machine = Machine(Path("/home/kubeconfig"), "http://127.0.0.1:1", key)
    return configuration.StackConfig(source, machine.plain(), machine.secret())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.sandbox.yaml"
    path.write_text(
        "config:\n  openclaw-tailnet:tailnet: {name: x.internal}\n  openclaw-tailnet:instances: [{id: a}]\n"
    )
    return path


def test_the_machines_values_are_laid_over_the_stack_file(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "work.yaml"
    assert configuration.write(_config(source), target)
    config = yaml.safe_load(target.read_text())["config"]
    assert config["openclaw-tailnet:tailnet"] == {"name": "x.internal", "apiUrl": "http://127.0.0.1:1"}
    assert config["openclaw-tailnet:cluster"] == {"kubeconfig": "/home/kubeconfig", "context": "sandbox"}
    assert config["openclaw-tailnet:instances"] == [{"id": "a"}]
    assert "apiKey" not in target.read_text()


def test_an_unchanged_stack_file_keeps_its_encrypted_values(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "work.yaml"
    configuration.write(_config(source), target)
    configuration.seal(_config(source), target)
    target.write_text(target.read_text() + "encryptionsalt: v1:salt\n")
    assert not configuration.write(_config(source), target)
    assert configuration.write(_config(source, key="another"), target)
    assert yaml.safe_load(target.read_text())["encryptionsalt"] == "v1:salt"


def test_a_stack_file_without_its_secrets_is_written_again(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "work.yaml"
    configuration.write(_config(source), target)
    assert configuration.write(_config(source), target)


def test_the_tailnet_knows_everybody_that_the_stack_names(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    tailnet = {"name": "t.internal", "tagOwners": ["a@x.com", "autogroup:admin"], "groups": {"group:g": ["b@x.com"]}}
    instances = [{"id": "i", "people": ["c@x.com", "group:g", "a@x.com"]}]
    config = {"openclaw-tailnet:tailnet": tailnet, "openclaw-tailnet:instances": instances}
    path.write_text(yaml.safe_dump({"config": config}))
    people = people_of(path)
    assert people.domain == "t.internal"
    assert people.logins == ("a@x.com", "b@x.com", "c@x.com")


# Storage


def _claim(**spec: object) -> Object:
    return {
        "metadata": {"name": "c", "namespace": "n", "uid": "u", "annotations": {provisioner.SELECTED_NODE: "node-1"}},
        "spec": {
            "storageClassName": "sandbox",
            "accessModes": ["ReadWriteOncePod"],
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
    }


def test_a_claim_gets_a_volume_on_its_node_with_its_modes() -> None:
    volume = provisioner.wanted_volume(_claim(), Path("/volumes"))
    assert volume is not None
    spec = volume["spec"]
    assert spec["accessModes"] == ["ReadWriteOncePod"]
    assert spec["local"] == {"path": "/volumes/pvc-u"}
    assert spec["claimRef"]["uid"] == "u"
    expression = spec["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]
    assert expression["values"] == ["node-1"]


@pytest.mark.parametrize("spec", [{"storageClassName": "other"}, {"volumeName": "pvc-u"}])
def test_claims_of_others_and_bound_ones_get_none(spec: dict[str, str]) -> None:
    assert provisioner.wanted_volume(_claim(**spec), Path("/volumes")) is None


def test_a_claim_waits_for_the_scheduler() -> None:
    claim = _claim()
    claim["metadata"]["annotations"] = {}
    assert provisioner.wanted_volume(claim, Path("/volumes")) is None


@pytest.mark.parametrize(("has", "grows"), [("512Mi", "1Gi"), ("1Gi", None), ("2Gi", None)])
def test_a_claim_grows_but_never_shrinks(has: str, grows: str | None) -> None:
    claim = _claim(volumeName="pvc-u") | {"status": {"phase": "Bound", "capacity": {"storage": has}}}
    assert provisioner.growth(claim) == grows


@pytest.mark.parametrize(
    ("phase", "policy", "by", "gone"),
    [
        ("Released", "Delete", control_plane.PROVISIONER, True),
        ("Bound", "Delete", control_plane.PROVISIONER, False),
        ("Released", "Retain", control_plane.PROVISIONER, False),
        ("Released", "Delete", "somebody-else", False),
    ],
)
def test_only_our_released_volumes_are_deleted(phase: str, policy: str, by: str, gone: bool) -> None:
    volume: Object = {
        "metadata": {"annotations": {provisioner.PROVISIONED_BY: by}},
        "spec": {"persistentVolumeReclaimPolicy": policy},
        "status": {"phase": phase},
    }
    assert provisioner.released(volume) is gone


@pytest.mark.parametrize(("quantity", "size"), [("1Gi", 2**30), ("64Mi", 2**26), ("10", 10), ("1.5k", 1500)])
def test_sizes_are_read(quantity: str, size: int) -> None:
    assert provisioner.size(quantity) == size
