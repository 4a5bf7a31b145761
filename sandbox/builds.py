"""Building what is missing, all at once: two families compile, later ones download, the images assemble."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.progress import Progress
from sandbox import tools
from sandbox.errors import SandboxError
from sandbox.golang import Go, find_go
from sandbox.home import REPO, Home
from sandbox.tools import Tool

# A link is the work of one core, and a second family keeps the other one busy. Each link of a Kubernetes part takes 2 GiB.
_MEMORY: Final = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
_COMPILERS: Final = 2 if _MEMORY >= 6 << 30 else 1
# With memory to spare the compiler collects garbage less often: a fifth less of the processors' time was seen.
_COMPILER: Final = {"GOGC": "400"} if _MEMORY >= 14 << 30 else {}
_IMAGES_SECONDS: Final = 90.0
# What `wait` calls the images' layers.
IMAGES: Final = "images"


@dataclass(frozen=True)
class Job:
    """One command. `seconds` is what it takes on 2 cores, for the estimate; `finish` follows its success."""

    doing: str
    name: str
    command: Sequence[str]
    directory: Path
    log: Path
    seconds: float = 0.0
    environment: dict[str, str] = field(default_factory=dict[str, str])
    makes: tuple[str, ...] = ()
    finish: Callable[[], None] = lambda: None


class Running:
    """A job at work, in a session of its own so that all its children can be ended with it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.began = time.monotonic()
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with job.log.open("w") as out:
            self.process = subprocess.Popen(
                job.command,
                cwd=job.directory,
                env={**os.environ, **job.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def done(self) -> bool:
        """True once it has ended well; one that failed raises."""
        if self.process.poll() is None:
            return False
        if self.process.returncode != 0:
            tail = "\n".join(self.job.log.read_text(errors="replace").splitlines()[-15:])
            raise SandboxError(
                f"{self.job.doing} {self.job.name} failed (exit {self.process.returncode})",
                f"Log: {self.job.log}\n{tail}",
            )
        self.job.finish()
        return True

    def end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(5)


class Lane:
    """Jobs in order, up to `width` at once; the first one alone, as what it compiles serves all others."""

    def __init__(self, jobs: Iterable[Job], width: int = 1) -> None:
        self.waiting = list(jobs)
        self.running: list[Running] = []
        self._width = width
        self._ended = 0

    def step(self) -> None:
        """Take note of what ended, and start what may start."""
        at_work = [running for running in self.running if not running.done()]
        self._ended += len(self.running) - len(at_work)
        self.running = at_work
        while self.waiting and len(self.running) < (self._width if self._ended else 1):
            self.running.append(Running(self.waiting.pop(0)))

    def jobs(self) -> list[Job]:
        """Those that have not ended."""
        return [*(running.job for running in self.running), *self.waiting]


class Builds:
    """Builds under way. They go on beside whatever else is done; `wait` is where they are looked after."""

    def __init__(self, lanes: Sequence[Lane], progress: Progress, after: float) -> None:
        self.seconds = 0.0
        self._lanes = lanes
        self._progress = progress
        self._after = after
        self._begin = time.monotonic()

    def wait(self, names: Iterable[str] | None = None) -> float:
        """Until those tools are built (without names: until everything is done); returns the seconds since the begin."""
        wanted = None if names is None else set(names)
        while True:
            for lane in self._lanes:
                lane.step()
            left = [job for lane in self._lanes for job in lane.jobs()]
            if not (left if wanted is None else [job for job in left if wanted & set(job.makes)]):
                return time.monotonic() - self._begin if self._lanes else 0.0
            self._progress(self._message(), self.left())
            time.sleep(0.2)

    def left(self) -> float:
        """The estimate of what remains, and of what follows: all of it shares the same cores."""
        spent = {id(running.job): time.monotonic() - running.began for running in self._running()}
        share = max(1, len([running for running in self._running() if running.job.seconds]))
        jobs = [job for lane in self._lanes for job in lane.jobs()]
        rest = sum(max(job.seconds * 0.1, job.seconds - spent.get(id(job), 0.0) / share) for job in jobs)
        return rest * 2 / max(2, os.cpu_count() or 2) + self._after

    def end(self) -> None:
        for running in self._running():
            running.end()

    def _running(self) -> list[Running]:
        return [running for lane in self._lanes for running in lane.running]

    def _message(self) -> str:
        """Such as `building kubernetes v1.36.2, tailscale v1.102.3; downloading pulumi`."""
        at_work: dict[str, list[str]] = {}
        for running in self._running():
            at_work.setdefault(running.job.doing, []).append(running.job.name)
        return "; ".join(f"{doing} {', '.join(names)}" for doing, names in at_work.items())


@contextlib.contextmanager
def building(
    home: Home, names: Sequence[str], progress: Progress, images: bool = False, after: float = 0.0
) -> Generator[Builds]:
    """Builds what is missing of these tools (and, with `images`, the images' layers that need none of them) while the block
    runs; at its end all of it is there. `after`: seconds that follow, for the estimate.

    Safe against a second builder of the same directory. A failure, in the block or of a build, ends all builds.
    """
    if unknown := sorted(set(names) - tools.TOOLS.keys()):
        raise SandboxError(f"unknown tool {', '.join(unknown)}", f"Known: {', '.join(tools.TOOLS)}")
    home.bin.mkdir(parents=True, exist_ok=True)
    go = find_go(home, tools.go_needed(), progress)
    if not images and not tools.missing(home, names, go.version):
        yield Builds([], progress, after)
        return
    with _only_builder(home.bin, progress):
        todo = tools.missing(home, names, go.version)
        families = {tool.family: [other for other in todo if other.family == tool.family] for tool in todo}
        modules = {family: _modules(home, go, family, progress) for family in families}
        lanes = [
            Lane([_compile(home, go, *family, modules[family[0]]) for family in families.items()], _COMPILERS),
            # What the first one needs, it downloads itself.
            Lane([_download(home, go, *family, modules[family[0]]) for family in list(families.items())[1:]]),
            Lane([_assemble(home)] if images else []),
        ]
        builds = Builds(lanes, progress, after)
        try:
            yield builds
            builds.wait()
        finally:
            builds.end()
            for family in families:
                shutil.rmtree(_copy(home, family), ignore_errors=True)


def ensure(home: Home, names: Sequence[str], progress: Progress, images: bool = False) -> float:
    """Build what is missing; returns the seconds it took. `images` as in `building`."""
    with building(home, names, progress, images) as builds:
        return builds.wait()


def _copy(home: Home, family: str) -> Path:
    return home.bin / f".cut-{family}"


def _modules(home: Home, go: Go, family: str, progress: Progress) -> list[str]:
    if tools.cuts(family):
        progress(f"preparing the source of {family}", 5)
    shutil.rmtree(_copy(home, family), ignore_errors=True)
    return tools.modules(go.path, family, _copy(home, family), os.environ)


def _compile(home: Home, go: Go, family: str, group: Sequence[Tool], modules: Sequence[str]) -> Job:
    staging = home.bin / f".build-{family}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()

    def finish() -> None:
        keys = home.bin / ".keys"
        keys.mkdir(exist_ok=True)
        for tool in group:
            # The old key goes first: a crash between the two lines means a rebuild, never a wrong match.
            (keys / tool.name).unlink(missing_ok=True)
            (staging / tool.output).replace(home.bin / tool.name)
            (keys / tool.name).write_text(tools.cache_key(tool, go.version))
        shutil.rmtree(staging)

    return Job(
        "building",
        f"{family} {tools.version(family)}",
        [str(go.path), "build", *modules, *tools.flags(family), "-o", f"{staging}/", *(tool.package for tool in group)],
        tools.MODULES / family,
        home.logs / f"build-{family}.log",
        sum(tool.seconds for tool in group),
        {**tools.ENVIRONMENT, **_COMPILER},
        tuple(tool.name for tool in group),
        finish,
    )


def _download(home: Home, go: Go, family: str, group: Sequence[Tool], modules: Sequence[str]) -> Job:
    """Only what the packages need, which is a fraction of what go.mod lists."""
    packages = [tool.package for tool in group]
    return Job(
        "downloading",
        family,
        [str(go.path), "list", "-deps", "-mod=readonly", *modules, *tools.tags(family), "-f", "", *packages],
        tools.MODULES / family,
        home.logs / f"download-{family}.log",
        environment=tools.ENVIRONMENT,
    )


def _assemble(home: Home) -> Job:
    return Job(
        "assembling",
        IMAGES,
        [sys.executable, "-P", "-m", "sandbox.node.images"],
        home.root,
        home.logs / "images.log",
        _IMAGES_SECONDS,
        {"SANDBOX_HOME": str(home.root), "SANDBOX_BIN": str(home.bin), "PYTHONPATH": str(REPO)},
        (IMAGES,),
    )


@contextlib.contextmanager
def _only_builder(directory: Path, progress: Progress) -> Generator[None]:
    with (directory / ".lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress("waiting for another process that builds the same tools", 0.0)
                time.sleep(1)
        yield
