"""The kinds of execution nodes: one module each, and the settings know exactly those."""

import subprocess
import sys
from typing import get_args

from components.nodes.kinds import KEYS, KINDS
from components.settings.nodes import Node, NodeKind
from tests.support.harness import ROOT


def test_the_settings_know_the_kinds_that_there_are() -> None:
    assert list(KINDS) == list(get_args(NodeKind))


def test_a_kind_names_keys_of_a_node() -> None:
    known = {field.alias or name for name, field in Node.model_fields.items()}
    assert known >= KEYS
    assert known - {"id", "kind", "gateway"} == KEYS, "these three have a meaning for all"


def test_settings_are_read_without_manifests() -> None:
    code = "import sys; import components.settings.load, components.settings.node_checks; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"pulumi", "components.manifest", "components.pods"} & set(loaded.stdout.split())
