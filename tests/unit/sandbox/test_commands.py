"""Every external command that this repository runs stands in the table of sandbox/commands.py."""

from collections.abc import Iterator

import pytest

from sandbox import commands, tools
from sandbox.home import REPO
from tests.support import command_walker

# What runs on other machines, as execution nodes, which say themselves what they need; and what is judged, and never run.
ELSEWHERE = (REPO / "components" / "nodes", REPO / "tests" / "policies", REPO / "tests" / "support" / "guard_pods.py")
SHELL = (".ci/run", "sandbox/new-venv", ".ci/made-new", "policies/pulumi-analyzer-policy-openclaw-tailnet")
# Run inside a container of the gateway's image (`kubectl exec … --`, `ctr run`), which has them.
IN_IMAGES = {"node", "tini", "wget"}


def calls() -> Iterator[tuple[str, str]]:
    """Each command with the place that runs it."""
    for directory in ("sandbox", "engine", "components", "policies", "tests"):
        for path in sorted((REPO / directory).rglob("*.py")):
            if any(path.is_relative_to(other) for other in ELSEWHERE):
                continue
            place, source = str(path.relative_to(REPO)), path.read_text()
            yield from ((command, f"{place}:{line}") for command, line in command_walker.in_python(source))
            for script, line in command_walker.scripts(source):
                yield from ((command, f"{place}:{line}") for command in command_walker.in_shell(script))
    yield from ((command, "Makefile") for command in command_walker.in_makefile((REPO / "Makefile").read_text()))
    for name in SHELL:
        yield from ((command, name) for command in command_walker.in_shell((REPO / name).read_text()))


def test_every_command_is_in_the_table() -> None:
    known = commands.known().keys() | tools.TOOLS.keys() | IN_IMAGES
    unknown = sorted({f"{command} ({place})" for command, place in calls() if command.rpartition("/")[2] not in known})
    assert unknown == [], "add them to sandbox/commands.py, with the Debian package that has them"


def test_the_walk_sees_what_the_sandbox_is_known_to_run() -> None:
    seen = {command for command, _ in calls()}
    assert {"apt-get", "dpkg-deb", "ip", "nft", "debootstrap", "umount", "unshare", "chroot", "pkill", "id"} <= seen


@pytest.mark.parametrize(
    "source",
    [
        'subprocess.run(["planted", "-x"], check=True)',
        'with subprocess.Popen(("planted",)) as child: ...',
        'shutil.which("planted")',
        'network.run(["planted"])',
        '_run(["planted", root], work, "it")',
        'Part("name", ["planted"])',
        'device.run("planted", "x")',
        'command = ["unshare", "--net", "--", "planted"]',
        'x = ["nsenter", "--target", pid, "--", "sh", "-c", "ip link | planted"]',
        'y = ["sh", "-c", "planted"]',
    ],
)
def test_a_planted_command_is_seen_in_python(source: str) -> None:
    assert "planted" in {command for command, _ in command_walker.in_python(source)}


@pytest.mark.parametrize(
    "script",
    [
        "planted x",
        "A=1 planted",
        "ip link && planted",
        "ip link | planted",
        'x="$(cat f)"; y=$(planted)',
        "if planted; then ip link; fi",
        "exec planted",
        "! planted",
        "exec setpriv --no-new-privs env -i A=1 planted x",
        "while planted; do sleep 1; done",
        "f() { planted; }\nf",
        "ip \\\n  link\nplanted",
    ],
)
def test_a_planted_command_is_seen_in_a_script(script: str) -> None:
    assert "planted" in set(command_walker.in_shell(script))
    assert "planted" in set(command_walker.in_makefile("\t@" + script.replace("\n", "\n\t").replace("$", "$$")))
    in_source = f"TEXT = {'set -e' + chr(10) + script!r}"
    assert any("planted" in set(command_walker.in_shell(text)) for text, _ in command_walker.scripts(in_source))


@pytest.mark.parametrize("script", ["# planted", "echo planted", "X='a; planted'", "cat <<END\nplanted\nEND\n"])
def test_what_is_no_command_is_not_seen(script: str) -> None:
    assert "planted" not in set(command_walker.in_shell(script))
