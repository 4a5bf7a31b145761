"""The cluster's API, as far as the status reads it: lists, watches, and programs in containers. The only way out to it."""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from addons.errors import AddonsError
from addons.status.execution import NotRun, Place, Printed
from addons.status.lenient import Json, items, mapping, shortened, text
from components.settings import Cluster as ClusterSettings

# For a connection, and for each silence on one; a watch may be silent for as long as it lasts besides.
TIMEOUT_SECONDS: Final = 5.0
# More than any script of ours prints; a peer list of a thousand devices has 2 MB.
PRINTED_MAX: Final = 8 * 2**20
CONNECTIONS: Final = 16
_PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDOUT, _STDERR, _ERROR, _CLOSED = 1, 2, 3, 255


@dataclass(frozen=True)
class Kind:
    """The objects of one kind that matter, in all namespaces."""

    name: str
    path: str
    selector: tuple[str, str]


class Gone(Exception):
    """The version to watch from is too old: list again."""


class Unreachable(AddonsError):
    """The cluster's API did not answer, or not with what was asked for."""


@dataclass(frozen=True)
class Listed:
    objects: Sequence[Json]
    version: str


@dataclass(frozen=True)
class Happened:
    """One event of a watch: ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Json


class Edge(Protocol):
    """What the readings ask of the network: the tests count on it, and fail at it."""

    def list(self, kind: Kind) -> Listed:
        """Raises Unreachable."""
        ...

    def watch(self, kind: Kind, version: str, seconds: int) -> Iterator[Happened]:
        """Everything that happens within so many seconds. Raises Unreachable, or Gone."""
        ...

    def execute(self, place: Place, command: Sequence[str], seconds: float) -> Printed:
        """As `Execute` says."""
        ...


class KubernetesApi:
    """The cluster of a stack, with the kubeconfig that its settings name; it is read when first something is asked."""

    def __init__(self, settings: ClusterSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Any = None

    def list(self, kind: Kind) -> Listed:
        response = self._get(kind, [], TIMEOUT_SECONDS)
        try:
            answer = mapping(_json(response.data))
        except Exception as error:
            raise _unreachable(kind, error) from None
        # An empty list is null, and a proxy's page is no list at all.
        if "items" not in answer:
            raise Unreachable(f"The cluster's API gave no list of {kind.name}")
        version = text(mapping(answer.get("metadata")).get("resourceVersion"))
        return Listed([mapping(entry) for entry in items(answer.get("items"))], version)

    def watch(self, kind: Kind, version: str, seconds: int) -> Iterator[Happened]:
        query = [("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", version)]
        response = self._get(kind, [*query, ("timeoutSeconds", seconds)], seconds + TIMEOUT_SECONDS)
        try:
            for line in import_module("kubernetes.watch.watch").iter_resp_lines(response):
                event = mapping(_json(line))
                happened = Happened(text(event.get("type")), mapping(event.get("object")))
                if happened.type == "ERROR":
                    _refused(kind, happened.object.get("code"), text(happened.object.get("message")))
                if not happened.object:
                    raise Unreachable(f"The cluster's API gave no events of {kind.name}")
                yield happened
        except Exception as error:
            raise _unreachable(kind, error) from None
        finally:
            response.close()

    def execute(self, place: Place, command: Sequence[str], seconds: float) -> Printed:
        socket = self._socket(place, command)
        try:
            return _read_out(place, socket, time.monotonic() + seconds)
        finally:
            socket.close(timeout=0)

    def _socket(self, place: Place, command: Sequence[str]) -> Any:
        # Not the client's own `stream`: it waits for a silent server for ever, and is not for several threads.
        websocket, channels = import_module("websocket"), import_module("kubernetes.stream.ws_client")
        wanted = [("container", place.container), ("stdout", "true"), ("stderr", "true")]
        query = [*wanted, *(("command", word) for word in command)]
        try:
            configuration = self._connected().configuration
            path = f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}/exec"
            url = channels.get_websocket_url(f"{configuration.host}{path}", query)
            options = {"header": _authorization(configuration), "subprotocols": list(_PROTOCOLS)}
            if configuration.proxy:
                options = channels.websocket_proxycare(options, configuration, url, {})
            socket = websocket.WebSocket(sslopt=_tls(configuration))
            socket.connect(url, timeout=TIMEOUT_SECONDS, **options)
        except Unreachable as error:
            raise NotRun(error.problem, error.hint) from None
        except Exception as error:  # of sockets, of TLS, of a handshake, of a credential plugin: no common class
            raise NotRun(f"Nothing can be run in {place}: {_handshake(error)}") from None
        return socket

    def _get(self, kind: Kind, query: Sequence[tuple[str, Any]], seconds: float) -> Any:
        try:
            return self._connected().call_api(
                kind.path,
                "GET",
                query_params=[kind.selector, *query],
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=(TIMEOUT_SECONDS, seconds),
            )
        except Exception as error:
            if getattr(error, "status", None) in (None, 0, 401):
                self._client = None  # perhaps the kubeconfig names another address or credential by now
            raise _unreachable(kind, error) from None

    def _connected(self) -> Any:
        """The client. Raises Unreachable."""
        with self._lock:
            if self._client is None:
                self._client = _client(self._settings)
            return self._client


def _client(settings: ClusterSettings) -> Any:
    # Only here: it takes a quarter of a second to import. It has no types.
    kubernetes: Any = import_module("kubernetes")
    configuration = kubernetes.client.Configuration()
    # Who watches tries again by itself, and says so meanwhile.
    configuration.retries = False
    configuration.connection_pool_maxsize = CONNECTIONS
    path = Path(settings.kubeconfig).expanduser()
    try:
        return kubernetes.config.new_client_from_config(
            str(path), settings.context, persist_config=False, client_configuration=configuration
        )
    except Exception as error:  # of the file, of its YAML, of a credential plugin: no common class
        raise Unreachable(
            f"The kubeconfig {path} cannot be used: {shortened(str(error))}",
            "See cluster.kubeconfig and cluster.context",
        ) from None


def _refused(kind: Kind, status: object, words: str) -> None:
    if status == 410:
        raise Gone
    raise Unreachable(f"The cluster's API ended the watch of {kind.name}: {shortened(words)}")


def _unreachable(kind: Kind, error: Exception) -> Exception:
    """The error in our words, without the body of an answer: that may quote a token."""
    if isinstance(error, Gone | Unreachable):
        return error
    status = getattr(error, "status", None)
    if status == 410:
        return Gone()
    if status in (401, 403):
        return Unreachable(
            f"The cluster's API refuses to list {kind.name} (HTTP {status})",
            f"The kubeconfig's user needs to list and watch {kind.name} in all namespaces",
        )
    if status:
        return Unreachable(f"The cluster's API answered HTTP {status} when asked for {kind.name}")
    return Unreachable(
        f"The cluster's API cannot be reached: {shortened(str(getattr(error, 'reason', None) or error))}"
    )


def _authorization(configuration: Any) -> list[str]:
    """The header of a token; a client certificate needs none."""
    token = configuration.auth_settings().get("BearerToken", {}).get("value")
    return [f"Authorization: {token}"] if token else []


def _tls(configuration: Any) -> dict[str, Any]:
    """The kubeconfig's certificates, as websocket-client names them."""
    given = {
        "ca_certs": configuration.ssl_ca_cert,
        "certfile": configuration.cert_file,
        "keyfile": configuration.key_file,
        "server_hostname": configuration.tls_server_name,
        "check_hostname": configuration.assert_hostname if configuration.verify_ssl else False,
    }
    required = ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE
    return {"cert_reqs": required, **{name: value for name, value in given.items() if value is not None}}


