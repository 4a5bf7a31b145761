"""State files, read without an engine."""

import json
from pathlib import Path

from engine import state

STATE = "openclaw-tailnet"


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
