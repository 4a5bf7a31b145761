"""The sandbox's stack files."""

from pathlib import Path

import pytest
import yaml

from engine import configuration
from sandbox.stack import STACK_FILE, Machine, at_bridge, model_keys


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


def test_another_sandbox_has_the_stack_file_with_its_own_addresses() -> None:
    config = at_bridge(STACK_FILE, "10.244.6.1")
    assert config["openclaw-tailnet:tailnet"]["loginServer"] == "http://10.244.6.1:8085"
    text = str(config["openclaw-tailnet:instances"])
    assert "http://10.244.6.1:8087/v1" in text
    assert "10.244.0.1" not in text


def test_the_model_s_key_is_for_the_gateways_that_take_it(source: Path) -> None:
    assert model_keys(source, "k") == {}
    assert model_keys(STACK_FILE, "k") == {
        f"openclaw-tailnet:instances[{index}].gateway.secrets.SANDBOX_MODEL_KEY": "k" for index in (0, 1)
    }
