"""The Pulumi CLI in a session of its own: a terminal's Ctrl-C reaches whoever started it, and not the engine as well."""

import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from pulumi.automation import CommandResult, OnOutput, PulumiCommand
from pulumi.automation.errors import create_command_error


class OwnSession(PulumiCommand):
    """A second SIGINT would make the engine leave at once what is in flight; so exactly one party may send the first."""

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """As the SDK's own. Raises CommandError."""
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        if Path(self.command).is_absolute():
            # What was bundled with the CLI stands beside it.
            environment["PATH"] = f"{Path(self.command).parent}{os.pathsep}{environment.get('PATH', '')}"
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            encoding="utf-8",
            start_new_session=True,
        )
        with process, ThreadPoolExecutor(2) as readers:
            out, err = (
                readers.submit(_lines, stream, told)
                for stream, told in ((process.stdout, on_output), (process.stderr, on_error))
            )
            result = CommandResult(stdout=out.result(), stderr=err.result(), code=process.wait())
        if result.code:
            raise create_command_error(result)
        return result


def _lines(stream: IO[str] | None, told: OnOutput | None) -> str:
    lines: list[str] = []
    for line in stream or ():
        lines.append(line.rstrip())
        if told:
            told(lines[-1])
    return "\n".join(lines)
