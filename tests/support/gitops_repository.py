"""A stack in a real git repository: an origin, merge requests as branches, and a fresh checkout for each job of a pipeline."""

import dataclasses
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from components.constants import PROJECT
from engine.directory import StackDirectory
from gitops import cli
from gitops.model import Summary
from gitops.preview import Files
from tests.support.configs import ROOT
from tests.support.engine_world import Values

INSTANCES: Final = f"{PROJECT}:instances"
MAIN: Final = "main"
PROGRAM: Final = "import runpy\ntopology = runpy.run_path({!r}, run_name='__main__')['topology']\n"
Edit = Callable[[Values], None]


def _nothing(config: Values) -> None:
    return None


@dataclass
class Job:
    """One job of a pipeline: a checkout of its own, and what its commands left in `out`."""

    directory: StackDirectory
    out: Path

    def run(self, command: str, *arguments: str) -> int:
        """The exit code of `python -m gitops`."""
        return cli.run([command, *arguments], lambda _: self.directory)

    def preview(self, *arguments: str) -> Summary:
        """The summary of a preview, whose exit code is that of its outcome."""
        code = self.run("preview", "--out", str(self.out), *arguments)
        summary = Files(self.out).read()
        assert code == summary.outcome.exit_code
        return summary

    def apply(self) -> int:
        return self.run("apply", "--plan", str(self.out))

    @property
    def text(self) -> str:
        """The summary for people."""
        return Files(self.out).markdown.read_text()


@dataclass
class Repository:
    """`stack` is the directory that the engine made: its file has the secrets, encrypted."""

    root: Path
    stack: StackDirectory
    jobs: int = field(default=0)

    @property
    def origin(self) -> Path:
        return self.root / "origin.git"

    def begin(self) -> None:
        """The first commit: the project, the stack's file, the policy pack, and a program that is the real one."""
        self.root.mkdir(parents=True)
        git(self.root, "init", "-q", "--bare", "-b", MAIN, str(self.origin))
        work = self.root / "work"
        git(self.root, "clone", "-q", str(self.origin), str(work))
        for name in ("Pulumi.yaml", self.stack.file.name):
            (work / name).write_text((self.stack.directory / name).read_text())
        (work / "__main__.py").write_text(PROGRAM.format(str(ROOT / "__main__.py")))
        (work / "policies").symlink_to(ROOT / "policies")
        commit(work, "the stack")

    def request(self, branch: str, edit: Edit = _nothing, program: str = "") -> Job:
        """A merge request from `main`: pushes the edited stack file, and the program where one is given. A job's checkout."""
        work = self._clone(MAIN)
        git(work, "switch", "-qc", branch)
        file = work / self.stack.file.name
        document: Values = yaml.safe_load(file.read_text())
        edit(document["config"])
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        if program:
            (work / "__main__.py").write_text(program)
        commit(work, branch, branch)
        return self.job(branch)

    def merge(self, branch: str) -> Job:
        """Merges the request, by a commit of its own. A job's checkout of what `main` then is."""
        work = self._clone(MAIN)
        git(work, "merge", "-q", "--no-ff", "-m", f"merge {branch}", f"origin/{branch}")
        git(work, "push", "-q", "origin", MAIN)
        return self.job()

    def job(self, branch: str = MAIN) -> Job:
        """A job with a fresh checkout."""
        checkout = self._clone(branch)
        directory = dataclasses.replace(self.stack, directory=checkout, program=checkout / "__main__.py")
        return Job(directory, checkout / "gitops-out")

    def _clone(self, branch: str) -> Path:
        self.jobs += 1
        target = self.root / f"checkout-{self.jobs}"
        git(self.root, "clone", "-q", "-b", branch, str(self.origin), str(target))
        return target


def git(directory: Path, *arguments: str) -> str:
    """What git says; fails with its words."""
    who = ["-c", "user.name=Tester", "-c", "user.email=tester@example.com"]
    done = subprocess.run(["git", *who, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(work: Path, message: str, branch: str = MAIN) -> None:
    """Commits everything, and pushes it."""
    git(work, "add", "-A")
    git(work, "commit", "-q", "--allow-empty", "-m", message)
    git(work, "push", "-q", "origin", f"HEAD:{branch}")


def kept(job: Job) -> dict[str, str]:
    """What a job leaves for others, by name."""
    return {path.name: path.read_text() for path in job.out.iterdir()}


def as_account(kubeconfig: Path, token: str) -> str:
    """The kubeconfig with this token in the place of the administrator's certificate."""
    document: Any = yaml.safe_load(kubeconfig.read_text())
    for user in document["users"]:
        user["user"] = {"token": token}
    return json.dumps(document)
