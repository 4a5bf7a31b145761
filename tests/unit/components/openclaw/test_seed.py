"""The configuration on the volume, with real Node: written once, then its owner's, but for our keys."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components import gateway
from components.openclaw.reserved import reserved
from components.settings.load import parse
from tests.support.configs import smallest

ORIGIN = "https://openclaw-home.example.ts.net"
OWNER = {"agents": {"defaults": {"model": {"primary": "openai/gpt-6-astra"}}}}


class Volume:
    """A seeded gateway's files, and runs of the script that is before each start."""

    def __init__(self, base: Path, **given: Any) -> None:
        (self.instance,) = parse(smallest(gateway={"ownership": "seeded", "config": OWNER, **given})).instances
        self.base, self.path = base, base / ".openclaw" / "openclaw.json"
        base.mkdir(exist_ok=True)
        for name, text in gateway.config_files(self.instance, ORIGIN).items():
            (base / name).write_text(text)

    def start(self) -> subprocess.CompletedProcess[str]:
        files = [str(self.base / gateway.CONFIG_KEY), str(self.base / gateway.KEYS_KEY), str(self.path)]
        command = ["node", "--input-type=module", "--eval", gateway.SEED_SCRIPT, "--", *files]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"]})

    def config(self) -> Any:
        return json.loads(self.path.read_text())

    def write(self, config: Any) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(config))


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def test_an_empty_volume_gets_the_stack_s_configuration(volume: Volume) -> None:
    done = volume.start()
    assert done.returncode == 0
    assert "written to" in done.stdout
    assert volume.config() == json.loads(gateway.openclaw_json(volume.instance, ORIGIN))
    assert volume.path.stat().st_mode & 0o777 == 0o600


def test_what_the_owner_changed_stays_and_a_second_start_writes_nothing(volume: Volume) -> None:
    volume.start()
    changed = volume.config()
    changed["agents"]["defaults"]["model"]["primary"] = "anthropic/claude-opus-5"
    changed["channels"] = {"telegram": {"enabled": True, "botToken": "${TELEGRAM_BOT_TOKEN}"}}
    volume.write(changed)
    before = volume.path.stat()
    assert volume.start().stdout == ""
    assert volume.config() == changed
    after = volume.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_our_keys_win_at_each_start_whatever_was_written(volume: Volume) -> None:
    volume.write(
        {
            **OWNER,
            "$include": "./other.json5",
            "gateway": {
                "bind": "lan",
                "customBindHost": "0.0.0.0",
                "auth": {"mode": "none"},
                "controlUi": {"allowedOrigins": ["*"], "environment": {"label": "home", "color": "teal"}},
                "http": {"endpoints": {"chatCompletions": {"enabled": True}}, "securityHeaders": {}},
            },
            "tools": {"exec": {"mode": "full", "timeoutSeconds": 60}},
            "agents": {"entries": {"main": {"tools": {"exec": {"mode": "full"}}}}},
            "hooks": {"gmail": {"tailscale": {"mode": "funnel"}}},
            "discovery": {"mdns": {"mode": "full"}, "wideArea": {"enabled": True}},
        }
    )
    done = volume.start()
    assert "set again" in done.stdout
    config = volume.config()
    ours = gateway.ours(volume.instance, ORIGIN)
    assert config == {
        "agents": {"entries": {"main": {"tools": {"exec": {}}}}},
        "gateway": {
            **ours["gateway"],
            "controlUi": {**ours["gateway"]["controlUi"], "environment": {"label": "home", "color": "teal"}},
            "http": {"endpoints": {"chatCompletions": {"enabled": True}}},
        },
        "tools": {"exec": {"mode": "ask", "timeoutSeconds": 60}, "fs": {"workspaceOnly": True}},
        "hooks": {"gmail": {}},
        "discovery": ours["discovery"],
        "update": ours["update"],
        "logging": ours["logging"],
        "security": ours["security"],
    }


@pytest.mark.parametrize("text", ["{", "[1]", "null", "", "\x00"])
def test_a_file_that_cannot_be_read_stops_the_gateway_and_is_kept(volume: Volume, text: str) -> None:
    volume.path.parent.mkdir()
    volume.path.write_text(text)
    done = volume.start()
    assert done.returncode == 78
    assert "cannot be read, and nothing was changed" in done.stderr
    assert volume.path.read_text() == text


def at(value: Any, place: Sequence[str | int]) -> Any:
    for key in place:
        value = cast(dict[str | int, Any], value).get(key) if isinstance(value, dict) else None
    return value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "mode", "auth", "entries"]), inner)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(["gateway", "tools", "agents", "update", "hooks", "env", "other"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, JSON, max_size=4))
def test_nothing_of_ours_is_left_to_the_owner(tmp_path: Path, config: Any) -> None:
    """The script and the check at preview agree about which keys are ours."""
    volume = Volume(tmp_path / "volume")
    volume.write(config)
    assert volume.start().returncode == 0
    result = volume.config()
    ours = gateway.ours(volume.instance, ORIGIN)
    assert all(at(ours, place) is not None for place, _ in reserved(result))
