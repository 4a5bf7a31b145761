"""The join material of a machine: read by the programs that will read it there, and the enrolment run for real."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.nodes.host import ENROL_SCRIPT
from tests.support.configs import Raw, smallest
from tests.support.harness import run_program
from tests.support.invariants_nodes import plist_of

TOKEN = "OPENCLAW_GATEWAY_TOKEN"


def material(kind: str, instance: Raw | None = None, **node: Any) -> str:
    """The stack's output about a node of this kind."""
    entry = {"id": "build", "kind": kind, "gateway": "home", **node}
    return run_program({**smallest(**(instance or {})), "nodes": [entry]}).exports.plain["join"]["build"]


def files(text: str) -> dict[str, Any]:
    """The files of a user-data document, by path."""
    return {file["path"]: file for file in json.loads(text.removeprefix("#cloud-config\n"))["write_files"]}


def checked(command: list[str], text: str = "") -> str:
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


LINUX = material("linux")
UNIT = files(LINUX)["/etc/systemd/system/openclaw-node.service"]["content"]


def test_i4_secrets_are_in_files_that_only_root_reads() -> None:
    secret = {path for path, file in files(LINUX).items() if TOKEN in file["content"] or "tskey" in file["content"]}
    # The enrolment names no secret: it takes the variable's name from the file.
    assert secret == {"/etc/openclaw-node/tailnet-key", "/var/lib/openclaw-node/gateway-secret"}
    for path in secret:
        assert (files(LINUX)[path]["permissions"], files(LINUX)[path]["owner"]) == ("0600", "root:root")


def test_the_join_script_is_shell_and_removes_the_key() -> None:
    script = files(LINUX)["/usr/local/sbin/openclaw-node-join"]["content"]
    checked(["sh", "-n"], script)
    assert script.startswith("#!/bin/sh\n")
    assert "rm -f /etc/openclaw-node/tailnet-key" in script
    assert "tailscale=1.102.3" in script
    assert "openclaw@2026.9.6" in script
    assert "--shields-up" in script
    assert "--shields-up" not in material("linux", people=["you@example.com"])


def test_the_versions_are_those_of_the_images() -> None:
    text = material("linux", {"gateway": {"image": "example.com/openclaw:2026.9.5@sha256:" + "0" * 64}})
    assert "openclaw@2026.9.5" in text


def test_the_node_process_is_not_root_and_is_confined() -> None:
    lines = UNIT.splitlines()
    for line in ("User=openclaw-node", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict"):
        assert line in lines
    assert "Restart=always" in lines
    assert any(line.startswith("IPAddressDeny=169.254.0.0/16") for line in lines), "the metadata has the user-data"
    assert TOKEN not in UNIT


@pytest.mark.parametrize("reach", ["https", "http", "tcp"])
def test_a_mac_s_script_is_shell_and_leaves_an_agent_without_secrets(reach: str) -> None:
    text = material("mac", {"tailscale": {"reach": reach}})
    checked(["sh", "-n"], text)
    agent = plist_of(text)
    assert agent["KeepAlive"] is True
    assert TOKEN not in json.dumps(agent)
    assert ("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS" in agent["EnvironmentVariables"]) is (reach != "https")
    assert ENROL_SCRIPT in text


def test_a_phone_s_guide_has_no_secret() -> None:
    text = material("mobile")
    assert "tskey" not in text
    assert "wss://openclaw-home.example.ts.net" in text
    assert "you@example.com" in text


# What stands for the node host: it says what the real one said, and ends when it is told to, or waits for ever.
HOST = """\
import os, sys, time
from pathlib import Path
count = Path(sys.argv[1])
number = int(count.read_text() or 0) + 1
count.write_text(str(number))
assert os.environ["OPENCLAW_GATEWAY_TOKEN"] == "of=the=gateway"
print("[node-host] advertised commands: system.run")
if number < 3:
    print("node host gateway reconnect paused after close (1008): detail=PAIRING_REQUIRED; waiting for operator action")
else:
    print("node host gateway connected: ws://openclaw-home.example.ts.net:80")
sys.stdout.flush()
time.sleep(60)
"""


def test_the_enrolment_asks_until_it_is_approved_and_then_forgets_the_secret(tmp_path: Path) -> None:
    host, count, marker, secret = (tmp_path / name for name in ("host.py", "count", "marker", "secret"))
    host.write_text(HOST)
    count.write_text("")
    secret.write_text(f"{TOKEN}=of=the=gateway\n")
    script = tmp_path / "enrol.mjs"
    script.write_text(ENROL_SCRIPT)
    command = ["node", str(script), str(marker), str(secret), "python3", str(host), str(count)]
    environment = {"PATH": os.environ["PATH"], "ENROL_REPEAT_MS": "10"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert count.read_text() == "3"
    assert marker.exists()
    assert not secret.exists()
    assert "of=the=gateway" not in result.stdout + result.stderr
    # Once is enough, also without the secret.
    subprocess.run(command, env=environment, timeout=60, check=True)
    assert count.read_text() == "3"


def test_the_enrolment_in_a_pod_takes_the_secret_from_its_environment(tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(HOST)
    (tmp_path / "count").write_text("2")
    evaluated = ["node", "--input-type=module", "--eval", ENROL_SCRIPT, "--", str(tmp_path / "marker"), "-"]
    environment = {"PATH": os.environ["PATH"], TOKEN: "of=the=gateway"}
    command = [*evaluated, "python3", str(tmp_path / "host.py"), str(tmp_path / "count")]
    subprocess.run(command, env=environment, timeout=60, check=True, capture_output=True)
    assert (tmp_path / "marker").exists()


def test_a_program_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    evaluated = ["node", "--input-type=module", "--eval", ENROL_SCRIPT, "--", str(tmp_path / "marker"), "-", "no-such"]
    result = subprocess.run(evaluated, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (1, "enrol: no-such does not start (ENOENT)\n")
