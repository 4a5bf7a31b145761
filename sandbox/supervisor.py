"""Supervision by process-compose: the file that it is given, starting it, asking it, ending it."""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from engine.processes import Process, end, replaced, start_time
from sandbox.errors import SandboxError
from sandbox.home import Home, write_private
from sandbox.processes import belongs

_SOCKET_PATH_MAX: Final = 100  # sun_path holds 108 bytes


@dataclass(frozen=True)
class Part:
    """One supervised process. Ready means: the URL answers 200, or the line was printed; without either, it runs."""

    name: str
    command: Sequence[str]
    health_url: str | None = None
    ready_line: str | None = None
    after: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def condition(self) -> str:
        """The condition that process-compose waits for before it starts a part that comes after this one."""
        if self.health_url:
            return "process_healthy"
        return "process_log_ready" if self.ready_line else "process_started"


@dataclass(frozen=True)
class State:
    """The state of one part, as process-compose reports it."""

    running: bool
    ready: bool
    restarts: int
    pid: int
    detail: str


def composition(parts: Sequence[Part], logs: Path, root: Path) -> dict[str, Any]:
    """The process-compose project of these parts."""
    processes: dict[str, Any] = {}
    conditions = {part.name: part.condition for part in parts}
    for part in parts:
        process: dict[str, Any] = {
            "entrypoint": list(part.command),
            "working_dir": str(root),
            "environment": [f"{key}={value}" for key, value in sorted(part.environment.items())],
            "log_location": str(logs / f"{part.name}.log"),
            "log_configuration": {
                "no_metadata": True,
                "disable_json": True,
                "add_timestamp": True,
                "timestamp_format": "2006-01-02T15:04:05.000Z07:00",
                "flush_each_line": True,
                "rotation": {"max_size_mb": 20, "max_backups": 1},
            },
            "availability": {"restart": "always", "backoff_seconds": 1},
            "shutdown": {"signal": 15, "timeout_seconds": 5},
            "depends_on": {name: {"condition": conditions[name]} for name in part.after},
        }
        if part.health_url:
            url = httpx.URL(part.health_url)
            process["readiness_probe"] = {
                "http_get": {"host": url.host, "port": str(url.port), "scheme": url.scheme, "path": url.path},
                # At the threshold process-compose restarts the part: a start, and a wait for another part, need time.
                "period_seconds": 1,
                "timeout_seconds": 2,
                "failure_threshold": 30,
            }
        if part.ready_line:
            process["ready_log_line"] = part.ready_line
        processes[part.name] = process
    return {
        "version": "0.5",
        "is_strict": True,
        # A `$` in a path or an argument is a `$`.
        "disable_env_expansion": True,
        "processes": processes,
    }


class Supervisor:
    """One process-compose, detached, driven through a socket in a directory that only this user opens."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.socket = home.run / "supervisor.sock"
        self._file = home.run / "process-compose.yaml"
        self._record = home.run / "supervisor.json"
        if len(str(self.socket)) > _SOCKET_PATH_MAX:
            raise SandboxError(f"{self.socket} is too long for a Unix socket", "Set SANDBOX_HOME to a shorter path")

    def process(self) -> Process | None:
        """The running process-compose that this home recorded."""
        if not self._record.exists():
            return None
        process = Process(**json.loads(self._record.read_text()))
        return process if process.alive() and belongs(process.pid, self.home.world_id()) else None

    def start(self, parts: Sequence[Part]) -> str:
        """Make these parts, and no others, run; says what was done: started, repaired or running."""
        text = yaml.safe_dump(composition(parts, self.home.logs, self.home.root), sort_keys=False)
        done = "started"
        if self.process() is not None:
            states = self._answer()
            if states is not None and self._file.exists() and self._file.read_text() == text:
                asleep = [part.name for part in parts if part.name not in states or not states[part.name].running]
                outdated = [name for name, state in states.items() if state.running and replaced(state.pid)]
                for action, names in {"start": asleep, "restart": outdated}.items():
                    for name in names:
                        self._post(f"/process/{action}/{name}")
                return "repaired" if asleep or outdated else "running"
            done = "repaired"
        self.stop()
        write_private(self._file, text)
        self._launch()
        return done

    def states(self) -> dict[str, State]:
        """Empty when process-compose does not run."""
        return (self._answer() or {}) if self.process() else {}

    def wait(self, parts: Iterable[Part], seconds: float = 30.0) -> None:
        """Until all of them are ready."""
        deadline = time.monotonic() + seconds
        waiting = list(parts)
        while waiting := [part for part in waiting if not self._ready(part)]:
            if time.monotonic() > deadline:
                name = waiting[0].name
                state = self.states().get(name)
                log = self.home.logs / f"{name}.log"
                lines = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
                raise SandboxError(
                    f"{name} is not ready after {seconds:.0f} s ({state.detail if state else 'not started'}): "
                    + " | ".join(lines),
                    f"Log: {log}",
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """End the parts in reverse order, then process-compose itself."""
        process = self.process()
        if process is not None:
            with contextlib.suppress(httpx.HTTPError):  # hung or still starting: it is ended below
                self._post("/project/stop")
            deadline = time.monotonic() + 10
            while any(state.running for state in (self._answer() or {}).values()) and time.monotonic() < deadline:
                time.sleep(0.05)
            # With its parts gone nothing is lost; left alone it may sit out a part's time-out first.
            end([process], patience=0.5)
        self._record.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)

    def _launch(self) -> None:
        command = [
            str(self.home.bin / "process-compose"),
            *("up", "--config", str(self._file), "--tui=false", "--keep-project", "--ordered-shutdown"),
            *("--disable-dotenv", "--use-uds", "--unix-socket", str(self.socket)),
            *("--log-file", str(self.home.logs / "process-compose.log")),
        ]
        # Its output repeats the parts' logs, without end.
        child = subprocess.Popen(
            command,
            cwd=self.home.run,
            env={**self.home.environment(), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started = start_time(child.pid)
        write_private(self._record, json.dumps({"pid": child.pid, "started": started}))
        deadline = time.monotonic() + 15
        while self._answer() is None:
            if child.poll() is not None or time.monotonic() > deadline:
                log = self.home.logs / "process-compose.log"
                tail = log.read_text(errors="replace").splitlines()[-1:] if log.exists() else []
                raise SandboxError(f"process-compose did not start: {tail}", f"Log: {log}")
            time.sleep(0.03)

    def _ready(self, part: Part) -> bool:
        if part.health_url:
            # Asked here as well: process-compose probes every second, which is long in a start of few seconds.
            try:
                return httpx.get(part.health_url, timeout=2, trust_env=False).status_code == 200
            except httpx.TransportError:
                return False
        state = self.states().get(part.name)
        return state is not None and state.running and (state.ready or not part.ready_line)

    def _answer(self) -> dict[str, State] | None:
        try:
            with self._client() as client:
                response = client.get("/processes")
        except httpx.TransportError:
            return None
        if response.is_error:
            return None
        return {
            entry["name"]: State(
                running=bool(entry["is_running"]),
                ready=entry["is_ready"] == "Ready",
                restarts=int(entry["restarts"]),
                pid=int(entry["pid"]),
                detail=str(entry["status"]),
            )
            for entry in response.json()["data"]
        }

    def _post(self, path: str) -> None:
        with self._client() as client:
            client.post(path)

    def _client(self) -> httpx.Client:
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://process-compose", timeout=10
        )
