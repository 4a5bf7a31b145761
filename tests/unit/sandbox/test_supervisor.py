"""Parts as process-compose runs them."""

from pathlib import Path

import pytest
import yaml

from sandbox import supervisor
from sandbox.errors import SandboxError
from sandbox.home import Home


def test_parts_become_supervised_processes() -> None:
    first = supervisor.Part("first", ["/bin/first", "$HOME"], health_url="http://127.0.0.1:8080/health")
    second = supervisor.Part("second", ["/bin/second"], ready_line="ready", after=("first",), environment={"B": "1"})
    third = supervisor.Part("third", ["/bin/third"], after=("second",))
    project = yaml.safe_load(yaml.safe_dump(supervisor.composition([first, second, third], Path("/logs"), Path("/x"))))
    processes = project["processes"]
    assert project["disable_env_expansion"] is True
    assert processes["first"]["entrypoint"] == ["/bin/first", "$HOME"]
    probe = processes["first"]["readiness_probe"]["http_get"]
    assert probe == {"host": "127.0.0.1", "port": "8080", "scheme": "http", "path": "/health"}
    assert processes["second"]["depends_on"] == {"first": {"condition": "process_healthy"}}
    assert processes["second"]["ready_log_line"] == "ready"
    assert processes["second"]["environment"] == ["B=1"]
    assert processes["third"]["depends_on"] == {"second": {"condition": "process_log_ready"}}
    assert {process["availability"]["restart"] for process in processes.values()} == {"always"}
    assert processes["third"]["log_location"] == "/logs/third.log"


def test_a_socket_path_that_cannot_work_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="too long for a Unix socket"):
        supervisor.Supervisor(Home(tmp_path / ("x" * 100), tmp_path))