def _handshake(error: Exception) -> str:
    """Why no connection came about: in the server's words, where it answered."""
    status = getattr(error, "status_code", None)
    if status is None:
        return shortened(str(error)) or type(error).__name__
    body = mapping(_json(getattr(error, "resp_body", None) or b""))
    return shortened(text(body.get("message"))) or f"HTTP {status}"


def _read_out(place: Place, socket: Any, deadline: float) -> Printed:
    """What comes on the channels until the server closes; the socket's own waiting sees what TLS has already decrypted."""
    streams: dict[int, bytearray] = {_STDOUT: bytearray(), _STDERR: bytearray(), _ERROR: bytearray()}
    close = import_module("websocket").ABNF.OPCODE_CLOSE
    while True:
        try:
            left = deadline - time.monotonic()
            socket.settimeout(max(0.001, left))
            opcode, frame = socket.recv_data_frame(True)
        except Exception as error:  # a timeout, a reset, a broken frame: no common class
            late = time.monotonic() >= deadline
            raise NotRun(
                f"No answer from {place} in time"
                if late
                else f"The connection to {place} broke: {shortened(str(error))}"
            ) from None
        if opcode == close:
            break
        channel = frame.data[0] if frame.data else _CLOSED
        if channel in streams:
            streams[channel] += frame.data[1:]
        if sum(map(len, streams.values())) > PRINTED_MAX:
            raise NotRun(f"{place} printed more than {PRINTED_MAX >> 20} MB")
    out, err = (bytes(streams[one]).decode(errors="replace") for one in (_STDOUT, _STDERR))
    return Printed(out, err, _code(place, streams[_ERROR]))


def _code(place: Place, status: bytearray) -> int | None:
    """The exit code, of the status that ends each run. Raises NotRun when there was no run at all."""
    said = mapping(_json(bytes(status)))
    if text(said.get("status")) == "Success":
        return 0
    for cause in items(mapping(said.get("details")).get("causes")):
        if text(mapping(cause).get("reason")) == "ExitCode" and text(mapping(cause).get("message")).isdecimal():
            return int(text(mapping(cause).get("message")))
    if text(said.get("message")):
        raise NotRun(f"Nothing can be run in {place}: {shortened(text(said.get('message')))}")
    return None


def _json(data: bytes | str) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
