"""The pipelines: each job's script is the program, forks get no secrets, and nothing has more rights than it uses."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from gitops import cli
from tests.support.configs import ROOT

WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text())
    for path in (ROOT / ".github" / "workflows").glob("*.yaml")
    if path.stem != "ci"
}
ACTION = ROOT / ".github" / "actions" / "pipeline" / "action.yaml"
TEMPLATES = ROOT / "gitops" / "templates"
# Which commit these tags are could not be looked up where this was written: docs/gitops.md says so.
BY_TAG = {"pulumi/actions@v6", "pulumi/auth-actions@v1"}
PROGRAM = re.compile(r"\.venv/bin/python -m gitops (?P<arguments>[^;&|\n]+)")
JOBS = [(f"{name}/{job}", content) for name, workflow in WORKFLOWS.items() for job, content in workflow["jobs"].items()]
WITH_STEPS = [(name, job) for name, job in JOBS if "steps" in job]


def scripts() -> Iterator[tuple[str, str]]:
    for name, job in WITH_STEPS:
        yield from ((name, step["run"]) for step in job["steps"] if "run" in step)
    for name, job in gitlab_jobs().items():
        yield from ((f"gitlab/{name}", line) for line in job.get("script", ()))


def gitlab_jobs() -> dict[str, Any]:
    document = yaml.safe_load((TEMPLATES / "gitlab-ci.yml").read_text())
    return {name: job for name, job in document.items() if isinstance(job, dict) and "script" in job}


@pytest.mark.parametrize(("job", "script"), list(scripts()))
def test_the_script_of_a_job_is_one_command_of_the_program(job: str, script: str) -> None:
    match = PROGRAM.fullmatch(script.strip())
    assert match, f"{job}: {script}"
    command, *options = re.sub(r"\$\{\{[^}]+\}\}|\$STACK", "dev", match["arguments"]).split()
    assert command in {"preview", "apply", "drift"}
    # With --help behind them, the options alone are judged.
    assert cli.run([command, *options, "--help"]) == 0
    assert {"--stack", "dev"} <= set(options)


def actions() -> list[str]:
    texts = [path.read_text() for path in (*sorted((ROOT / ".github" / "workflows").glob("*.yaml")), ACTION)]
    return [line.strip() for text in texts for line in text.splitlines() if re.search(r"^\s*(- )?uses: ", line)]


def test_actions_are_pinned_by_commit_with_their_tag_beside_it() -> None:
    for line in actions():
        used = line.removeprefix("- ").removeprefix("uses: ")
        if used.startswith("./") or used in BY_TAG:
            continue
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), line


def test_the_tags_that_are_no_commits_are_named_in_the_page() -> None:
    used = {line.removeprefix("- ").removeprefix("uses: ") for line in actions()}
    assert used >= BY_TAG
    page = (ROOT / "docs" / "gitops.md").read_text()
    assert all(f"`{name}`" in page for name in BY_TAG)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_read_and_a_job_says_what_more_it_may(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    more = {"contents": "read", "id-token": "write"} | ({"issues": "write"} if name == "drift" else {})
    for job in WORKFLOWS[name]["jobs"].values():
        assert job.get("permissions", {}).items() <= more.items()


@pytest.mark.parametrize(("name", "job"), WITH_STEPS, ids=[name for name, _ in WITH_STEPS])
def test_a_checkout_leaves_no_token_and_a_job_ends(name: str, job: dict[str, Any]) -> None:
    [checkout] = [step for step in job["steps"] if "actions/checkout@" in step.get("uses", "")]
    assert checkout["with"]["persist-credentials"] is False
    assert job["timeout-minutes"] <= 60


def test_a_fork_has_no_secret_no_token_and_no_environment() -> None:
    fork = WORKFLOWS["preview"]["jobs"]["fork"]
    assert "secrets." not in yaml.safe_dump(fork)
    assert not {"permissions", "environment", "env"} & fork.keys()
    assert WORKFLOWS["preview"][True].keys() == {"pull_request"}, "never pull_request_target: it has secrets"
    assert "head.repo.full_name == github.repository" in WORKFLOWS["preview"]["jobs"]["branch"]["if"]
    assert "environment" not in gitlab_jobs()["fork"]


def test_only_the_job_that_applies_has_the_protected_environment() -> None:
    environments = {name: job.get("environment") for name, job in WITH_STEPS if "environment" in job}
    applying = environments.pop("apply-stack/apply")
    assert applying == "${{ inputs.stack }}"
    assert all(str(one).startswith("preview-${{") for one in environments.values())
    assert WORKFLOWS["apply"][True]["push"] == {"branches": ["main"]}


def test_prod_comes_after_dev() -> None:
    assert WORKFLOWS["apply"]["jobs"]["prod"]["needs"] == "dev"
    assert WORKFLOWS["apply"]["concurrency"]["cancel-in-progress"] is False
    jobs = gitlab_jobs()
    assert jobs["plan-prod"]["needs"] == ["apply-dev"]
    assert jobs["apply-prod"]["needs"] == ["plan-prod"]
    assert jobs["apply-dev"]["resource_group"] == "$STACK"


def test_the_cli_is_of_the_sdks_version() -> None:
    pinned = re.search(r'"pulumi==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned
    assert f'pulumi-version: "{pinned[1]}"' in ACTION.read_text()
    assert f"pulumi-python-3.11:{pinned[1]}" in (TEMPLATES / "gitlab-ci.yml").read_text()
    assert f"pulumi/pulumi:{pinned[1]}-nonroot" in (TEMPLATES / "pulumi-operator.yaml").read_text()


def test_the_operators_stack_destroys_nothing_and_applies_by_its_account() -> None:
    binding, stack = yaml.safe_load_all((TEMPLATES / "pulumi-operator.yaml").read_text())
    [subject] = binding["subjects"]
    assert (subject["name"], subject["namespace"]) == ("prod-apply", "gitops-openclaw")
    assert stack["spec"]["serviceAccountName"] == subject["name"]
    assert stack["metadata"]["namespace"] == subject["namespace"]
    assert stack["spec"]["destroyOnFinalize"] is False
    assert len(stack["spec"]["stack"]) <= 42
