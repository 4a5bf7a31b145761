"""The manifests of the main shapes, to be read and reviewed as text: tests/unit/components/golden.

default.yaml has everything; the other files have what is different there.
`GOLDEN_UPDATE=1 pytest tests/unit/components/test_golden.py` writes the files anew; a change of them needs its reason in the commit.
"""

import functools
import json
import os
import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from components.nodes.host import ENROL_SCRIPT
from components.sealed_key import UNSEAL_SCRIPT
from tests.support.configs import SHAPES
from tests.support.harness import run_program

SCRIPTS = {UNSEAL_SCRIPT: "<unseal.mjs>", ENROL_SCRIPT: "<enrol.mjs>"}
DIRECTORY = Path(__file__).parent / "golden"


class _Dumper(yaml.SafeDumper):
    """Texts of many lines as blocks, and no references."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # PyYAML's own annotations leave this one's parameter out.
    return cast(Any, dumper).represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def readable(value: Any) -> Any:
    """Without what is made anew for each content: parts of names, secrets, and the script that has tests of its own."""
    if isinstance(value, dict):
        return {key: readable(item) for key, item in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [readable(item) for item in cast(list[Any], value)]
    if value in SCRIPTS:
        return SCRIPTS[value]
    return re.sub(r"(^|-)[0-9a-f]{10}(?=$| )", r"\1<hash>", value) if isinstance(value, str) else value


def _without_secrets(text: str) -> Any:
    """The join material of a node, user-data as data, without its secrets and the script that has its own tests."""
    text = re.sub(r"tskey-auth-\w+", "<auth key>", re.sub(r"(OPENCLAW_GATEWAY_\w+=)\w{48}", r"\1<token>", text))
    return yaml.safe_load(text) if text.startswith("#cloud-config") else text.replace(ENROL_SCRIPT, "<enrol.mjs>\n")


@functools.cache
def documents(shape: str) -> dict[str, Any]:
    """The manifests of a run, its tailnet policy and its exports, by kind and name."""
    graph = run_program(SHAPES[shape])
    manifests: dict[str, Any] = {}
    for resource in graph.kubernetes():
        manifest = dict(resource.plain)
        if resource.kind == "Secret":
            manifest["stringData"] = dict.fromkeys(manifest["stringData"], "<secret>")
        manifests[f"{resource.kind} {resource.name}"] = manifest
    for resource in graph.of("Acl"):
        manifests["tailnet policy"] = resource.plain["acl"]
    for kind in ("TailnetKey", "OauthClient", "FederatedIdentity"):
        manifests |= {f"{kind} {resource.name}": resource.plain for resource in graph.of(kind)}
    manifests["exports"] = graph.exports.plain["instances"]
    if nodes := graph.exports.plain["nodes"]:
        manifests["exported nodes"] = nodes
    for name, text in graph.exports.plain["join"].items():
        manifests[f"exported join {name}"] = _without_secrets(text)
    return readable(manifests)


def reviewed(shape: str) -> str:
    """The text of a golden file."""
    declared = documents(shape)
    if shape != "default":
        default = documents("default")
        gone = sorted(default.keys() - declared.keys())
        declared = {name: manifest for name, manifest in declared.items() if manifest != default.get(name)}
        declared |= {"not declared": gone} if gone else {}
    return yaml.dump(declared, Dumper=_Dumper, sort_keys=True, width=120, allow_unicode=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_golden_manifests(shape: str) -> None:
    text = reviewed(shape)
    file = DIRECTORY / f"{shape}.yaml"
    if os.environ.get("GOLDEN_UPDATE"):
        file.write_text(text)
    assert text == file.read_text(), f"{file.name} is not what the program declares; see the first lines of this module"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in DIRECTORY.iterdir()} == set(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_files_inside_are_json(shape: str) -> None:
    for name, manifest in documents(shape).items():
        if name.startswith("ConfigMap"):
            assert all(json.loads(text) for file, text in manifest["data"].items() if file != "ca.crt")


URNS = Path(__file__).with_name("urns.yaml")


def test_urns_stay() -> None:
    """A state made earlier previews without a change only while every resource keeps its URN: its name, type and parents."""
    declared = {shape: sorted(run_program(SHAPES[shape]).qualified_names()) for shape in SHAPES}
    if os.environ.get("GOLDEN_UPDATE"):
        URNS.write_text(yaml.safe_dump(declared, width=1000))
    assert declared == yaml.safe_load(URNS.read_text())
