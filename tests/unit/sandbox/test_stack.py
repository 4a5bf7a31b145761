"""The sandbox's stack files."""

from pathlib import Path

import pytest
import yaml

from engine import configuration
from sandbox.errors import SandboxError
from sandbox.stack import STACK_FILE, Machine, OwnModel, at_bridge, model_keys


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


OWN = {"SANDBOX_MODEL": "openai/gpt-6-astra", "OPENAI_API_KEY": "made-up", "SANDBOX_EGRESS": "1"}


def test_a_person_s_own_model_takes_the_place_of_the_scripted_one() -> None:
    own, config = OwnModel.chosen(OWN), at_bridge(STACK_FILE, "10.244.0.1")
    assert own
    for instance in own.plain(config)["openclaw-tailnet:instances"]:
        assert instance["gateway"]["config"]["agents"]["defaults"]["model"] == {"primary": "openai/gpt-6-astra"}
        # Nothing else of it changes.
        assert "sandbox" in instance["gateway"]["config"]["models"]["providers"]
    assert own.secret(config) == {
        f"openclaw-tailnet:instances[{index}].gateway.secrets.OPENAI_API_KEY": "made-up" for index in (0, 1)
    }
    assert "made-up" not in repr(own)


def test_without_a_choice_there_is_none() -> None:
    assert OwnModel.chosen({"OPENAI_API_KEY": "made-up", "SANDBOX_EGRESS": "1"}) is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"SANDBOX_MODEL": "gpt-6"}, "Write provider/model, such as openai/gpt-6-astra"),
        ({"SANDBOX_MODEL": "open ai/x"}, "Write provider/model"),
        ({"OPENAI_API_KEY": ""}, "Set OPENAI_API_KEY to your key"),
        ({"SANDBOX_EGRESS": ""}, "Set SANDBOX_EGRESS=1, too"),
    ],
)
def test_a_choice_that_cannot_work_is_refused_before_anything_runs(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(SandboxError) as raised:
        OwnModel.chosen({**OWN, **wrong})
    assert message in f"{raised.value} {raised.value.hint}"
