"""The way to the cluster over real sockets: lists, watches, programs in containers, and every way in which they fail."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from addons.status import kubernetes_api
from addons.status.execution import NotRun, Place
from addons.status.kubernetes_api import Gone, Kind, KubernetesApi, Unreachable
from components.settings import Cluster
from tests.support.certificates import AUTHORITY
from tests.support.exec_server import ERROR, STDERR, STDOUT, exec_server, failed, kubeconfig

PODS = Kind("pods", "/api/v1/pods", ("labelSelector", "openclaw-tailnet/stack=dev"))
PLACE = Place("openclaw-home", "openclaw-1", "tailscale")
# Where nothing is to be late: the processors of a machine that runs tests have much to do.
PATIENCE = 60.0
POD = {"metadata": {"name": "openclaw-1", "namespace": "openclaw-home", "resourceVersion": "8"}}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_api, "TIMEOUT_SECONDS", PATIENCE)


@contextmanager
def serving(directory: Path, status: int, body: bytes, wait: float = 0.0) -> Generator[tuple[Cluster, list[str]]]:
    """An API server with one answer for everything; it stays silent for so long behind it."""
    paths: list[str] = []
    silence = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            paths.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(status)
            # In pieces, as the real one answers a watch.
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.end_headers()
            if body:
                self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
            silence.wait(wait)
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield Cluster(kubeconfig=str(kubeconfig(directory, f"http://127.0.0.1:{server.server_port}"))), paths
    silence.set()
    server.shutdown()
    server.server_close()


def lines(*events: Any) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def test_a_list_has_the_objects_and_the_version_to_watch_from(tmp_path: Path) -> None:
    body = json.dumps({"metadata": {"resourceVersion": "7"}, "items": [POD]}).encode()
    with serving(tmp_path, 200, body) as (settings, paths):
        listed = KubernetesApi(settings).list(PODS)
    assert (list(listed.objects), listed.version) == ([POD], "7")
    assert paths == ["/api/v1/pods?labelSelector=openclaw-tailnet%2Fstack%3Ddev Bearer secret-token"]


def test_an_empty_list_may_be_null(tmp_path: Path) -> None:
    with serving(tmp_path, 200, b'{"metadata": {"resourceVersion": "7"}, "items": null}') as (settings, _):
        assert list(KubernetesApi(settings).list(PODS).objects) == []


def test_a_watch_has_each_event_and_ends_with_the_answer(tmp_path: Path) -> None:
    bookmark = {"metadata": {"resourceVersion": "9"}}
    body = lines({"type": "ADDED", "object": POD}, {"type": "BOOKMARK", "object": bookmark})
    with serving(tmp_path, 200, body) as (settings, paths):
        events = [(event.type, event.object) for event in KubernetesApi(settings).watch(PODS, "7", 3)]
    assert events == [("ADDED", POD), ("BOOKMARK", bookmark)]
    (path,) = paths
    for part in ("watch=true", "allowWatchBookmarks=true", "resourceVersion=7", "timeoutSeconds=3"):
        assert part in path


@pytest.mark.parametrize("body", [lines({"type": "ERROR", "object": {"code": 410, "message": "too old"}}), b""])
def test_a_version_that_is_too_old_is_told_from_a_failure(tmp_path: Path, body: bytes) -> None:
    with serving(tmp_path, 200 if body else 410, body) as (settings, _), pytest.raises(Gone):
        list(KubernetesApi(settings).watch(PODS, "7", 3))


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (403, b'{"message": "no: secret-body"}', "The cluster's API refuses to list pods (HTTP 403)"),
        (401, b"", "The cluster's API refuses to list pods (HTTP 401)"),
        (500, b"secret-body", "The cluster's API answered HTTP 500 when asked for pods"),
        (200, b"<html>a proxy's page</html>", "The cluster's API gave no list of pods"),
        (200, b"", "The cluster's API gave no list of pods"),
    ],
)
def test_an_answer_that_is_no_list_is_a_problem_in_words(
    tmp_path: Path, status: int, body: bytes, problem: str
) -> None:
    with serving(tmp_path, status, body) as (settings, _), pytest.raises(Unreachable) as error:
        KubernetesApi(settings).list(PODS)
    assert error.value.problem == problem
    assert "secret" not in str(error.value)


def test_a_watch_that_gives_a_page_is_a_problem(tmp_path: Path) -> None:
    with (
        serving(tmp_path, 200, b"<html>\n") as (settings, _),
        pytest.raises(Unreachable, match="gave no events of pods"),
    ):
        list(KubernetesApi(settings).watch(PODS, "7", 3))


def test_a_watch_that_is_ended_with_an_error_says_it(tmp_path: Path) -> None:
    body = lines({"type": "ERROR", "object": {"code": 500, "message": "etcd is gone"}})
    with (
        serving(tmp_path, 200, body) as (settings, _),
        pytest.raises(Unreachable, match="ended the watch of pods: etcd is gone"),
    ):
        list(KubernetesApi(settings).watch(PODS, "7", 3))


def test_a_connection_that_falls_silent_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets that vanish break no connection: only its silence tells."""
    monkeypatch.setattr(kubernetes_api, "TIMEOUT_SECONDS", 3.0)
    begin = time.monotonic()
    with serving(tmp_path, 200, lines({"type": "ADDED", "object": POD}), 20) as (settings, _):
        events = KubernetesApi(settings).watch(PODS, "7", 1)
        assert next(events).type == "ADDED"
        with pytest.raises(Unreachable, match=r"cannot be reached: .* timed out"):
            next(events)
    assert time.monotonic() - begin < 18


