"""The adapter on a real headscale, with real devices: the policy decides, keys let in, what is deleted is gone."""

import json
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.home import Home
from sandbox.tailnet.headscale import HeadscaleConfig, connected, device_key, setup
from sandbox.tailnet.policy import PLACEHOLDER, Policy, PolicyEnforcer, PolicyRefused
from tests.support.headscale_world import ALICE, BOB, CAROL, World, running, serving
from tests.support.recorded import CASES

HOME, LAB = "tag:openclaw-home", "tag:openclaw-lab"
POLICY: dict[str, Any] = {
    "groups": {"group:home-users": [ALICE]},
    "tagOwners": {HOME: [], LAB: []},
    "grants": [
        {"src": ["group:home-users"], "dst": [HOME], "ip": ["tcp:443"]},
        {"src": [BOB], "dst": [LAB], "ip": ["tcp:443"]},
    ],
    "tests": [
        {"src": ALICE, "proto": "tcp", "accept": [f"{HOME}:443"], "deny": [f"{HOME}:18789", f"{LAB}:443"]},
        {"src": BOB, "proto": "tcp", "accept": [f"{LAB}:443"], "deny": [f"{HOME}:443"]},
        {"src": HOME, "proto": "tcp", "deny": [f"{LAB}:443"]},
    ],
}


@pytest.fixture(scope="module")
def bin_dir() -> Path:
    path = Home.from_env().bin
    if missing := [tool for tool in ("headscale", "tailscaled", "tailscale") if not (path / tool).exists()]:
        pytest.fail(f"{path} has no {', '.join(missing)}: run `make tools`")
    return path


@pytest.fixture
def world(tmp_path: Path, bin_dir: Path) -> Generator[World]:
    places = Home(tmp_path, bin_dir)
    places.create()
    config = HeadscaleConfig(port=places.port("headscale"))
    config.write(places.tailnet)
    with serving(places.tailnet, bin_dir, config, places.port("adapter")) as world:
        yield world


