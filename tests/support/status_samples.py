"""Recorded answers of real programs (tests/unit/addons/samples), and containers in which they are given again."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from addons.status.execution import Execute, Place, Printed

SAMPLES: Final = Path(__file__).parents[1] / "unit" / "addons" / "samples"
TAILSCALE: Final = SAMPLES / "tailscale-1.102.3"
OPENCLAW: Final = SAMPLES / "openclaw-2026.9.6"
PLACE: Final = Place("openclaw-home", "openclaw-1", "tailscale")

# Gives what was recorded for its arguments, on both streams and with its exit code; else what it says of unknown flags.
_PLAYED: Final = """#!/bin/sh
case "$*" in
  "debug watch-ipn"*) name=watch ;;
  "status --json") name=status ;;
  "metrics print") name=metrics ;;
  "serve status --json") name=serve ;;
  "netcheck --format=json") name=netcheck ;;
  "debug derp-map") name=relays ;;
esac
if [ ! -e "$RECORDED/$name.out" ]; then
  echo "flag provided but not defined: -x" >&2
  exit 2
fi
[ ! -e "$RECORDED/$name.err" ] || cat "$RECORDED/$name.err" >&2
cat "$RECORDED/$name.out"
exit "$(cat "$RECORDED/$name.code" 2>/dev/null || echo 0)"
"""


@dataclass(frozen=True)
class Sidecar:
    """A container with the recorded `tailscale`, in which commands really run."""

    home: Path
    recorded: Path

    @classmethod
    def of(cls, home: Path, case: str) -> "Sidecar":
        """`case`: a directory of the samples."""
        program = home / "tailscale"
        program.write_text(_PLAYED)
        program.chmod(0o755)
        return cls(home, TAILSCALE / case)

    def __call__(self, place: Place, command: Sequence[str], seconds: float) -> Printed:
        environment = {
            "PATH": f"{self.home}:{os.environ['PATH']}",
            "RECORDED": str(self.recorded),
            "TS_STATE_DIR": str(self.home),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
        return Printed(done.stdout, done.stderr, done.returncode)


def saying(out: str, err: str = "", code: int | None = 0) -> Execute:
    """A container in which every command prints this."""

    def execute(place: Place, command: Sequence[str], seconds: float) -> Printed:
        return Printed(out, err, code)

    return execute


def gateway_answer(name: str) -> dict[str, Any]:
    """What gateway.mjs printed in a real gateway's container."""
    return json.loads((OPENCLAW / f"{name}.json").read_text())
