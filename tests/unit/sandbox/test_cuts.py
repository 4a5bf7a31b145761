"""What is left out of a tool: only what is named, never silently less, and never from the module cache itself."""

import json
from pathlib import Path

import pytest

from sandbox import cuts
from sandbox.cuts import Cut
from sandbox.errors import SandboxError

SOURCE = """import (
\t"fmt"
\t_ "cloud/s3" // for s3://
)

func open() {
\tif scheme == s3 {
\t\tdial()
\t}
\tfmt.Println()
}
"""
S3 = (r'^\t_ "cloud/\w+"[^\n]*\n', r"^\tif scheme == s3 {\n.*?^\t}\n")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module as it lies in Go's cache, where nothing can be written to."""
    module = tmp_path / "cache" / "drive@v1"
    (module / "open" / "testdata").mkdir(parents=True)
    for name in ("go.mod", "open/aws.go", "open/open_test.go", "open/testdata/golden.json"):
        (module / name).write_text("module drive\n")
    (module / "open" / "open.go").write_text(SOURCE)
    for path in module.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return module


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    pins = tmp_path / "pins"
    pins.mkdir()
    (pins / "go.mod").write_text("module sandbox.invalid\n\nrequire drive v1\n")
    (pins / "go.sum").write_text("drive v1 h1:\n")
    return pins


def _go(tmp_path: Path, script: str) -> Path:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(0o755)
    return go


def test_only_what_is_named_is_left_out() -> None:
    assert cuts.without(SOURCE, S3) == 'import (\n\t"fmt"\n)\n\nfunc open() {\n\tfmt.Println()\n}\n'


def test_of_a_pair_the_second_takes_the_place_of_the_first() -> None:
    assert "\tif scheme == gs {" in cuts.without(SOURCE, [(r"(?<=scheme == )s3", "gs")])


@pytest.mark.parametrize("cut", [Cut("open.go", ("gone",)), Cut("gone.go", ("x",)), Cut("gone.go")])
def test_a_module_that_changed_is_an_error(tmp_path: Path, cut: Cut) -> None:
    (tmp_path / "open.go").write_text(SOURCE)
    with pytest.raises(SandboxError, match=rf"{cut.file} of the module is not as sandbox/cuts.py expects: .*gone"):
        cuts.apply([cut], tmp_path)


def test_the_module_is_taken_from_a_copy(tmp_path: Path, module: Path, pins: Path) -> None:
    go = _go(tmp_path, f"echo '{json.dumps({'Dir': str(module)})}'")
    copy = tmp_path / "a copy"
    listed = cuts.modfile(go, pins, {"drive": (Cut("open/aws.go"), Cut("open/open.go", S3))}, copy, {})
    assert listed.read_text() == f'{(pins / "go.mod").read_text()}\nreplace drive => "{copy}/drive"\n'
    assert (copy / "go.sum").read_text() == "drive v1 h1:\n"
    copied = sorted(str(path.relative_to(copy / "drive")) for path in copy.rglob("drive/**/*") if path.is_file())
    assert copied == ["go.mod", "open/open.go"]
    assert (copy / "drive" / "open" / "open.go").read_text() == cuts.without(SOURCE, S3)
    assert (module / "open" / "open.go").read_text() == SOURCE


def test_a_module_that_cannot_be_downloaded_is_named(tmp_path: Path, pins: Path) -> None:
    go = _go(tmp_path, "echo no answer >&2; exit 1")
    with pytest.raises(SandboxError, match="downloading drive failed") as caught:
        cuts.modfile(go, pins, {"drive": ()}, tmp_path / "copy", {})
    assert caught.value.hint == "no answer"
