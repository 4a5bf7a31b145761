"""The toolchain: what makes a built tool stale, which versions fit, what the estimate is for."""

import re
from pathlib import Path

import pytest

from sandbox import golang, kubectl, tools
from sandbox.cuts import Cut
from sandbox.home import Home

GO = "go version go1.26.8 linux/amd64"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, tmp_path / "bin")


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one family's pins, free to change."""
    copy = tmp_path / "toolchain"
    (copy / "kubernetes").mkdir(parents=True)
    for name in ("go.mod", "go.sum"):
        (copy / "kubernetes" / name).write_bytes((tools.MODULES / "kubernetes" / name).read_bytes())
    monkeypatch.setattr(tools, "MODULES", copy)
    return copy


def _pretend_built(home: Home, name: str) -> None:
    (home.bin / ".keys").mkdir(parents=True, exist_ok=True)
    (home.bin / name).write_text("")
    (home.bin / ".keys" / name).write_text(tools.cache_key(tools.TOOLS[name], GO))


def test_every_tool_is_of_a_module_that_its_family_requires() -> None:
    for tool in tools.TOOLS.values():
        text = (tools.MODULES / tool.family / "go.mod").read_text()
        required = re.findall(r"^(?:require )?\s*([\w./-]+) v\S+", text, re.MULTILINE)
        assert tools.FAMILIES[tool.family].module in required
        assert any(f"{tool.package}/".startswith(f"{module}/") for module in required), tool


def test_every_version_is_pinned() -> None:
    assert {family: tools.version(family)[0] for family in tools.FAMILIES} == dict.fromkeys(tools.FAMILIES, "v")


def test_kubernetes_says_its_version() -> None:
    stamp = tools.flags("kubernetes")[-1]
    assert f"gitVersion={tools.version('kubernetes')}" in stamp
    assert "gitMinor=36 " in stamp


def test_a_built_tool_is_not_built_again(home: Home) -> None:
    _pretend_built(home, "etcd")
    assert tools.missing(home, ["etcd"], GO) == []


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_another_pin_is_another_build(home: Home, modules: Path, name: str) -> None:
    _pretend_built(home, "etcd")
    (modules / "kubernetes" / name).write_text((modules / "kubernetes" / name).read_text() + "\n")
    assert [tool.name for tool in tools.missing(home, ["etcd"], GO)] == ["etcd"]


def test_another_go_is_another_build(home: Home) -> None:
    _pretend_built(home, "etcd")
    assert [tool.name for tool in tools.missing(home, ["etcd"], GO.replace("1.26.8", "1.27.0"))] == ["etcd"]


def test_other_flags_are_another_build(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_built(home, "etcd")
    monkeypatch.setitem(tools.FAMILIES, "kubernetes", tools.Family(tools.FAMILIES["kubernetes"].module, tags="other"))
    assert [tool.name for tool in tools.missing(home, ["etcd"], GO)] == ["etcd"]


def test_other_cuts_are_another_build(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_built(home, "etcd")
    monkeypatch.setitem(tools.CUTS, "go.etcd.io/etcd/server/v3", (Cut("main.go"),))
    assert [tool.name for tool in tools.missing(home, ["etcd"], GO)] == ["etcd"]


def test_what_is_cut_is_of_modules_that_are_pinned() -> None:
    assert {module for family in tools.FAMILIES for module in tools.cuts(family)} == tools.CUTS.keys()


def test_go_names_a_binary_after_its_package() -> None:
    assert [tools.TOOLS[name].output for name in ("etcd", "process-compose", "kwok")] == ["server", "src", "kwok"]


def test_a_key_without_its_binary_counts_as_missing(home: Home) -> None:
    _pretend_built(home, "etcd")
    (home.bin / "etcd").unlink()
    assert [tool.name for tool in tools.missing(home, ["etcd"], GO)] == ["etcd"]


@pytest.mark.parametrize(("version", "fits"), [("v1.36.9", True), ("v1.35.0", True), ("v1.32.4-dispatcher", False)])
def test_an_installed_kubectl_must_fit_the_cluster(version: str, fits: bool) -> None:
    assert kubectl.fits(version, "v1.36.2") is fits


@pytest.mark.parametrize(
    ("output", "version"),
    [(GO, (1, 26, 8)), ("go version go1.27 linux/arm64", (1, 27)), ("go: command not found", ()), ("", ())],
)
def test_go_versions_are_read(output: str, version: tuple[int, ...]) -> None:
    assert golang.parse(output) == version


def test_go_is_new_enough_for_every_module() -> None:
    assert tools.go_needed() >= (1, 26)