def test_a_cluster_that_is_not_there_is_a_problem_in_words(tmp_path: Path) -> None:
    api = KubernetesApi(Cluster(kubeconfig=str(kubeconfig(tmp_path, "http://127.0.0.1:9"))))
    with pytest.raises(Unreachable, match="The cluster's API cannot be reached: "):
        api.list(PODS)


def test_without_a_kubeconfig_its_path_is_named_and_it_is_read_again_later(tmp_path: Path) -> None:
    api = KubernetesApi(Cluster(kubeconfig=str(tmp_path / "kubeconfig")))
    for attempt in (lambda: api.list(PODS), lambda: api.execute(PLACE, ["true"], 1)):
        with pytest.raises((Unreachable, NotRun), match=f"The kubeconfig {tmp_path}/kubeconfig cannot be used"):
            attempt()
    with serving(tmp_path, 200, b'{"items": []}'):
        assert list(api.list(PODS).objects) == []


def test_a_cluster_that_moved_is_found_by_its_kubeconfig(tmp_path: Path) -> None:
    with serving(tmp_path, 200, b'{"items": []}') as (settings, _):
        api = KubernetesApi(settings)
        api.list(PODS)
    with pytest.raises(Unreachable):
        api.list(PODS)
    with serving(tmp_path, 200, b'{"items": []}'):
        api.list(PODS)


def test_a_program_s_streams_and_exit_code_are_apart(tmp_path: Path) -> None:
    frames = [(STDOUT, "grün\n".encode()), (STDERR, b"warning"), (STDOUT, b"second")]
    with exec_server(tmp_path, frames=frames, status=failed(3)) as (server, settings):
        printed = KubernetesApi(settings).execute(PLACE, ["sh", "-c", 'echo "$1"', "sh", "a b"], PATIENCE)
    assert (printed.out, printed.err, printed.code) == ("grün\nsecond", "warning", 3)
    ((path, query, headers),) = server.asked
    assert path == "/api/v1/namespaces/openclaw-home/pods/openclaw-1/exec"
    assert query["command"] == ["sh", "-c", 'echo "$1"', "sh", "a b"]
    assert (query["container"], query["stdout"], query["stderr"]) == (["tailscale"], ["true"], ["true"])
    assert headers["Authorization"] == "Bearer secret-token"


def test_the_kubeconfig_s_certificates_are_shown_and_asked_for(tmp_path: Path) -> None:
    with exec_server(tmp_path, tmp_path, frames=[(STDOUT, b"x")]) as (server, settings):
        assert KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE).out == "x"
    ((_, _, headers),) = server.asked
    assert "Authorization" not in headers


