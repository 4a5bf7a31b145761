"""Plugins on the volume, with real Node and a stand-in for OpenClaw's installer: what is listed, no more, and once."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.plugins import INSTALL_SCRIPT, container
from components.settings.load import parse
from tests.support.configs import smallest
from tests.support.settings import lines

SLACK = "@openclaw/slack@2026.9.6"
# Notes each call, with the configuration that it was given, and fails for what is to fail.
_INSTALLER = """
const fs = require("fs");
const [, , ...args] = process.argv;
const config = fs.readFileSync(process.env.OPENCLAW_CONFIG_PATH, "utf8");
fs.appendFileSync(process.env.CALLS, JSON.stringify([args.join(" "), JSON.parse(config).gateway.bind]) + "\\n");
process.exit(args.join(" ").includes("broken") ? 1 : 0);
"""


class Volume:
    """The record on the volume, and runs of the init container's script."""

    def __init__(self, base: Path) -> None:
        self.calls, self.record = base / "calls", base / "record.json"
        self.program, self.config = base / "openclaw.cjs", base / "plugins" / "openclaw.json"
        self.program.write_text(_INSTALLER)

    def start(self, **wanted: str) -> subprocess.CompletedProcess[str]:
        self.calls.unlink(missing_ok=True)
        variables = {"OPENCLAW_PROGRAM": self.program, "OPENCLAW_CONFIG_PATH": self.config, "CALLS": self.calls}
        command = ["node", "--input-type=module", "--eval", INSTALL_SCRIPT, "--", json.dumps(wanted), str(self.record)]
        environment = {"PATH": os.environ["PATH"], **{name: str(value) for name, value in variables.items()}}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    def asked(self) -> list[str]:
        """The installer's calls of the last start."""
        if not self.calls.exists():
            return []
        calls = [json.loads(line) for line in self.calls.read_text().splitlines()]
        assert {bind for _, bind in calls} == {"loopback"}
        return [call for call, _ in calls]


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def installs(package: str) -> str:
    return f"plugins install --force --pin --accept-capabilities npm:{package}"


def test_what_is_listed_is_installed_once(volume: Volume) -> None:
    assert volume.start(slack=SLACK).returncode == 0
    assert volume.asked() == [installs(SLACK)]
    assert volume.start(slack=SLACK).returncode == 0
    assert volume.asked() == []


def test_another_version_takes_its_place_and_what_is_gone_is_removed(volume: Volume) -> None:
    volume.start(slack=SLACK, matrix="@openclaw/matrix@2026.9.6")
    volume.start(slack="@openclaw/slack@2026.9.7")
    assert volume.asked() == ["plugins uninstall --force matrix", installs("@openclaw/slack@2026.9.7")]
    assert json.loads(volume.record.read_text()) == {"slack": "@openclaw/slack@2026.9.7"}
    volume.start()
    assert volume.asked() == ["plugins uninstall --force slack"]


def test_one_that_fails_stops_the_pod_and_keeps_what_was_done(volume: Volume) -> None:
    done = volume.start(a=SLACK, b="broken@1.0.0", c="never@1.0.0")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "plugins: broken@1.0.0 was not installed. Is the version right, and does the pod reach the npm registry?\n"
    )
    assert json.loads(volume.record.read_text()) == {"a": SLACK}
    volume.start(a=SLACK)
    assert volume.asked() == []


def test_a_record_that_cannot_be_read_is_made_anew(volume: Volume) -> None:
    volume.record.write_text("{")
    assert volume.start(slack=SLACK).returncode == 0
    assert volume.asked() == [installs(SLACK)]


@pytest.mark.parametrize(
    "package",
    [
        *("slack", "slack@latest", "slack@^1.2.3", "slack@1.2", "slack@1.x", "slack@>=1.2.3", "@openclaw/slack"),
        *("npm:slack@1.2.3", "https://example.com/slack.tgz", "git+ssh://x/y", "../slack", "slack@1.2.3 --force"),
        *("slack@file:../x", "@a/b/c@1.2.3", "--pin@1.2.3", "Slack@1.2.3", "slack@1.2.3@1.2.3", ""),
    ],
)
def test_a_package_is_one_version_of_one_npm_package(package: str) -> None:
    (line,) = lines(smallest(gateway={"plugins": {"slack": package}}))
    assert line.startswith("instances[0].gateway.plugins.")
    parse(smallest(gateway={"plugins": {"slack": "slack@1.2.3-beta.1"}}))


def test_it_has_the_gateway_s_rights_and_none_of_its_secrets() -> None:
    (instance,) = parse(smallest(gateway={"plugins": {"slack": SLACK}})).instances
    made: Any = container(instance, "example.com/openclaw:1.2.3")
    assert "envFrom" not in made
    assert not [entry for entry in made["env"] if "valueFrom" in entry]
    assert made["securityContext"]["runAsUser"] == 1000
    assert made["securityContext"]["readOnlyRootFilesystem"] is True
