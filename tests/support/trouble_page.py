"""docs/troubleshooting.md as its tests read it: each block is a command, typed somewhere, and lines that it must print."""

import ast
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.home import REPO
from sandbox.kubectl import program
from sandbox.node.devices import Device
from tests.support.e2e_world import Gateway
from tests.support.engine_world import Stack

DOCUMENT: Final = REPO / "docs" / "troubleshooting.md"
# Writes into the page what the commands print now: the lines that it has, as they are now; where they no longer fit, all that
# was printed, to be shortened by hand. A line `...` of the page stands for any lines.
UPDATE: Final = os.environ.get("TROUBLESHOOTING_UPDATE") == "1"
LEFT_OUT: Final = "..."
_BLOCK: Final = re.compile(
    r"<!-- (?P<name>[^>]+) -->\n```console\n(?P<place>laptop|admin)\$ (?P<command>.+)\n(?P<output>(?:(?!```).*\n)*)```"
)
_SHORT: Final = re.compile(r"<!-- shorthands -->\n```sh\n(?P<text>.*?)```", re.DOTALL)
_ROW: Final = re.compile(r"^\| (?P<signs>`.+`.*?) \| (?P<steps>[1-9].*?) \|", re.MULTILINE)
# What differs from run to run, and what the terminal's width does to tables.
_VARIABLE: Final = {
    r"[┌┐└┘├┤┬┴┼─│\s]+": " ",
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b": "ID",
    r"\b[0-9a-f]{8,}(…|\b)": "HEX",
    r"\bopenclaw-HEX-[a-z0-9]{5}\b": "POD",
    r"\btoken-[a-z0-9]{6,}\b": "token-HASH",
    r"\bfd7a:[0-9a-f:]+": "ADDRESS",
    r"\b(?!127\.)\d+\.\d+\.\d+\.\d+(:\d+|/\d+)?": "ADDRESS",
    r"\b(Pending|Paired) \(\d+\)": r"\1",
    r"\bjust now\b|\b\d+ milliseconds|\b(\d+(\.\d+)?(ms|s|m|h|d))+\b( ago)?": "TIME",
    r"(\d/\d \w+) \d+( \(TIME\))?": r"\1 RESTARTS",
    r"(\blinux) .*": r"\1",
}


@dataclass(frozen=True)
class Block:
    """A command of the page. `place`: on the person's device, or where kubectl and pulumi are."""

    name: str
    place: str
    command: str
    output: str

    def fits(self, printed: str) -> bool:
        """All its lines are in what was printed, in their order."""
        return self.output.strip() != "" and None not in self.matched(printed)

    def matched(self, printed: str) -> list[str | None]:
        """For each line of the page the printed one; None for a line that is not there."""
        lines = iter([line.rstrip() for line in printed.splitlines()])
        wanted = [line for line in self.output.splitlines() if line.strip()]
        return [
            line if line == LEFT_OUT else next((other for other in lines if masked(other) == masked(line)), None)
            for line in wanted
        ]


@dataclass(frozen=True)
class Page:
    """The page, with the places of this world where its commands are typed."""

    laptop: Device
    gateway: Gateway
    stack: Stack

    def shows(self, name: str, seconds: float = 20, **values: str) -> str:
        """Runs the block's command until it prints what the page says, and returns that; no other block of this command may fit as well.
        `values` are the variables that the page tells people to set. `seconds` 0 is for commands that change something."""
        block = blocks()[name]
        deadline = time.monotonic() + (seconds if block.output.strip() else min(3, seconds))
        while not block.fits(printed := self._run(block, values)) and time.monotonic() < deadline:
            time.sleep(0.5)
        print(f"{name}: {block.command}\n{printed}")
        if UPDATE:
            block = _written(block, printed)
        fitting = [other.name for other in blocks().values() if other.command == block.command and other.fits(printed)]
        assert fitting == [name], f"{block.command}\nprinted:\n{printed}\nthe page says:\n{block.output}"
        return printed

    def _run(self, block: Block, values: dict[str, str]) -> str:
        command = "".join(f"{name}='{value}'\n" for name, value in values.items()) + block.command
        if block.place == "laptop":
            program = f"{self.gateway.world.home.bin}/tailscale --socket={self.laptop.socket}"
            # As on a machine of its own: tailscale looks for tailscaled among the processes.
            alone = ("unshare", "--pid", "--fork", "--mount-proc", "bash", "-c")
            done = self.laptop.run(*alone, f'tailscale() {{ {program} "$@"; }}\n{command}')
        else:
            (short,) = _SHORT.findall(DOCUMENT.read_text())
            done = subprocess.run(
                ["bash", "-c", f"{self._programs()}{short}{command}"],
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=90,
                check=False,
            )
        return done.stdout + done.stderr

    def _programs(self) -> str:
        world = self.gateway.world
        kubectl = f"{program(world.home)} --kubeconfig={world.kubeconfig}"
        pulumi = f"{self.stack.cli} --cwd={world.home.run / 'engine' / self.stack.name}"
        python = f'python() {{ {sys.executable} "$@"; }}\n'
        return f'{python}kubectl() {{ {kubectl} "$@"; }}\npulumi() {{ {pulumi} "$@" --stack={self.stack.name}; }}\n'

    def _environment(self) -> dict[str, str]:
        home = self.gateway.world.home
        return home.environment() | {
            "PULUMI_HOME": str(home.pulumi),
            "PULUMI_BACKEND_URL": f"file://{home.state}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(home.run / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }


def masked(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, name in _VARIABLE.items():
        line = re.sub(pattern, name, line)
    return line.strip()


def blocks() -> dict[str, Block]:
    """The page's commands by name."""
    return {match["name"]: Block(**match.groupdict()) for match in _BLOCK.finditer(DOCUMENT.read_text())}


def steps(seen: str) -> set[int]:
    """The steps to which the page's first table sends somebody who sees this; each row has its signs as code."""
    for row in _ROW.finditer(DOCUMENT.read_text()):
        if any(sign in seen for sign in re.findall("`(.+?)`", row["signs"])):
            return {int(number) for number in re.findall(r"\b[1-9]\b", row["steps"])}
    raise AssertionError(f"the page's table has no row for:\n{seen}")


def shown(test: Path) -> list[str]:
    """Names of the blocks that the tests of a file run."""
    calls = [node for node in ast.walk(ast.parse(test.read_text())) if isinstance(node, ast.Call)]
    return [
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "shows" and isinstance(call.args[0], ast.Constant)
    ]


def _written(block: Block, printed: str) -> Block:
    """The block as the page has it now."""
    text = DOCUMENT.read_text()
    match = next(match for match in _BLOCK.finditer(text) if match["name"] == block.name)
    lines = [line for line in block.matched(printed) if line is not None] if block.fits(printed) else [printed.strip()]
    DOCUMENT.write_text(text[: match.start("output")] + "\n".join(lines) + "\n" + text[match.end("output") :])
    return blocks()[block.name]
