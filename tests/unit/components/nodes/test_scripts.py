"""The join scripts run by a real shell, with hostile values and with stand-ins that note how they were called."""

import json
import plistlib
import subprocess
from pathlib import Path

import pytest

from components.nodes import browser, host, linux, mac
from components.settings.nodes import NodeBrowser
from tests.support.hostile import HOSTILE, world

# Everything that installs, joins, or needs another machine. The rest is the real thing.
STOOD_IN = [
    *(
        "apt-get",
        "apt-mark",
        "chmod",
        "chown",
        "curl",
        "env",
        "grep",
        "id",
        "launchctl",
        "npm",
        "runuser",
        "sha256sum",
        "shasum",
    ),
    *("systemctl", "tailscale", "tar", "uname"),
]
STAND_IN = """\
#!/bin/sh
end=$(printf '\\001')
# At once: the parts of a pipeline run at the same time.
printf '%s\\0' "${0##*/}" "$@" "$end" >> "$CALLS"
case $0 in
  */uname) echo x86_64 ;;
  # The scripts remove what it downloads.
  */curl) if [ "$1" = -fsSLO ]; then : > "${2##*/}"; fi ;;
esac
"""


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bin")
    for name in STOOD_IN:
        (directory / name).write_text(STAND_IN)
        (directory / name).chmod(0o755)
    return directory


def calls_of(script: str, place: Path, stand_ins: Path) -> list[list[str]]:
    """The script's calls of the stand-ins. It may leave nothing behind but in `place`."""
    calls = place / "calls"
    environment = {"PATH": f"{stand_ins}:/usr/bin:/bin", "HOME": str(place), "CALLS": str(calls)}
    done = subprocess.run(["sh", "-c", script], cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [call.split("\0")[:-1] for call in calls.read_text().split("\x01\0")[:-1]]


def owned(place: Path) -> list[Path]:
    """The files of the commands that hide in hostile values."""
    return list(place.rglob("owned"))


COMMANDS = [
    "$(touch owned)",
    "`touch owned`",
    "'; touch owned; '",
    '"; touch owned; "',
    "\ntouch owned\n",
    "a;touch owned",
    "a|touch owned",
]
VALUES = [value for value in (*COMMANDS, *HOSTILE) if "\0" not in value]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_linux_machine_joins_with_the_values_as_they_are(value: str, tmp_path: Path, stand_ins: Path) -> None:
    node, instance, settings = world(value)
    (tmp_path / "tailnet-key").touch()
    script = linux.files(node, instance, settings)[linux.JOIN][1].replace(linux.ETC, str(tmp_path))
    calls = calls_of(script, tmp_path, stand_ins)
    login = [f"--login-server={value}"] if value else []
    hostname = value or "openclaw-node-"
    up = [f"--auth-key=file:{tmp_path}/tailnet-key", f"--hostname={hostname}", *login, "--shields-up"]
    assert [call for call in calls if call[0] == "tailscale"] == [["tailscale", "up", *up]]
    assert ["apt-get", "install", "-q", "-y", "tailscale=1.102.3"] in calls
    (installed,) = [call for call in calls if call[0] == "runuser"]
    assert installed[-2:] == [f"/tmp/node-v{linux.NODE_VERSION}-linux-x64.tar.xz", "openclaw@2026.9.6"]
    assert [call[0] for call in calls].count("systemctl") == 3
    assert not (tmp_path / "tailnet-key").exists()
    assert owned(tmp_path) == []


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_mac_joins_with_the_values_as_they_are(value: str, tmp_path: Path, stand_ins: Path) -> None:
    node, instance, settings = world(value)
    calls = calls_of(mac.script(node, instance, settings, value, f"secret{value}"), tmp_path, stand_ins)
    home = tmp_path / "Library" / "OpenClawNode"
    (up,) = [call for call in calls if call[0] == "tailscale"]
    assert up[:3] == ["tailscale", "up", f"--auth-key=file:{home}/tailnet-key"]
    assert f"--hostname={value or 'openclaw-node-'}" in up
    arguments = host.arguments(node, instance, settings)
    (enrolment,) = [call for call in calls if call[0] == "env"]
    assert enrolment[-len(arguments) :] == arguments
    assert (home / "gateway-secret").read_text() == f"OPENCLAW_GATEWAY_TOKEN=secret{value}\n"
    assert (home / "enrol.mjs").read_text() == host.ENROL_SCRIPT
    agent = plistlib.loads((tmp_path / "Library/LaunchAgents/tailnet.openclaw.node.plist").read_bytes())
    # XML makes one line end of each; nothing that the settings let through has any.
    assert [word.split() for word in agent["ProgramArguments"][2:]] == [
        word.replace("@HOME@", str(home)).split() for word in arguments
    ]
    assert [call[0] for call in calls if call[0] in ("launchctl", "npm")] == ["npm", "launchctl", "launchctl"]
    assert not (home / "tailnet-key").exists()
    assert owned(tmp_path) == []


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_browser_s_configuration_arrives_as_it_is(value: str, tmp_path: Path, stand_ins: Path) -> None:
    node, instance, settings = world("a")
    offered = NodeBrowser.model_construct(profiles=("openclaw", value), hosts=(value,))
    node = node.model_copy(update={"browser": offered})
    calls_of(mac.script(node, instance, settings, "key", "secret"), tmp_path, stand_ins)
    home = tmp_path / "Library" / "OpenClawNode"
    assert json.loads((home / "openclaw.json").read_text()) == browser.config(offered)
    agent = plistlib.loads((tmp_path / "Library/LaunchAgents/tailnet.openclaw.node.plist").read_bytes())
    assert agent["EnvironmentVariables"]["OPENCLAW_CONFIG_PATH"] == f"{home}/openclaw.json"
    assert owned(tmp_path) == []
    document = linux.user_data(linux.files(node, instance, settings), "NAME", "key", "secret")
    written = json.loads(document.removeprefix("#cloud-config\n"))["write_files"]
    (text,) = [file["content"] for file in written if file["path"] == "/etc/openclaw-node/openclaw.json"]
    assert json.loads(text) == browser.config(offered)


@pytest.mark.parametrize(("profiles", "installed"), [(["openclaw"], True), (["chrome"], False)])
def test_a_browser_of_the_agent_s_own_is_installed_where_there_is_none(
    profiles: list[str], installed: bool, tmp_path: Path, stand_ins: Path
) -> None:
    node, instance, settings = world("a")
    node = node.model_copy(update={"browser": NodeBrowser.model_validate({"profiles": profiles})})
    script = linux.files(node, instance, settings)[linux.JOIN][1].replace(linux.ETC, str(tmp_path))
    # As on a new Debian.
    script = script.replace(". /etc/os-release", "ID=debian VERSION_CODENAME=trixie").replace("command -v", "false")
    calls = calls_of(script, tmp_path, stand_ins)
    assert (["apt-get", "install", "-q", "-y", "chromium"] in calls) is installed