def test_a_server_of_another_authority_is_not_spoken_to(tmp_path: Path) -> None:
    with exec_server(tmp_path, tmp_path) as (server, settings):
        (tmp_path / "ca.crt").write_text(AUTHORITY)
        with pytest.raises(NotRun, match="certificate verify failed"):
            KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE)
    assert server.asked == []


def test_a_program_that_ends_well_has_code_0(tmp_path: Path) -> None:
    with exec_server(tmp_path, frames=[(STDOUT, b"x")]) as (_, settings):
        assert KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE).code == 0


@pytest.mark.parametrize("frames", [[], [(9, b"?")], [(STDOUT, b"\xff\xfe")], [(STDOUT, b""), (255, b"\x01")]])
def test_strange_frames_are_no_error(tmp_path: Path, frames: list[tuple[int, bytes]]) -> None:
    with exec_server(tmp_path, frames=frames) as (_, settings):
        assert KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE).code == 0


def test_a_connection_that_ends_without_a_status_has_no_code(tmp_path: Path) -> None:
    with exec_server(tmp_path, frames=[(STDOUT, b"half")], status=None) as (_, settings):
        printed = KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE)
    assert (printed.out, printed.code) == ("half", None)


def test_a_program_that_takes_too_long_is_left(tmp_path: Path) -> None:
    begin = time.monotonic()
    with exec_server(tmp_path, frames=[(STDOUT, b"x")], pause=3) as (_, settings), pytest.raises(NotRun) as error:
        KubernetesApi(settings).execute(PLACE, ["sleep", "60"], 1)
    assert error.value.problem == "No answer from tailscale of openclaw-home/openclaw-1 in time"
    assert time.monotonic() - begin < 10


def test_a_server_that_never_shakes_hands_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_api, "TIMEOUT_SECONDS", 2.0)
    with exec_server(tmp_path, silent=12.0) as (_, settings):
        begin = time.monotonic()
        with pytest.raises(NotRun, match=r"openclaw-1: .*timed out"):
            KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE)
        assert time.monotonic() - begin < 10


def test_a_refusal_is_said_in_the_server_s_words(tmp_path: Path) -> None:
    """The admission guard lets nobody else into a sidecar."""
    words = 'exec and attach are for the containers "gateway" and "node"'
    with exec_server(tmp_path, refusal=(403, {"message": words})) as (_, settings), pytest.raises(NotRun) as error:
        KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE)
    assert error.value.problem == f"Nothing can be run in tailscale of openclaw-home/openclaw-1: {words}"


def test_a_refusal_without_words_has_its_status(tmp_path: Path) -> None:
    with (
        exec_server(tmp_path, refusal=(404, "")) as (_, settings),
        pytest.raises(NotRun, match=r"openclaw-1: HTTP 404$"),
    ):
        KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE)


def test_a_container_that_cannot_be_entered_is_told_from_an_exit_code(tmp_path: Path) -> None:
    status = {"status": "Failure", "message": 'container not found ("tailscale")', "reason": "InternalError"}
    with exec_server(tmp_path, status=status) as (_, settings), pytest.raises(NotRun, match="container not found"):
        KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE)


def test_a_flood_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_api, "PRINTED_MAX", 2**20)
    frames = [(STDOUT, b"x" * 2**16)] * 64
    with exec_server(tmp_path, frames=frames) as (_, settings), pytest.raises(NotRun, match="printed more than 1 MB"):
        KubernetesApi(settings).execute(PLACE, ["yes"], PATIENCE)


def test_many_runs_at_once_do_not_mix(tmp_path: Path) -> None:
    with exec_server(tmp_path, frames=[(STDOUT, b"mine")], pause=0.2) as (server, settings):
        api = KubernetesApi(settings)
        results: list[str] = []
        threads = [
            threading.Thread(target=lambda: results.append(api.execute(PLACE, ["true"], PATIENCE).out))
            for _ in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == ["mine"] * 10
    assert len(server.asked) == 10


def test_an_error_channel_of_any_kind_is_no_error(tmp_path: Path) -> None:
    with exec_server(tmp_path, frames=[(ERROR, b"{not json")], status=None) as (_, settings):
        assert KubernetesApi(settings).execute(PLACE, ["true"], PATIENCE).code is None
