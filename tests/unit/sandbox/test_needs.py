"""The needs of the machine: checked before anything is built, installed where possible, and otherwise said all at once."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox import apt, commands, environment, golang, needs, nodejs, tools
from sandbox.commands import Package
from sandbox.errors import SandboxError
from sandbox.golang import Go
from sandbox.home import REPO, Home


def answers(value: object = None) -> Callable[..., object]:
    """Stands for a function that gives this, whatever it is asked."""

    def answer(*_: object) -> object:
        return value

    return answer


GO = "go version go1.26.8 linux/amd64"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A machine that has everything; each test takes something away."""
    monkeypatch.setattr(needs, "find_go", answers(Go(Path("/usr/bin/go"), GO)))
    monkeypatch.setattr(needs, "install", answers(None))
    monkeypatch.setattr(needs.images, "missing", answers(False))
    monkeypatch.setattr(needs.packages, "fetch", answers(None))
    monkeypatch.setattr(needs.tools, "missing", answers([]))
    return Home(tmp_path / "home", tmp_path / "home" / "bin")


def ensured(home: Home, real: bool = True) -> None:
    needs.ensure(home, real, ["etcd"], lambda message, left: None)


def test_a_machine_with_everything_is_asked_nothing(home: Home) -> None:
    ensured(home)


def test_all_lacks_are_said_at_once_each_with_its_mend(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise SandboxError("apt says no", "Ask it why")

    monkeypatch.setattr(needs, "install", refuse)
    monkeypatch.setattr(needs.shutil, "disk_usage", answers(SimpleNamespace(free=1 << 20)))
    monkeypatch.setitem(needs.MEMORY, True, 1 << 60)
    with pytest.raises(needs.Lacks) as raised:
        ensured(home)
    assert raised.value.problem == "this machine lacks 3 things that the sandbox needs; nothing was built"
    assert "- apt says no. Ask it why" in raised.value.hint
    assert "Make room, or set SANDBOX_HOME to a directory elsewhere" in raised.value.hint
    assert "set SANDBOX_NODE=simulated, which needs less" in raised.value.hint


def test_one_lack_is_said_as_it_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs.shutil, "disk_usage", answers(SimpleNamespace(free=1 << 20)))
    with pytest.raises(SandboxError, match=r"0\.0 GiB free, and 0\.5 GiB are needed"):
        ensured(home)


def test_a_silent_module_proxy_is_a_lack_without_the_modules(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs.tools, "missing", answers([tools.TOOLS["etcd"]]))
    monkeypatch.setattr(needs.tools, "CUTS", {})
    monkeypatch.setattr(needs, "_disk", answers(None))
    monkeypatch.setattr(needs, "_silent", answers("dial tcp: refused"))
    with pytest.raises(SandboxError, match="the Go module proxy does not answer: dial tcp: refused"):
        ensured(home)

    def cached(command: Sequence[str], *_: object) -> str | None:
        return None if "list" in command else "dial tcp: refused"

    monkeypatch.setattr(needs, "_silent", cached)
    ensured(home)


def test_who_may_not_install_is_told_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PACKAGES", (Package("some", ("no-such-command",), uses=("real node",)),))
    monkeypatch.setattr(needs.os, "geteuid", lambda: 1000)
    needs.install(lambda _: None)
    with pytest.raises(SandboxError) as raised:
        needs.install(lambda _: None, "real node")
    assert raised.value.hint == "As root: apt-get install --yes --no-install-recommends some"


def test_root_gets_them_installed_and_hears_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    brought, said = tmp_path / "file", list[str]()
    monkeypatch.setattr(commands, "PACKAGES", (Package("some", files=(brought,)),))
    monkeypatch.setattr(needs.os, "geteuid", lambda: 0)
    monkeypatch.setattr(needs.shutil, "which", answers("/usr/bin/apt-get"))
    monkeypatch.setattr(apt, "_DIRECTORY", tmp_path)

    def install(names: Sequence[str]) -> None:
        brought.write_text(" ".join(names))

    monkeypatch.setattr(apt, "install", install)
    needs.install(said.append)
    assert said == ["installing the Debian packages some"]
    assert brought.read_text() == "some"
    monkeypatch.setattr(apt, "install", answers())
    brought.unlink()
    with pytest.raises(SandboxError, match=f"some is installed, but {brought} was not found"):
        needs.install(said.append)


def test_who_waited_for_another_finds_all_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    brought, calls = tmp_path / "file", list[Sequence[str]]()
    monkeypatch.setattr(commands, "PACKAGES", (Package("some", files=(brought,)),))
    monkeypatch.setattr(needs.os, "geteuid", lambda: 0)
    monkeypatch.setattr(needs.shutil, "which", answers("/usr/bin/apt-get"))
    monkeypatch.setattr(apt, "_DIRECTORY", tmp_path)

    def install(names: Sequence[str]) -> None:
        calls.append(names)
        time.sleep(0.2)
        brought.touch()

    monkeypatch.setattr(apt, "install", install)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(needs.install, lambda _: None) for _ in range(2)]:
            done.result()
    assert calls == [["some"]]


def test_the_list_for_scripts_is_the_table() -> None:
    # With any Python, before anything is installed.
    command = [sys.executable, "-I", "-S", str(REPO / "sandbox" / "commands.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.split() == [package.name for package in commands.PACKAGES]


def test_npm_is_the_pinned_one_whatever_the_machine_has() -> None:
    result = subprocess.run(
        [*nodejs.npm(), "--version"], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=True
    )
    assert int(result.stdout.partition(".")[0]) >= 11


def test_settings_of_other_programs_do_not_reach_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.os, "umask", answers(0))
    planted = {"PULUMI_CONFIG_PASSPHRASE": "x", "TS_AUTHKEY": "x", "GOFLAGS": "-mod=vendor", "ETCD_NAME": "x"}
    theirs = {
        "PULUMI_HOME": "/theirs",
        "HTTPS_PROXY": "http://proxy:3128",
        "NO_PROXY": "theirs.example",
        "PATH": "/some",
    }
    monkeypatch.setattr(environment.os, "environ", {**planted, **theirs})
    environment.prepare()
    environment.prepare()
    reached = environment.os.environ
    assert not planted.keys() & reached.keys()
    assert reached["PULUMI_HOME"] == "/theirs"
    assert reached["NO_PROXY"] == reached["no_proxy"] == ",".join(("theirs.example", *environment._DIRECT))  # pyright: ignore[reportPrivateUsage]
    assert reached["PATH"].split(os.pathsep)[0] == "/some"
    assert "/usr/sbin" in reached["PATH"].split(os.pathsep)


def test_an_old_go_is_no_go() -> None:
    assert golang.parse("go version go1.19.8 linux/amd64") < tools.go_needed()