@dataclass(frozen=True)
class Device:
    """A tailscaled in userspace: no interface, no privileges, nothing kept."""

    world: World
    socket: Path

    def cli(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        line = [str(self.world.bin / "tailscale"), f"--socket={self.socket}", *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=timeout, check=False)

    def join(self, name: str, key: str, patience: int = 30) -> subprocess.CompletedProcess[str]:
        control = f"--login-server={self.world.config.url}"
        return self.cli("up", control, f"--auth-key={key}", f"--hostname={name}", f"--timeout={patience}s")

    def peers(self) -> set[str]:
        status: dict[str, Any] = json.loads(self.cli("status", "--json").stdout)
        peers: dict[str, dict[str, Any]] = status["Peer"] or {}
        return {peer["HostName"] for peer in peers.values()}


@contextmanager
def device(world: World, name: str) -> Generator[Device]:
    socket = world.home / f"{name}.sock"
    arguments = ["--tun=userspace-networking", "--state=mem:", f"--socket={socket}", "--port=0", "--no-logs-no-support"]
    # Nothing may leave the machine: no port mapping, and the hosted control server is a reason to crash.
    environment = {
        "TS_ASSUME_NETWORK_UP_FOR_TEST": "1",
        "TS_DISABLE_PORTMAPPER": "1",
        "TS_PANIC_IF_HIT_MAIN_CONTROL": "1",
    }
    with running(world.home / f"{name}.log", [str(world.bin / "tailscaled"), *arguments], **environment):
        eventually(socket.exists, f"{socket} to appear")
        yield Device(world, socket)


def eventually(condition: Any, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def test_headscale_decides_the_policys_tests_before_any_device_exists(world: World) -> None:
    default = {"If-Match": '"ts-default"'}
    wrong = {**POLICY, "tests": [*POLICY["tests"], {"src": BOB, "accept": [f"{HOME}:443"]}]}
    failed = {
        "message": "test(s) failed",
        "data": [{"user": BOB, "errors": [f'address "{HOME}:443": want: Accept, got: Drop']}],
    }
    refused = world.call("POST", "/tailnet/-/acl", json=wrong, headers=default)
    assert (refused.status_code, refused.json()) == (400, failed)
    assert world.call("POST", "/tailnet/-/acl/validate", json=wrong).json() == failed
    assert world.call("POST", "/tailnet/-/acl/validate", json=POLICY).json() == {}
    assert world.call("POST", "/tailnet/-/acl", json=POLICY, headers=default).status_code == 200
    assert world.call("POST", "/tailnet/-/acl", json=POLICY, headers=default).status_code == 412
    assert world.call("POST", "/tailnet/-/acl/validate", json=[{"src": CAROL, "deny": [f"{LAB}:443"]}]).json() == {}
    asked = [{"src": ALICE, "accept": [f"{LAB}:443"]}, {"src": "nobody@example.com", "deny": [f"{LAB}:443"]}]
    errors = world.call("POST", "/tailnet/-/acl/validate", json=asked).json()["data"]
    assert [error["user"] for error in errors] == [ALICE, "nobody@example.com"]
    with connected(world.home) as control:
        assert [node for node in control.nodes() if node.name.startswith(PLACEHOLDER)] == []
        assert json.loads(control.policy() or "") == {key: value for key, value in POLICY.items() if key != "tests"}


def test_a_tag_that_the_policy_lacks_gets_no_key(world: World) -> None:
    body = {"capabilities": {"devices": {"create": {"tags": [HOME]}}}}
    refused = world.call("POST", "/tailnet/-/keys", json=body)
    assert (refused.status_code, refused.json()) == (
        400,
        {"message": f"requested tags [{HOME}] are invalid or not permitted"},
    )
    assert world.call("POST", "/tailnet/-/acl", json=POLICY).status_code == 200
    assert world.call("POST", "/tailnet/-/keys", json=body).status_code == 200


def test_devices_join_with_their_keys_and_see_whom_they_may_reach(world: World) -> None:
    world.call("POST", "/tailnet/-/acl", json=POLICY)
    key = world.key(HOME)
    with device(world, "gateway") as gateway, device(world, "alice") as alice, device(world, "bob") as bob:
        joined = gateway.join("openclaw-home", key["key"])
        assert joined.returncode == 0, joined.stderr
        for person, laptop in ((ALICE, alice), (BOB, bob)):
            joined = laptop.join(f"laptop-{person.partition('@')[0]}", device_key(world.home, person))
            assert joined.returncode == 0, joined.stderr

        eventually(lambda: len(world.devices()) == 3, "three devices")
        listed = world.devices()
        assert (listed["openclaw-home"]["tags"], listed["openclaw-home"]["keyExpiryDisabled"]) == ([HOME], True)
        assert listed["openclaw-home"]["name"] == "openclaw-home.sandbox.internal"
        assert (listed["laptop-alice"]["tags"], listed["laptop-alice"]["user"]) == ([], ALICE)
        assert all(device["connectedToControl"] for device in listed.values())
        eventually(lambda: alice.peers() == {"openclaw-home"}, "alice to see her gateway")
        eventually(lambda: bob.peers() == set(), "bob to see nobody")

        # Used once: invalid, and no second device gets in.
        assert world.call("GET", f"/tailnet/-/keys/{key['id']}").json()["invalid"] is True
        with device(world, "second") as second:
            assert second.join("openclaw-home", key["key"], patience=5).returncode != 0

        # Tests are decided with the real devices there, too.
        stolen = {"src": [BOB], "dst": [HOME], "ip": ["tcp:443"]}
        wider = {**POLICY, "grants": [*POLICY["grants"], stolen]}
        assert world.call("POST", "/tailnet/-/acl", json=wider).json()["message"] == "test(s) failed"
        assert bob.peers() == set()
        narrower: dict[str, Any] = {"tagOwners": POLICY["tagOwners"], "grants": []}
        assert world.call("POST", "/tailnet/-/acl", json=narrower).status_code == 200
        eventually(lambda: alice.peers() == set(), "alice to be cut off")

        path = f"/device/{listed['openclaw-home']['id']}"
        assert world.call("DELETE", path).status_code == 200
        assert world.call("GET", path).status_code == 404
        assert "openclaw-home" not in world.devices()


def test_a_revoked_key_lets_nobody_in_and_those_inside_stay(world: World) -> None:
    world.call("POST", "/tailnet/-/acl", json=POLICY)
    key = world.key(HOME, reusable=True)
    with device(world, "first") as first, device(world, "late") as late:
        assert first.join("first", key["key"]).returncode == 0
        assert world.call("GET", f"/tailnet/-/keys/{key['id']}").json()["invalid"] is False
        assert world.call("DELETE", f"/tailnet/-/keys/{key['id']}").status_code == 200
        assert world.call("GET", f"/tailnet/-/keys/{key['id']}").json()["invalid"] is True
        assert late.join("late", key["key"], patience=5).returncode != 0
        assert set(world.devices()) == {"first"}
        assert world.devices()["first"]["connectedToControl"] is True


def test_a_restart_keeps_policy_keys_and_credentials(tmp_path: Path, bin_dir: Path) -> None:
    places = Home(tmp_path, bin_dir)
    places.create()
    config = HeadscaleConfig(port=places.port("headscale"))
    config.write(places.tailnet)
    written = (places.tailnet / "headscale.yaml").read_bytes()
    with serving(places.tailnet, bin_dir, config, places.port("adapter")) as before:
        text = before.call("POST", "/tailnet/-/acl", json=POLICY).text
        key = before.key(LAB)["id"]
    HeadscaleConfig(port=places.port("headscale")).write(places.tailnet)
    assert (places.tailnet / "headscale.yaml").read_bytes() == written
    with serving(places.tailnet, bin_dir, config, places.port("adapter")) as after:
        assert after.credentials == before.credentials
        assert after.call("GET", "/tailnet/-/acl").text == text
        assert after.call("GET", f"/tailnet/-/keys/{key}").json()["invalid"] is False
        assert after.devices() == {}


if CASES:
    # Same refusal, other words: headscale adds where in the document it stands.
    REWORDED = {"acl-err06", "grant-j7"}

    def test_policies_are_accepted_and_refused_as_the_hosted_service_does(world: World) -> None:
        setup(world.home, {user["email"] for case in CASES for user in case["users"]})
        differing: list[str] = []
        with connected(world.home) as control:
            enforcer = PolicyEnforcer(control)
            for case in CASES:
                text = case["policy"] if isinstance(case["policy"], str) else json.dumps(case["policy"])
                said: str | None = None
                try:
                    enforcer.check(Policy.parse(text), None)
                except PolicyRefused as error:
                    said = error.message
                wanted = case["answer"]["message"] if case["status"] == 400 else None
                if said != wanted and not (said and wanted and case["id"] in REWORDED):
                    differing.append(f"{case['id']}: {wanted!r} became {said!r}")
            assert control.nodes() == []
        assert differing == []
