"""Builds at once: who waits for whom, what a failure and an interruption leave, and what is said meanwhile."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.processes import start_time
from engine.progress import Progress
from sandbox import builds, tools
from sandbox.builds import Builds, Job, Lane
from sandbox.cuts import Cut
from sandbox.errors import SandboxError
from sandbox.home import Home

GO = "go version go1.26.8 linux/amd64"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, tmp_path / "bin")


class Said(list[tuple[str, float]]):
    def __call__(self, message: str, left: float) -> None:
        if message not in [known for known, _ in self]:
            self.append((message, left))


def job(directory: Path, name: str, script: str, seconds: float = 10) -> Job:
    """A job that records when it began and ended."""
    noted = f"echo {name} >> began; {script}; echo {name} >> ended"
    return Job("building", name, ["sh", "-ec", noted], directory, directory / f"{name}.log", seconds, makes=(name,))


def answers(monkeypatch: pytest.MonkeyPatch, *lacking: list[tools.Tool]) -> None:
    """Makes each look at the missing tools return the next of these lists."""
    left = list(lacking)

    def missing(home: Home, names: Sequence[str], go_version: str) -> list[tools.Tool]:
        return left.pop(0)

    monkeypatch.setattr(tools, "missing", missing)


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_the_first_of_a_lane_runs_alone_and_the_others_together(tmp_path: Path) -> None:
    meet = "for _ in $(seq 100); do [ $(grep -c . began) = 3 ] && exit 0; sleep 0.05; done; exit 1"
    jobs = [job(tmp_path, "first", "sleep 0.3; [ $(cat began) = first ]")]
    jobs += [job(tmp_path, name, meet.replace("exit 0", "break").replace("; exit 1", "")) for name in ("a", "b")]
    Builds([Lane(jobs, 2)], Said(), 0).wait()
    assert lines(tmp_path / "began")[0] == "first"
    assert lines(tmp_path / "ended")[0] == "first"
    assert set(lines(tmp_path / "ended")[1:]) == {"a", "b"}


def test_what_is_needed_first_is_not_kept_waiting_by_the_rest(tmp_path: Path) -> None:
    work = Builds([Lane([job(tmp_path, "now", "true"), job(tmp_path, "later", "sleep 30")], 2)], Said(), 0)
    try:
        work.wait(["now"])
        assert lines(tmp_path / "ended") == ["now"]
    finally:
        work.end()


def test_a_failure_is_one_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"building broken failed \(exit 3\)") as caught:
        Builds([Lane([job(tmp_path, "broken", "echo no such package; exit 3")])], Said(), 0).wait()
    assert str(tmp_path / "broken.log") in (caught.value.hint or "")
    assert "no such package" in (caught.value.hint or "")


def test_ending_the_builds_ends_their_children(tmp_path: Path) -> None:
    def interrupt(message: str, left: float) -> None:
        if lines(tmp_path / "child"):
            raise KeyboardInterrupt

    work = Builds([Lane([job(tmp_path, "long", "sleep 60 & echo $! > child; wait")])], interrupt, 0)
    with pytest.raises(KeyboardInterrupt):
        work.wait()
    work.end()
    child = int(lines(tmp_path / "child")[0])
    deadline = time.monotonic() + 5
    while start_time(child) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert start_time(child) is None


def test_the_line_says_what_goes_on_and_the_estimate_counts_what_follows(tmp_path: Path) -> None:
    said = Said()
    download = Job("downloading", "b", ["sleep", "0.4"], tmp_path, tmp_path / "d.log")
    lanes = [Lane([job(tmp_path, "a", "sleep 0.4", 100), job(tmp_path, "b", "true", 50)]), Lane([download])]
    work = Builds(lanes, said, after=60)
    work.wait()
    assert said[0][0] == "building a; downloading b"
    cores = max(2, builds.os.cpu_count() or 2)
    assert said[0][1] == pytest.approx(60 + 150 * 2 / cores, abs=2)
    assert work.left() == 60


def test_an_unknown_tool_is_named(home: Home) -> None:
    with pytest.raises(SandboxError, match="unknown tool gcc"):
        builds.ensure(home, ["gcc"], Said())


def test_what_is_built_starts_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, [])
    said = Said()
    assert builds.ensure(home, ["etcd"], said) == 0.0
    assert said == []


def test_a_second_builder_waits_and_then_has_nothing_to_do(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.bin.mkdir()
    hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    lock = str(home.bin / ".lock")
    with subprocess.Popen([sys.executable, "-c", hold, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        answers(monkeypatch, [tools.TOOLS["etcd"]], [])
        said: list[str] = []

        def progress(message: str, left: float) -> None:
            said.append(message)
            assert other.stdin is not None
            other.stdin.close()

        builds.ensure(home, ["etcd"], progress)
    assert said[0] == "waiting for another process that builds the same tools"


def test_a_build_is_kept_only_when_it_is_whole(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    go = home.root / "fake" / "go"
    go.parent.mkdir()
    go.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho built > "$2"server\n')
    go.chmod(0o755)
    toolchain = builds.Go(go, GO)

    def find_go(home: Home, needed: tuple[int, ...], progress: Progress) -> builds.Go:
        return toolchain

    monkeypatch.setattr(builds, "find_go", find_go)
    monkeypatch.setattr(tools, "CUTS", {})
    builds.ensure(home, ["etcd"], Said())
    assert (home.bin / "etcd").read_text() == "built\n"
    assert tools.missing(home, ["etcd"], GO) == []
    go.write_text("#!/bin/sh\nexit 1\n")
    (home.bin / ".keys" / "etcd").write_text("of another version")
    with pytest.raises(SandboxError, match="building kubernetes v"):
        builds.ensure(home, ["etcd"], Said())
    assert (home.bin / "etcd").read_text() == "built\n"
    assert [tool.name for tool in tools.missing(home, ["etcd"], GO)] == ["etcd"]


def test_what_is_cut_is_neither_downloaded_nor_built(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    said, cache, module = home.root / "said", home.root / "cache", "go.etcd.io/etcd/server/v3"
    cache.mkdir()
    for name in ("main.go", "cloud.go"):
        (cache / name).write_text("package main\n")
    go = home.root / "go"
    go.write_text(
        f"""#!/bin/sh
if [ "$1" = mod ]; then echo '{{"Dir": "{cache}"}}'; exit; fi
for word; do case $word in -modfile=*) ls "$(dirname "${{word#*=}}")/{module}" | sed "s/^/$1 /" >> {said};; esac; done
while [ $# != 0 ] && [ "$1" != -o ]; do shift; done
[ $# = 0 ] || for name in pulumi server; do echo built > "$2$name"; done
"""
    )
    go.chmod(0o755)

    def find_go(home: Home, needed: tuple[int, ...], progress: Progress) -> builds.Go:
        return builds.Go(go, GO)

    monkeypatch.setattr(builds, "find_go", find_go)
    monkeypatch.setattr(tools, "CUTS", {module: (Cut("cloud.go"),)})
    builds.ensure(home, ["pulumi", "etcd"], Said())
    assert sorted(said.read_text().splitlines()) == ["build main.go", "list main.go"]
    assert [path.name for path in home.bin.iterdir() if path.name.startswith(".cut")] == []
