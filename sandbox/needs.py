"""Checks the machine before anything is built: installs what it can, and reports everything that is missing at once."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from engine.progress import Progress
from sandbox import apt, commands, nodejs, tools
from sandbox.commands import Use
from sandbox.errors import SandboxError
from sandbox.golang import Go, find_go
from sandbox.home import Home
from sandbox.node import images, packages
from sandbox.supervisor import Supervisor

GIB: Final = 1 << 30
# Seen: 5.3 GB in Go's build cache and 4.4 GB of modules after all tools were built from nothing.
TOOLS_DISK: Final = int(1.2 * GIB)
BUILD_DISK: Final = int(11 * GIB)
IMAGES_DISK: Final = int(5 * GIB)
RUN_DISK: Final = int(0.5 * GIB)
MEMORY: Final = {False: int(2 * GIB), True: int(3.5 * GIB)}
# Seconds for a registry to answer with something small.
_PATIENCE: Final = 20
# In the go.sum of Kubernetes, and small.
_SMALL_MODULE: Final = "github.com/cespare/xxhash/v2"
_STEP = Callable[[], object]


class Lacks(SandboxError):
    """Everything that this machine lacks, each with its hint."""

    def __init__(self, lacks: Sequence[SandboxError]) -> None:
        super().__init__(
            f"this machine lacks {len(lacks)} things that the sandbox needs; nothing was built",
            "\n  ".join(f"- {lack.problem}. {lack.hint}" for lack in lacks),
        )


def ensure(home: Home, real: bool, wanted: Sequence[str], progress: Progress) -> None:
    """Look at the machine for a world with these tools, and install what can be installed. Costs little when all is there."""

    def report(message: str) -> None:
        progress(message, 0.0)

    lacks = [*_failures([lambda: install(report, *(("real node",) if real else ()))])]
    steps: list[_STEP] = [lambda: _executable(home)]
    if real:
        # Only with the commands there: the lack of one is said above, and not again by what it brings with it.
        steps += [nodejs.npm, *([] if lacks else [lambda: packages.fetch(home, report)])]
    lacks += _failures(steps)
    try:
        go = find_go(home, tools.go_needed(), progress)
    except SandboxError as error:
        lacks.append(error)
        todo: list[tools.Tool] = []
    else:
        todo = tools.missing(home, wanted, go.version)
        if todo:
            report("checking this machine")
        lacks += _failures([lambda: _disk(home, go, real, bool(todo)), lambda: _memory(home, real)])
        lacks += _together(_registries(home, go, real, todo))
    if len(lacks) == 1:
        raise lacks[0]
    if lacks:
        raise Lacks(lacks)


def install(report: Callable[[str], None], *uses: Use) -> None:
    """The Debian packages of commands that are lacking; who may not install is told which they are."""
    names = [package.name for package in commands.absent(*uses)]
    if not names:
        return
    line = f"apt-get install --yes --no-install-recommends {' '.join(names)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SandboxError(
            f"the Debian packages {', '.join(names)} are not installed, or not completely", f"As root: {line}"
        )
    # Runs of tests begin side by side, and apt waits for no other one that reads the lists.
    with apt.alone():
        if not (names := [package.name for package in commands.absent(*uses)]):
            return
        report(f"installing the Debian packages {', '.join(names)}")
        apt.install(names)
    if left := [package for package in commands.absent(*uses) if package.name in names]:
        lacking = [*left[0].commands, *(str(path) for path in left[0].files)]
        raise SandboxError(f"{left[0].name} is installed, but {' or '.join(lacking)} was not found", f"See: {line}")


def _failures(steps: Iterable[_STEP]) -> Iterator[SandboxError]:
    for step in steps:
        try:
            step()
        except SandboxError as error:
            yield error


def _together(steps: Sequence[_STEP]) -> list[SandboxError]:
    if not steps:
        return []
    with ThreadPoolExecutor(len(steps)) as pool:
        futures = [pool.submit(list[SandboxError], _failures([step])) for step in steps]
        return [lack for future in futures for lack in future.result()]


def _executable(home: Home) -> None:
    """Built programs must be allowed to run where they are put."""
    for place in (home.bin, home.root):
        if os.statvfs(_there(place)).f_flag & os.ST_NOEXEC:
            raise SandboxError(f"{_there(place)} is mounted noexec", "Set SANDBOX_HOME to another file system")


def _disk(home: Home, go: Go, real: bool, build: bool) -> None:
    """Room for all that is still to be made, added up by file system."""
    needed: dict[int, tuple[Path, int, str]] = {}
    wanted = [(home.root, RUN_DISK, "SANDBOX_HOME")]
    if build:
        cache = _go_setting(go, "GOCACHE")
        wanted += [(home.bin, TOOLS_DISK, "SANDBOX_HOME"), (Path(cache or home.root), BUILD_DISK, "GOCACHE")]
    if real and images.missing(home):
        wanted.append((home.bin, IMAGES_DISK, "SANDBOX_HOME"))
    for place, size, variable in wanted:
        there = _there(place)
        device = there.stat().st_dev
        first, before, name = needed.get(device, (there, 0, variable))
        needed[device] = (first, before + size, name)
    for place, size, variable in needed.values():
        free = shutil.disk_usage(place).free
        if free < size:
            raise SandboxError(
                f"{place} has {free / GIB:.1f} GiB free, and {size / GIB:.1f} GiB are needed",
                f"Make room, or set {variable} to a directory elsewhere",
            )


def _memory(home: Home, real: bool) -> None:
    """Enough for a world that does not run yet."""
    if home.exists and Supervisor(home).process() is not None:
        return
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    if free < MEMORY[real]:
        raise SandboxError(
            f"{free / GIB:.1f} GiB of memory are free, and {MEMORY[real] / GIB:.1f} GiB are needed",
            "Stop other programs" + (", or set SANDBOX_NODE=simulated, which needs less" if real else ""),
        )


def _registries(home: Home, go: Go, real: bool, todo: Sequence[tools.Tool]) -> list[_STEP]:
    """A question to each registry that something is still to come from. PyPI and Debian's were asked by installing."""
    steps: list[_STEP] = []
    if todo:
        steps.append(lambda: _ask_modules(go, todo))
    if real and images.missing(home):
        steps.append(_ask_npm)
    return steps


