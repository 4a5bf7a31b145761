"""The choice of plugins and CLI for the sandbox's engine: installed ones, else downloaded ones, else our own; and what is said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine import official
from engine.official import Official
from sandbox import plugins, pulumi_tools
from sandbox.errors import SandboxError
from sandbox.home import Home
from sandbox.world import building

# Installs what it is asked for, unless it is the one named in $BROKEN; says that it is new.
CLI = """#!/bin/sh
case "$1" in
version) echo v3.999.0 ;;
plugin)
  if [ "$4" = "$BROKEN" ]; then echo "error: 503 from the download" >&2; exit 1; fi
  mkdir -p "$PULUMI_HOME/plugins/resource-$4-$5" ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home on a machine without anything of Pulumi's, and without a download."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "theirs"))
    monkeypatch.setattr(official, "DOWNLOADS", "http://127.0.0.1:9")
    empty = Home(tmp_path / "home", tmp_path / "home" / "bin")
    empty.create()
    return empty


def put_cli(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pulumi").write_text(CLI)
    (directory / "pulumi").chmod(0o755)
    return directory / "pulumi"


def agreed(_: Official) -> None:
    """The download is there."""


def forbidden(_: Official) -> None:
    pytest.fail("nothing is to be asked for: they are there")


@pytest.fixture
def download(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """An official download that works; `download(broken="random")` for one of which a plugin does not come."""

    def cli(self: Official, progress: object) -> Path:
        return put_cli(self.directory / "cli" / "bin")

    def set_up(broken: str = "") -> None:
        monkeypatch.setenv("BROKEN", broken)
        monkeypatch.setattr(Official, "ask", agreed)
        monkeypatch.setattr(Official, "download_cli", cli)

    return set_up


def stand_ins(home: Home) -> set[str]:
    return {path.name for path in home.plugins.iterdir()}


ALL = {f"pulumi-resource-{name}" for name in plugins.NAMES}


def test_an_unknown_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_PLUGINS", "some")
    with pytest.raises(SandboxError, match="SANDBOX_PLUGINS=some is unknown"):
        pulumi_tools.choice()


def test_without_any_the_stand_ins_are_used_and_the_reason_is_said(home: Home) -> None:
    chosen, cli = pulumi_tools.choose(home, "auto", building)
    assert (chosen.official, cli, stand_ins(home)) == (False, home.bin / "pulumi", ALL)
    assert chosen.description.startswith(
        "stand-in plugins (for the sandbox and CI only), as the official ones are not installed, and their download "
        "cannot be reached ("
    )


def test_installed_ones_are_used_without_a_question(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi_tools.choose(home, "auto", building)
    for name in plugins.NAMES:
        (tmp_path / "theirs" / "plugins" / f"resource-{name}-v1.2.3").mkdir(parents=True)
    installed = put_cli(tmp_path / "path")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setattr(Official, "ask", forbidden)
    chosen, cli = pulumi_tools.choose(home, "auto", building)
    assert (chosen.description, cli) == ("official plugins, as they are installed", installed)
    assert stand_ins(home) == set(), "the stand-ins make way"
    assert (home.pulumi / "plugins").readlink() == tmp_path / "theirs" / "plugins"


@pytest.mark.parametrize("wanted", ["auto", "official"])
def test_they_are_downloaded_once_where_that_can_be(
    home: Home, download: Callable[..., None], monkeypatch: pytest.MonkeyPatch, wanted: pulumi_tools.Choice
) -> None:
    download()
    chosen, cli = pulumi_tools.choose(home, wanted, building)
    assert (chosen.description, cli) == ("official plugins, downloaded", home.official / "cli/bin/pulumi")
    assert stand_ins(home) == set()
    pinned = {f"resource-{name}-v{official.version_of(name)}" for name in plugins.NAMES}
    assert {path.name for path in (home.pulumi / "plugins").iterdir()} == pinned
    # `down` removes what belongs to the world; the download stays, and nobody is asked again.
    home.remove()
    home.create()
    monkeypatch.setattr(Official, "ask", forbidden)
    again, _ = pulumi_tools.choose(home, "auto", building)
    assert again.description == "official plugins, as they are installed"


def test_half_a_download_is_none(home: Home, download: Callable[..., None]) -> None:
    download(broken="random")
    chosen, cli = pulumi_tools.choose(home, "auto", building)
    assert (chosen.official, stand_ins(home), (home.pulumi / "plugins").exists()) == (False, ALL, False)
    assert "the official random plugin cannot be downloaded (error: 503 from the download)" in chosen.description
    assert not list(home.official.glob("**/resource-*"))
    assert cli == home.official / "cli/bin/pulumi"
    with pytest.raises(SandboxError, match="the official random plugin cannot be downloaded"):
        pulumi_tools.choose(home, "official", building)


def test_stand_ins_that_are_asked_for_are_used_whatever_is_installed(home: Home, download: Callable[..., None]) -> None:
    download()
    pulumi_tools.choose(home, "auto", building)
    chosen, _ = pulumi_tools.choose(home, "standin", building)
    assert chosen.description == "stand-in plugins (for the sandbox and CI only), as requested"
    assert stand_ins(home) == ALL
