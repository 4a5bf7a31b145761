"""`make test` and `make e2e`: two runs of pytest side by side, each with servers or a world of its own, for two processors.

`python -m tests.side_by_side test|e2e [--half NAME] [--reports DIRECTORY] [--minutes N]`: JUnit reports go to the directory; after
N minutes the tests are asked to end, so that worlds are taken down and the reports are written.
"""

import argparse
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Final

REPO: Final = Path(__file__).resolve().parent.parent
E2E: Final = Path("tests/e2e")
# Each half finds its gateways as its last test left them: no file is in both, and one that is in neither would be lost.
FAULTS: Final = (
    "test_config.py",
    "test_faults.py",
    "test_port_forward.py",
    "test_restarts.py",
    "test_troubleshooting.py",
)
# Their tests leave Alice's gateway otherwise than it is declared, and none puts it back for the next one, which has a way of its
# own: after those that find it as declared.
CHANGE: Final = (
    "test_agent.py",
    "test_browser.py",
    "test_demo.py",
    "test_node.py",
    "test_owner.py",
    "test_plugins.py",
    "test_portals.py",
    "test_reach_https.py",
)
# It takes all processors.
LAST: Final = "test_load.py"
# As `timeout` has it.
TOO_LATE: Final = 124
# Seconds in which a world is taken down.
_GOODBYE: Final = 150.0


def halves(tests: str) -> dict[str, list[str]]:
    """Of "test" or "e2e": what pytest runs in each half, in this order."""
    if tests == "test":
        # One process only computes, the other waits for servers, too.
        return {"unit": ["tests/unit", "tests/policies", "tests/browser"], "engine": ["tests/engine"]}
    files = sorted((REPO / E2E).glob("test_*.py"), key=lambda path: (path.name == LAST, path.name in CHANGE, path.name))
    faults = [path for path in files if any(path.match(pattern) for pattern in FAULTS)]
    rest = [path for path in files if path not in faults]
    return {
        name: [str(path.relative_to(REPO)) for path in paths]
        for name, paths in {"journeys": rest, "faults": faults}.items()
    }


def command(name: str, files: Sequence[str], reports: Path | None, *, verbose: bool) -> list[str]:
    """pytest over one half. What failed last is remembered for each half."""
    options = [*(["-v"] if verbose else []), "--durations=20", "-o", f"cache_dir=.pytest_cache/{name}"]
    options += [f"--junitxml={reports}/{name}.xml"] if reports else []
    return [sys.executable, "-m", "pytest", *options, *files]


def passed_on(name: str, stream: IO[str]) -> None:
    for line in stream:
        print(f"{name:>8} | {line}", end="", flush=True)


def run(commands: dict[str, list[str]], seconds: float | None = None) -> int:
    """Runs all at once and passes on what they say; the highest exit code, or TOO_LATE when they had to be ended."""
    # In sessions of their own: Ctrl-C comes from here alone, once, and lets each take its world down.
    processes = {
        name: subprocess.Popen(
            words, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        for name, words in commands.items()
    }
    readers = [
        threading.Thread(target=passed_on, args=(name, process.stdout))
        for name, process in processes.items()
        if process.stdout is not None
    ]
    for reader in readers:
        reader.start()
    late = False
    deadline = time.monotonic() + seconds if seconds is not None else float("inf")
    while any(process.poll() is None for process in processes.values()):
        try:
            time.sleep(0.2)
            if time.monotonic() < deadline:
                continue
            print("The tests are ended, as their time is over." if not late else "They do not end.", flush=True)
            _signal(processes.values(), signal.SIGKILL if late else signal.SIGINT)
        except KeyboardInterrupt:
            _signal(processes.values(), signal.SIGINT)
        late, deadline = True, time.monotonic() + _GOODBYE
    for reader in readers:
        reader.join()
    return (
        TOO_LATE
        if late
        else max(process.returncode if process.returncode >= 0 else 1 for process in processes.values())
    )


def _signal(processes: Iterable["subprocess.Popen[str]"], number: signal.Signals) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", choices=("test", "e2e"))
    parser.add_argument("--half")
    parser.add_argument("--reports", type=Path)
    parser.add_argument("--minutes", type=float)
    given = parser.parse_args(arguments)
    # Whoever ends this ends the worlds, too. A shell's background job would ignore Ctrl-C, and its children with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    commands = {
        name: command(name, files, given.reports, verbose=given.tests == "e2e")
        for name, files in halves(given.tests).items()
        if given.half in (None, name)
    }
    code = run(commands, max(0.0, given.minutes) * 60 if given.minutes is not None else None)
    print(f"{' and '.join(commands)} took {(time.monotonic() - began) / 60:.0f} minutes.")
    return code


if __name__ == "__main__":
    sys.exit(main())
