"""Pulumi.yaml: keys that the CLI knows, and the same configuration keys as the settings."""

from typing import Any

import yaml

from components.constants import PROJECT
from components.settings import KEYS
from tests.support.configs import ROOT, STACK_FILES

PROJECT_KEYS = {
    "name",
    "description",
    "main",
    "runtime",
    "config",
    "author",
    "website",
    "license",
    "packages",
    "plugins",
}
TYPES = {"string", "integer", "boolean", "array", "object"}


def test_the_project_file_declares_what_the_settings_read() -> None:
    project: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    assert set(project) <= PROJECT_KEYS
    assert project["name"] == PROJECT
    assert project["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    assert set(project["config"]) == set(KEYS)
    for declared in project["config"].values():
        assert set(declared) <= {"type", "description", "default", "items", "secret"}
        assert declared["type"] in TYPES
        assert ("items" in declared) == (declared["type"] == "array")


def test_stack_files_use_the_keys_of_this_project_only() -> None:
    assert STACK_FILES
    for path in STACK_FILES:
        stack_file: dict[str, Any] = yaml.safe_load(path.read_text())
        assert set(stack_file) <= {"config", "secretsprovider", "encryptionsalt"}
        assert {key.partition(":")[0] for key in stack_file["config"]} == {PROJECT}