def _ask_modules(go: Go, todo: Sequence[tools.Tool]) -> None:
    environment = {**os.environ, **tools.ENVIRONMENT}
    with tempfile.TemporaryDirectory(prefix="openclaw-sandbox-") as empty:
        asked = {**environment, "GOMODCACHE": empty, "GOFLAGS": "-modcacherw"}
        command = [str(go.path), "mod", "download", _SMALL_MODULE]
        said = _silent(command, asked, tools.MODULES / "kubernetes")
    if said is None:
        return

    def cached(family: str) -> bool:
        here = [tool.package for tool in todo if tool.family == family]
        offline = {**environment, "GOPROXY": "off"}
        with tempfile.TemporaryDirectory(prefix="openclaw-sandbox-") as copy:
            try:
                modules = tools.modules(go.path, family, Path(copy), offline)
            except SandboxError:
                return False
            command = [str(go.path), "list", *modules, *tools.tags(family), "-deps", *here]
            return _silent(command, offline, tools.MODULES / family) is None

    if not all(cached(family) for family in dict.fromkeys(tool.family for tool in todo)):
        raise SandboxError(
            f"the Go module proxy does not answer: {said}", "Set GOPROXY to one that this machine can reach"
        )


def _ask_npm() -> None:
    with tempfile.TemporaryDirectory(prefix="openclaw-sandbox-") as empty:
        command = [*nodejs.npm(), "view", "--fetch-retries=0", "--cache", empty, "openclaw", "version"]
        if (said := _silent(command, dict(os.environ), Path(empty))) is not None:
            raise SandboxError(
                f"the npm registry does not answer: {said}",
                "Set `registry` in ~/.npmrc to one that this machine can reach, or set SANDBOX_NODE=simulated",
            )


def _silent(command: Sequence[str], environment: dict[str, str], cwd: Path) -> str | None:
    """None when the command succeeded in time, else the last that it said."""
    try:
        result = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE} s"
    said = [line for line in result.stderr.splitlines() if line.strip() and "A complete log of this run" not in line]
    return None if result.returncode == 0 else (said or ["no reason given"])[-1].strip()[-300:]


def _go_setting(go: Go, name: str) -> str:
    result = subprocess.run([str(go.path), "env", name], capture_output=True, text=True, check=False)
    return result.stdout.strip()


def _there(place: Path) -> Path:
    """The nearest directory that exists."""
    return next(path for path in (place, *place.parents) if path.exists())
